"""Waiting for a vendor's own limits, before any money is held: so many calls at once, so many a
second.

Fair by key: each key has a line of its own, and the lines are served in turn. And no key takes all
places: one whose calls hang at the vendor for half a minute would keep everybody else out. A key
may have up to SHARE times as many places as are free (of 512 that is 410 for one key, 228 each for
two), so there is always room for one that has few. A call that waits longer than `queue_wait_s` is
told `rate_limited`, and at once where its key's line is LINE_MAX long."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Final

from gateway.errors import RateLimited
from gateway.settings import VendorSettings

SHARE: Final = 4
"""As switches share a buffer among their ports (dynamic thresholds): nobody is given a fixed part,
and with n greedy keys one in 1 + 4n places stays free."""
LINE_MAX: Final = 1_024
"""Calls of one key that wait: as many as have any hope within `queue_wait_s`."""


class Turnstile:
    """One vendor account's entrance. `enter` before the hold, `leave` when the call is over."""

    __slots__ = (
        "_allowance",
        "_inside",
        "_inside_of",
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
        self._inside_of: dict[str, int] = {}
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

    def try_enter(self, key_id: str) -> bool:
        """In at once, if nobody waits and there is room."""
        if self._lines or not (self._room() and self._may_have_more(key_id)):
            return False
        self._take(key_id)
        return True

    async def enter(self, key_id: str) -> None:
        """Wait in the key's line. Raises RateLimited."""
        if self.try_enter(key_id):
            return
        line = self._lines.setdefault(key_id, deque())
        _forget_gone(line)
        if len(line) >= LINE_MAX:
            raise _no_place()
        turn: asyncio.Future[None] = self._loop.create_future()
        line.append(turn)
        self._admit()
        alarm = self._loop.call_later(self._wait_s, _give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:  # it came in the same moment
                self.leave(key_id)
            raise
        finally:
            alarm.cancel()

    def leave(self, key_id: str) -> None:
        self._inside -= 1
        left = self._inside_of.pop(key_id) - 1
        if left:
            self._inside_of[key_id] = left
        if self._lines:
            self._admit()

    def _room(self) -> bool:
        return self._inside < self._places and (self._rate == 0 or self._refill() >= 1)

    def _may_have_more(self, key_id: str) -> bool:
        return self._inside_of.get(key_id, 0) < SHARE * (self._places - self._inside)

    def _refill(self) -> float:
        now = self._loop.time()
        self._allowance = min(self._rate, self._allowance + (now - self._seen_s) * self._rate)
        self._seen_s = now
        return self._allowance

    def _take(self, key_id: str) -> None:
        self._inside += 1
        self._inside_of[key_id] = self._inside_of.get(key_id, 0) + 1
        if self._rate:
            self._allowance -= 1

    def _admit(self) -> None:
        """Let in whom there is room for, one of each line in turn; a line whose key has its share
        is passed over."""
        passed_over = 0
        while passed_over < len(self._lines):
            key_id, line = next(iter(self._lines.items()))
            _forget_gone(line)
            if not line:
                del self._lines[key_id]
                continue
            if not self._room():
                self._wake_later()
                return
            self._lines.move_to_end(key_id)
            if not self._may_have_more(key_id):
                passed_over += 1
                continue
            passed_over = 0
            self._take(key_id)
            line.popleft().set_result(None)

    def _wake_later(self) -> None:
        """With a limit per second room comes by itself; with one on places `leave` makes it."""
        if self._rate and self._timer is None:
            self._timer = self._loop.call_later(1 / self._rate, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._admit()


def _forget_gone(line: deque[asyncio.Future[None]]) -> None:
    """Who gave up; they stand in front, since all may wait as long."""
    while line and line[0].done():
        line.popleft()


def _give_up(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(_no_place())


def _no_place() -> RateLimited:
    return RateLimited(
        "The vendor's own limit is used up; waited for a free place.", retry_after_s=1
    )
