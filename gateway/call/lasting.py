"""An answer that streams keeps its place at the vendor's entrance until its last byte, and each of
its pieces is a step of its key's.

It keeps a connection to the vendor as well, for as long as its caller takes to read. Without the
place the entrance would let in more calls than there are connections for, and whoever reads slowly
would have those refused that came by the rules. And a piece may have a quarter of a megabyte: four
hundred streams of one key that flow at once would make each turn of the loop a tenth of a second.

Each holds up to half a megabyte of what the vendor sent, so there are LONG_MAX at most. As with
places at the entrance no key takes all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

from gateway.call.lanes import Lanes, Step
from gateway.call.turnstile import SHARE
from gateway.errors import RateLimited

LONG_MAX: Final = 64
"""Long answers to free calls on their way at once: 32 MB at the vendor's side. Honest ones take
milliseconds. One key may have 52."""


class LongAnswers:
    """How many there are, by key."""

    __slots__ = ("_all", "_of")

    def __init__(self) -> None:
        self._all = 0
        self._of: dict[str, int] = {}

    def begin(self, key_id: str) -> None:
        """One more. Raises RateLimited."""
        if self._of.get(key_id, 0) >= SHARE * (LONG_MAX - self._all):
            raise RateLimited("Too many long answers are being read at once.", retry_after_s=1)
        self._all += 1
        self._of[key_id] = self._of.get(key_id, 0) + 1

    def end(self, key_id: str) -> None:
        self._all -= 1
        left = self._of.pop(key_id) - 1
        if left:
            self._of[key_id] = left


class Lasting:
    """A body on its way that gives something back when it is closed, which the connection does
    whatever happens. A class, since closing a generator that nobody has begun to read runs none of
    its code."""

    __slots__ = ("_give_back", "_key_id", "_lanes", "_pieces")

    def __init__(
        self, pieces: AsyncIterator[bytes], give_back: Callable[[], None], lanes: Lanes, key_id: str
    ) -> None:
        self._pieces = pieces
        self._lanes = lanes
        self._key_id = key_id
        self._give_back: Callable[[], None] | None = give_back

    def __aiter__(self) -> Lasting:
        return self

    async def __anext__(self) -> bytes:
        if not self._lanes.try_step(self._key_id):
            await self._lanes.step(self._key_id, Step.SETTLE)
        return await anext(self._pieces)

    async def aclose(self) -> None:
        give_back, self._give_back = self._give_back, None
        try:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
        finally:
            if give_back is not None:
                give_back()
