"""A gigabyte up and a gigabyte down: how fast, at how much CPU, and what it leaves in memory.

One body at a time. The caller, in this process, and the vendor share a core, so the fastest program
may find them slower than itself: CPU seconds for a gigabyte say what it costs in any case.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from bench import bulk
from bench.machine import Process, on_core, until_idle
from bench.scenarios import Tell
from bench.stage import Carrier, Stage

TARGET: Final = "/v1/files"
UP, DOWN = "up", "down"
LOOK_S: Final = 0.1
WARM_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stream:
    """One body. growth_bytes: the most memory while it went through, over what was held before the
    program's first body."""

    contender: str
    way: str
    size: int
    wall_s: float
    cpu_s: float
    growth_bytes: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def play_all(made: Stage, size: int, times: int, tell: Tell) -> list[Stream]:
    """So many bodies each way through everybody, interleaved. One that breaks is told, and its
    program is left out. Raises OSError when the vendor itself does not answer."""
    played: list[Stream] = []
    carriers = list(made.carriers) if size else []
    held = {c.name: c.process.rss_bytes() if c.process else 0 for c in carriers}
    for number in range(times + 1):
        for carrier in list(carriers):
            for way in (UP, DOWN):
                try:
                    sent = size if number else WARM_BYTES
                    stream = _play(made, carrier, way, sent, held[carrier.name])
                except (bulk.Broken, OSError) as exc:
                    made.leave_out(f"{carrier.name}, a body {way}: {exc}", tell)
                    carriers.remove(carrier)
                    break
                if number:
                    played.append(stream)
                    tell(f"{size >> 20} MiB {way}: {carrier.name}: {mb_s(stream):,.0f} MB/s")
    return played


def _play(made: Stage, carrier: Carrier, way: str, size: int, held_bytes: int) -> Stream:
    carry = bulk.upload if way == UP else bulk.download
    process = carrier.process
    cpu_s = process.cpu_s() if process else 0.0
    with on_core(made.load_core), Watch(process) as watch:
        wall_s = carry(carrier.address, carrier.prefix + TARGET, carrier.bearer, size)
    used_s = process.cpu_s() - cpu_s if process else 0.0
    if process:
        until_idle(process)
    return Stream(carrier.name, way, size, wall_s, used_s, watch.most_bytes - held_bytes)


def mb_s(stream: Stream) -> float:
    return stream.size / stream.wall_s / 1e6


def cpu_s_per_gb(stream: Stream) -> float:
    return 1e9 * stream.cpu_s / stream.size


class Watch:
    """Looks at a process's memory while a block runs. most_bytes: 0 without a process."""

    def __init__(self, process: Process | None) -> None:
        self._process = process
        self._over = threading.Event()
        self.most_bytes = 0
        self._thread = threading.Thread(target=self._look, daemon=True, name="watch-memory")

    def _look(self) -> None:
        while self._process is not None and not self._over.wait(LOOK_S):
            self.most_bytes = max(self.most_bytes, self._process.rss_bytes())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._process is not None:
            self.most_bytes = max(self.most_bytes, self._process.rss_bytes())
