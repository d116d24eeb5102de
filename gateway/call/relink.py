"""A vendor's links and its name of the account become the caller's own, on the way back.

Twilio's lists name their next page by an absolute URL, and its SDKs follow it with the key in hand:
straight past the gateway, to the vendor. The vendor module says what a link looks like
(`Vendor.relink`); here an answer is cut so that every link stands whole in one piece, however it
came in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

from gateway.call.journey import Journey
from gateway.http.message import Headers, Response
from gateway.settings import Settings
from gateway.upstream.pool import Reply
from vendors.contract import Links, Vendor

_MARKS: Final = (b",", b"\n", b"{", b"}", b">")


def links_of(journey: Journey, settings: Settings) -> Links:
    """How this caller reaches the vendor: the public URL, or the host that it called."""
    host = journey.request.headers.get(b"host", b"").decode("latin-1")
    base_url = settings.server.public_url.rstrip("/") or f"{journey.request.scheme}://{host}"
    return Links(journey.upstream.account, journey.called, f"{base_url}/{journey.key.terms.vendor}")


def may_link(headers: Mapping[bytes, bytes]) -> bool:
    """Is this a kind of answer that links, or the account's name, stand in?"""
    content_type = headers.get(b"content-type", b"")
    return b"json" in content_type or b"xml" in content_type


def relinked(journey: Journey, reply: Reply, headers: Headers, settings: Settings) -> Response:
    """The answer with the caller's own links in it."""
    vendor, links = journey.vendor, links_of(journey, settings)
    if reply.body is not None:
        return Response(reply.status, headers, vendor.relink(reply.body, links))
    return Response(reply.status, headers, stream=Relinked(reply.chunks(), vendor, links))


class Relinked:
    """A streaming body with its links changed. Holds back as much as one link can have."""

    __slots__ = ("_held", "_links", "_over", "_pieces", "_vendor")

    def __init__(self, pieces: AsyncIterator[bytes], vendor: Vendor, links: Links) -> None:
        self._pieces = pieces
        self._vendor = vendor
        self._links = links
        self._held = b""
        self._over = False

    def __aiter__(self) -> Relinked:
        return self

    async def __anext__(self) -> bytes:
        while not self._over:
            piece = await anext(self._pieces, b"")
            self._over = not piece
            text = self._held + piece
            cut = len(text) if self._over else self._safe_cut(text)
            self._held = text[cut:]
            if cut:
                return self._vendor.relink(text[:cut], self._links)
        raise StopAsyncIteration

    def _safe_cut(self, text: bytes) -> int:
        """Where no link can stand across: behind a mark that none of them holds and that stands
        before each. Of one that has a long query behind it, that mark may be all there is."""
        longest = self._vendor.link_bytes_max
        end = max(0, len(text) - longest)
        begin = max(0, end - longest)
        marks = [text.rfind(mark, begin) for mark in _MARKS]
        return max(marks) + 1 or end

    async def aclose(self) -> None:
        self._over = True
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()
