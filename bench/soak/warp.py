"""Days that pass in minutes: a Python program whose clocks for dates run so many times faster.

    KEYBRAKE_SOAK_CLOCK=360,REAL_NS,SHOWN_NS python -m bench.soak.warp python -m gateway serve …

`time.time`, `time.time_ns` and CLOCK_BOOTTIME are replaced before the program is loaded, all by one
straight line, so that every process under the same variable tells the same time, also when it is
started again. CLOCK_MONOTONIC, which deadlines and event loops go by, stays as it is: seconds of
waiting are real, days of budgets are not. The program itself knows nothing of this.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "KEYBRAKE_SOAK_CLOCK"
_boottime_ns: Final = time.clock_gettime_ns


@dataclass(frozen=True, slots=True)
class Warp:
    """speed: shown seconds in a real one. real_ns, shown_ns: a moment of CLOCK_BOOTTIME, and what
    was shown then (since 1970)."""

    speed: int
    real_ns: int
    shown_ns: int

    @classmethod
    def begin(cls, speed: int) -> Warp:
        """From now on."""
        return cls(speed, _boottime_ns(time.CLOCK_BOOTTIME), time.time_ns())

    @classmethod
    def parse(cls, text: str) -> Warp:
        """Raises ValueError."""
        speed, real_ns, shown_ns = (int(part) for part in text.split(","))
        return cls(speed, real_ns, shown_ns)

    def __str__(self) -> str:
        return f"{self.speed},{self.real_ns},{self.shown_ns}"

    def now_ns(self) -> int:
        """Since 1970, as it is shown."""
        return self.shown_ns + self.speed * (_boottime_ns(time.CLOCK_BOOTTIME) - self.real_ns)

    def now_us(self) -> int:
        return self.now_ns() // 1_000

    def clock_gettime_ns(self, clock: int) -> int:
        if clock == time.CLOCK_BOOTTIME:
            return self.real_ns + self.now_ns() - self.shown_ns
        return _boottime_ns(clock)


def install(warp: Warp) -> None:
    """From here on this process lives by it."""
    time.time_ns = warp.now_ns
    time.time = lambda: warp.now_ns() / 1e9
    time.clock_gettime_ns = warp.clock_gettime_ns


def main() -> None:
    install(Warp.parse(os.environ[VARIABLE]))
    words = sys.argv[sys.argv.index("-m") + 1 :]
    sys.argv[1:] = words[1:]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
