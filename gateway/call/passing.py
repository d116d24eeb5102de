"""Bodies that pass to the vendor without being kept. In none of them a vault key gets there: the
piece with its last byte stays here, and the request is never whole.

A priced body that is too large to be kept is read strictly while it passes.

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
from gateway.vault.secrets import find_in_text, may_hold_key
from vendors.contract import Reading, RuleRefused, StreamReader, Unreadable

_KEY_BYTES_MAX: Final = 598
"""A vault key of which every byte is percent-encoded, and both digits are escapes of JSON's."""


class KeyWatch:
    """Looks for a vault key in a body as it passes, also where pieces cut it: in each piece as it
    is, and in what lies around each cut. A long piece is not copied."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before = b""  # the end of the last piece, where a vault key may begin

    def look_at(self, piece: bytes) -> None:
        """Raises RequestMalformed."""
        _judge(piece)
        around = self._before + piece[:_KEY_BYTES_MAX]
        if self._before:
            _judge(around)
        self._before = (piece if len(piece) > _KEY_BYTES_MAX else around)[-_KEY_BYTES_MAX:]


def _judge(text: bytes) -> None:
    if may_hold_key(text) and find_in_text(text):
        raise misplaced_key("the body")


class WatchedBody:
    """The body of a free call, which nobody reads but the vendor."""

    __slots__ = ("_body", "_watch", "length")

    def __init__(self, body: Body) -> None:
        self.length = body.length
        self._body = body
        self._watch = KeyWatch()

    async def read_all(self, bytes_max: int) -> bytes:
        raise AssertionError("a body that passes is not read whole")

    async def read(self) -> bytes:
        """The next piece, b'' at the end. Raises what reading the body raises, and
        RequestMalformed."""
        piece = await self._body.read()
        self._watch.look_at(piece)
        return piece


class PassingBody:
    """A request's body on its way through. judge: called once with what was read, before the last
    byte is let go; what it raises ends the call."""

    __slots__ = ("_body", "_judge", "_last", "_reader", "_watch", "length")

    def __init__(self, body: Body, reader: StreamReader, judge: Callable[[Reading], None]) -> None:
        self.length = body.length
        self._body = body
        self._reader = reader
        self._judge = judge
        self._last = b""  # withheld
        self._watch = KeyWatch()

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
        self._watch.look_at(piece)
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
