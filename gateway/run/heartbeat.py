"""Does the event loop still turn? A thread looks, since a loop that hangs cannot say so itself.

The loop leaves a mark twice a second. A thread that finds none for a second writes into the log
where the loop hangs; for half a minute, and the process ends, to replay on start: a loop that hangs
answers nobody, revokes nothing, and not every machine has a service manager that would notice.

Time is counted in the thread's own wakes. A process that stood still as a whole (a machine that was
suspended, a debugger, a signal) took the thread along, and is no loop that hangs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final

_log = logging.getLogger("keybrake")

BEAT_S: Final = 0.5
"""The loop's mark, and the thread's look."""
TELL_LOOKS: Final = 3
"""So many looks without a mark are told: more than a second."""
END_LOOKS: Final = 60
"""And so many end the process: 30 seconds."""
FRAMES: Final = 8
"""Of the stack, the innermost first: where it hangs."""


class Heartbeat:
    """Living. end: ends the process at once; no step of a tidy end would come about."""

    __slots__ = ("_end", "_looks", "_loop_thread", "_over")

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._looks = 0
        self._loop_thread = 0
        self._over = threading.Event()

    async def run(self) -> None:
        """Until it is cancelled."""
        self._loop_thread = threading.get_ident()
        thread = threading.Thread(target=self._watch, name="heartbeat", daemon=True)
        thread.start()
        try:
            while True:
                self._looks = 0
                await asyncio.sleep(BEAT_S)
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(BEAT_S):
            self.look()

    def look(self) -> None:
        """The thread's. A mark that comes meanwhile may be overlooked once, and no more."""
        self._looks += 1
        if self._looks == TELL_LOOKS:
            _log.warning("the event loop hangs", extra={"where": self._where()})
        elif self._looks == END_LOOKS:
            seconds = f"{END_LOOKS * BEAT_S:g}"
            _log.critical("the event loop hangs for %s s: the process ends", seconds,
                          extra={"where": self._where()})  # fmt: skip
            self._end()

    def _where(self) -> str:
        """File, line and function of the innermost frames: never a value, and no file is read for
        it."""
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None:
            return ""
        walked = traceback.walk_stack(frame)
        innermost = traceback.StackSummary.extract(walked, limit=FRAMES, lookup_lines=False)
        return " < ".join(f"{os.path.basename(f.filename)}:{f.lineno} {f.name}" for f in innermost)
