"""Calls on one object go one after the other: the second looks at the object only when the first is
booked.

Stripe itself refuses to work on one intent twice at once. Here it also keeps the books right:
answers about an object are booked in the order in which the vendor gave them.

A caller waits WAIT_S and is then told `rate_limited`: a hundred calls on one object at a vendor
that takes half a minute for each would else stand here for the rest of the hour."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from gateway.errors import RateLimited

WAIT_S: Final = 30.0
"""As long as a retry waits for its first call."""


class Turns:
    """A line per object. `take` before the object is looked at, `give` when the call is booked."""

    __slots__ = ("_lines", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, tag: str, wait_s: float | None = None) -> None:
        """wait_s: None waits as long as it takes. Raises RateLimited."""
        line = self._lines.get(tag)
        if line is None:
            self._lines[tag] = deque()
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        line.append(turn)
        alarm = None if wait_s is None else self._loop.call_later(wait_s, _give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:  # it came in the same moment
                self.give(tag)
            raise
        finally:
            if alarm is not None:
                alarm.cancel()

    def give(self, tag: str) -> None:
        line = self._lines[tag]
        while line:
            turn = line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._lines[tag]


def _give_up(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(
            RateLimited("Earlier calls on this object are still on their way.", retry_after_s=1)
        )
