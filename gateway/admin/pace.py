"""How fast somebody may go who must not be noticed: an export, whose reader takes all it can get.

Calls go first. Of a core that nothing else keeps busy an export takes up to half. The more the
process has to do besides, the less it takes; from a quarter of a core on it takes a hundredth. All
who go at this pace take turns, so that together they take no more than one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

SHARE_MAX: Final = 0.5
"""Of a core, while the house is quiet."""
SHARE_MIN: Final = 0.01
"""While it is busy: some 500 calls of an export a second, in slices of 0.3 ms."""
SHARE_FIRST: Final = 0.1
"""Until it is known how busy the house is."""
BUSY_AT: Final = 0.25
"""Cores in use by all else, from which on it is busy."""
LOOK_S: Final = 0.1
STALE_S: Final = 1.0
"""Between two looks: what is older than this says nothing about now."""


class Pace:
    """Living: one for the process. share: of a core, as of the latest look. cpu_s, now_s: clocks of
    the process's CPU and of the wall."""

    __slots__ = ("_cpu_s", "_now_s", "_seen_cpu_s", "_seen_s", "_spent_s", "_turn", "share")

    def __init__(
        self,
        cpu_s: Callable[[], float] = time.process_time,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._cpu_s, self._now_s = cpu_s, now_s
        self._seen_cpu_s, self._seen_s, self._spent_s = cpu_s(), now_s() - STALE_S, 0.0
        self._turn = asyncio.Lock()
        self.share = SHARE_FIRST

    async def rest(self, spent_s: float) -> None:
        """After so many seconds of work, wait for as long as they have to last. Whoever else comes
        meanwhile waits as well."""
        async with self._turn:
            self._spent_s += spent_s
            self.look()
            await asyncio.sleep(spent_s * (1 / self.share - 1))

    def look(self) -> None:
        """How busy is the house besides?"""
        now_s = self._now_s()
        span_s = now_s - self._seen_s
        if span_s < LOOK_S:
            return
        cpu_s = self._cpu_s()
        if span_s >= STALE_S:
            self.share = SHARE_FIRST
        else:
            busy = (cpu_s - self._seen_cpu_s - self._spent_s) / span_s
            self.share = min(SHARE_MAX, max(SHARE_MIN, SHARE_MAX * (1 - busy / BUSY_AT)))
        self._seen_cpu_s, self._seen_s, self._spent_s = cpu_s, now_s, 0.0
