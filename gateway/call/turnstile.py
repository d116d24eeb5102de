"""Waiting for a vendor's own limits, before any money is held: so many calls at once, so many a
second.

Fair by key: each key has a line of its own, and the lines are served in turn, so that one busy key
does not starve the others. A call that waits longer than `queue_wait_s` is told `rate_limited`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from gateway.errors import RateLimited
from gateway.settings import VendorSettings


class Turnstile:
    """One vendor account's entrance. `enter` before the hold, `leave` when the call is over."""

    __slots__ = (
        "_allowance",
        "_inside",
        "_lines",
        "_loop",
        "_places",
        "_rate",
        "_seen_s",
        "_timer",
        "_wait_s",
    )

    def __init__(self, settings: VendorSettings, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rate = 0
        self._allowance = 0.0
        self._seen_s = loop.time()
        self._inside = 0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self.renew(settings)

    def renew(self, settings: VendorSettings) -> None:
        """Other limits, from now on. Who is inside stays and counts, who waits goes on waiting."""
        began = self._rate == 0
        allowance = self._refill()
        self._places = settings.connections_max
        self._rate = settings.calls_per_second_max
        self._wait_s = settings.queue_wait_s
        self._allowance = float(self._rate) if began else min(self._rate, allowance)
        self._admit()

    def try_enter(self) -> bool:
        """In at once, if nobody waits and there is room."""
        if self._lines or not self._room():
            return False
        self._take()
        return True

    async def enter(self, key_id: str) -> None:
        """Wait in the key's line. Raises RateLimited."""
        if self.try_enter():
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        self._lines.setdefault(key_id, deque()).append(turn)
        self._wake_later()
        alarm = self._loop.call_later(self._wait_s, _give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:  # it came in the same moment
                self.leave()
            raise
        finally:
            alarm.cancel()

    def leave(self) -> None:
        self._inside -= 1
        if self._lines:
            self._admit()

    def _room(self) -> bool:
        return self._inside < self._places and (self._rate == 0 or self._refill() >= 1)

    def _refill(self) -> float:
        now = self._loop.time()
        self._allowance = min(self._rate, self._allowance + (now - self._seen_s) * self._rate)
        self._seen_s = now
        return self._allowance

    def _take(self) -> None:
        self._inside += 1
        if self._rate:
            self._allowance -= 1

    def _admit(self) -> None:
        """Let in whom there is room for, one of each line in turn."""
        while self._lines:
            key_id, line = next(iter(self._lines.items()))
            while line and line[0].done():
                line.popleft()
            if not line:
                del self._lines[key_id]
                continue
            if not self._room():
                self._wake_later()
                return
            self._take()
            line.popleft().set_result(None)
            self._lines.move_to_end(key_id)

    def _wake_later(self) -> None:
        """With a limit per second room comes by itself; with one on places `leave` makes it."""
        if self._rate and self._timer is None:
            self._timer = self._loop.call_later(1 / self._rate, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._admit()


def _give_up(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(
            RateLimited(
                "The vendor's own limit is used up; waited for a free place.", retry_after_s=1
            )
        )
