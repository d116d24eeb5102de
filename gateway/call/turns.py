"""Calls on one object go one after the other: the second looks at the object only when the first is
booked.

Stripe itself refuses to work on one intent twice at once. Here it also keeps the books right:
answers about an object are booked in the order in which the vendor gave them."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """A line per object. `take` before the object is looked at, `give` when the call is booked."""

    __slots__ = ("_lines", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, tag: str) -> None:
        line = self._lines.get(tag)
        if line is None:
            self._lines[tag] = deque()
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self.give(tag)
            raise

    def give(self, tag: str) -> None:
        line = self._lines[tag]
        while line:
            turn = line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._lines[tag]
