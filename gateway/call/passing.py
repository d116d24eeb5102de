"""A priced body that is too large to be kept: read strictly while it passes to the vendor.

A mail with attachments has 40 MB; what it costs stands in a few hundred bytes of it. The most that
it can cost is held before the first byte leaves. Then each piece goes through the vendor module's
reader and on to the vendor, except for the last byte: that is withheld until all was read and
`judge` has nothing against it. A request without its last byte never runs, so a refusal at the very
end is still one that cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.call.admission import misplaced_key
from gateway.call.pricing import as_refusal
from gateway.http.message import Body
from gateway.vault.secrets import find_in_text
from vendors.contract import Reading, RuleRefused, StreamReader, Unreadable

_KEY_BYTES_MAX: Final = 138
"""A vault key of which every byte is percent-encoded."""


class PassingBody:
    """A request's body on its way through. judge: called once with what was read, before the last
    byte is let go; what it raises ends the call."""

    __slots__ = ("_before", "_body", "_judge", "_last", "_reader", "length")

    def __init__(self, body: Body, reader: StreamReader, judge: Callable[[Reading], None]) -> None:
        self.length = body.length
        self._body = body
        self._reader = reader
        self._judge = judge
        self._last = b""  # withheld
        self._before = b""  # the end of the last piece, where a vault key may begin

    async def read_all(self, bytes_max: int) -> bytes:
        raise AssertionError("a body that passes is not read whole")

    async def read(self) -> bytes:
        """The next piece that may go, b'' at the end. Raises what reading the body raises, and
        refusals."""
        while True:
            piece = await self._body.read()
            if not piece:
                return self._end()
            self._look_at(piece)
            ready, self._last = self._last + piece[:-1], piece[-1:]
            if ready:
                return ready

    def _look_at(self, piece: bytes) -> None:
        window = self._before + piece
        if b"vault" in window and find_in_text(window):
            raise misplaced_key("the body")
        self._before = window[-_KEY_BYTES_MAX:]
        try:
            self._reader.feed(piece)
        except (Unreadable, RuleRefused) as exc:
            raise as_refusal(exc) from None

    def _end(self) -> bytes:
        """All of it was read: may the last byte go?"""
        last, self._last = self._last, b""
        if last:
            try:
                reading = self._reader.finish()
            except (Unreadable, RuleRefused) as exc:
                raise as_refusal(exc) from None
            self._judge(reading)
        return last
