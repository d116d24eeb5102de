"""What time it is: budget time for the books, loop time for deadlines, and a hand-wound clock for
tests.

Budget time is the wall clock at start plus CLOCK_BOOTTIME since, so that a step of the wall clock
moves no budget to another day. At start it begins no earlier than the last journaled moment
(`begin_at_us`)."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now_us(self) -> int:
        """Budget time: microseconds since 1970-01-01 UTC; never goes back."""

    def monotonic_s(self) -> float:
        """Seconds on a clock for deadlines and durations."""


class SystemClock:
    """The machine's clocks."""

    __slots__ = ("_base_us",)

    def __init__(self) -> None:
        self._base_us = time.time_ns() // 1000 - _boot_us()

    def now_us(self) -> int:
        return self._base_us + time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def begin_at_us(self, last_journaled_us: int) -> int:
        """Never earlier than what the books have seen. Returns by how much the clock was moved
        on."""
        behind = max(0, last_journaled_us - self.now_us())
        self._base_us += behind
        return behind

    def wall_step_us(self) -> int:
        """How far the wall clock has gone from budget time: to be logged, never followed."""
        return time.time_ns() // 1000 - self.now_us()


class HandClock:
    """A clock that tests wind."""

    __slots__ = ("at_us",)

    def __init__(self, at_us: int = 1_790_000_000_000_000) -> None:
        self.at_us = at_us

    def now_us(self) -> int:
        return self.at_us

    def monotonic_s(self) -> float:
        return self.at_us / 1_000_000

    def begin_at_us(self, last_journaled_us: int) -> int:
        behind = max(0, last_journaled_us - self.at_us)
        self.at_us += behind
        return behind

    def advance(self, seconds: float) -> None:
        self.at_us += round(seconds * 1_000_000)


def _boot_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def rfc3339(at_us: int) -> str:
    """`2026-11-23T00:00:00Z`, to the second; resets and expiries are."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_us // 1_000_000))
