"""Time that nobody waits for: a timeline of what is to happen in the world, and an event loop that
lives on it.

The loop has no selector and no thread. When all that is ready has run, it looks which comes first,
its own next timer or the next thing on the timeline, and goes there. So a story of three days
takes as long as what happens in it, and happens in the same order each time.

`SimTime` stands in for the `time` module of `gateway.clock`: the machine's clocks, which tell what
the world's true time makes of them. The wall clock can be stepped, boot time and true time cannot.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Any, Final

BEGIN_S: Final = 1_790_000_000
"""True time when a story begins."""
Deed = Callable[[], None]


class Timeline:
    """now_s: seconds since the story began, as the loop's monotonic clock has them. slept_s: how
    long the machine was suspended; boot time and true time went on meanwhile."""

    __slots__ = ("_count", "_deeds", "now_s", "slept_s", "wall_step_s")

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s = 0.0
        self.wall_step_s = 0.0
        self._deeds: list[tuple[float, int, Deed, bool]] = []
        self._count = 0

    def at(self, when_s: float, deed: Deed, *, abroad: bool = False) -> None:
        """Deeds of one moment are done in the order in which they were put down. abroad: it is
        done while the machine sleeps, too."""
        self._count += 1
        heapq.heappush(self._deeds, (max(when_s, self.now_s), self._count, deed, abroad))

    def after(self, delay_s: float, deed: Deed, *, abroad: bool = False) -> None:
        self.at(self.now_s + delay_s, deed, abroad=abroad)

    def sleep(self, seconds: float) -> None:
        """The machine is suspended for so long; elsewhere life goes on."""
        woken_s = self.slept_s + seconds
        while due := [one for one in self._deeds if one[3] and one[0] <= self.now_s + seconds]:
            first = min(due)
            self._deeds.remove(first)
            heapq.heapify(self._deeds)
            self.slept_s = max(self.slept_s, woken_s - seconds + first[0] - self.now_s)
            first[2]()
        self.slept_s = woken_s

    def next_s(self) -> float:
        """When the next deed is due; infinity if there is none."""
        return self._deeds[0][0] if self._deeds else float("inf")

    def do_next(self) -> None:
        when_s, _, deed, _ = heapq.heappop(self._deeds)
        self.now_s = max(self.now_s, when_s)
        deed()

    @property
    def true_us(self) -> int:
        """What the clocks of vendors show."""
        return BEGIN_S * 1_000_000 + round((self.now_s + self.slept_s) * 1_000_000)


class SimTime:
    """As much of the module `time` as `gateway.clock` uses."""

    CLOCK_BOOTTIME: Final = time.CLOCK_BOOTTIME
    strftime = staticmethod(time.strftime)
    gmtime = staticmethod(time.gmtime)

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def time_ns(self) -> int:
        return (self._timeline.true_us + round(self._timeline.wall_step_s * 1_000_000)) * 1_000

    def clock_gettime_ns(self, clock: int) -> int:
        return round((self._timeline.now_s + self._timeline.slept_s) * 1_000_000) * 1_000

    def monotonic(self) -> float:
        return self._timeline.now_s


class _Ahead:
    """The loop's selector: where others wait for sockets, it goes to what comes next."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> tuple[()]:
        timeline = self._loop.timeline
        if timeout is not None and timeout <= 0:
            return ()
        timer_s = float("inf") if timeout is None else timeline.now_s + timeout
        if timeline.next_s() <= timer_s:
            if timeout is None and timeline.next_s() == float("inf"):
                self._loop.stop()  # nothing will ever happen again
            else:
                timeline.do_next()
        else:
            timeline.now_s = timer_s
        return ()

    def close(self) -> None:
        pass


class SimLoop(asyncio.BaseEventLoop):
    """One process's loop. It dies with its process: `die` leaves everything as it lies, and what
    the remains do when they are collected changes nothing."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self._selector = _Ahead(self)

    def __del__(self) -> None:
        """It has nothing to close."""

    def time(self) -> float:
        return self.timeline.now_s

    def _process_events(self, events: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def die(self) -> None:
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.set_exception_handler(lambda loop, context: None)
        for name in ("call_soon", "call_soon_threadsafe", "call_at", "call_later"):
            setattr(self, name, _nothing)
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]


def _nothing(*args: Any, **kwargs: Any) -> asyncio.Handle:
    return asyncio.TimerHandle(0.0, print, (), _NO_LOOP)


class _NoLoop:
    """What a handle of a dead loop asks."""

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass


_NO_LOOP: Any = _NoLoop()
