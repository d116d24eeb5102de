"""Many callers at the door in the same moment: how long until each has its first answer.

Once while nobody else is there, and once while 32 callers keep the program busy, which is when a
listener that takes one connection a turn of its loop lets a crowd wait.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import uvloop

from bench import load, wrk
from bench.machine import on_core, until_idle
from bench.scenarios import Tell
from bench.shots import CHARGE
from bench.stage import Contender, Stage

CALLERS: Final = 256
BUSY_CALLERS: Final = 32
QUIET, BUSY = "quiet", "busy"


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst. when: quiet or busy; seconds: until each caller's first answer, in order."""

    contender: str
    when: str
    callers: int
    seconds: list[float]
    wrong: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def play_all(made: Stage, times: int, tell: Tell) -> list[Burst]:
    """So many bursts of each kind, interleaved. Busy ones need wrk, which runs beside us."""
    charges = [c for c in made.contenders if c.shot is CHARGE and c.serves(CALLERS)]
    moments = (QUIET,) if made.wrk is None else (QUIET, BUSY)
    played: list[Burst] = []
    for when in moments if times else ():
        for _ in range(times):
            for contender in charges:
                played.append(_play(made, contender, when))
                last_ms = 1e3 * played[-1].seconds[-1]
                tell(
                    f"{CALLERS} at once, {when}: {contender.name}: the last after {last_ms:.0f} ms"
                )
    return played


def _play(made: Stage, contender: Contender, when: str) -> Burst:
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    crowd = _busy(made, contender) if when == BUSY else contextlib.nullcontext()
    with crowd, on_core(made.load_core):
        tally = uvloop.run(load.rush(contender.address, data, CALLERS))
    if contender.process:
        until_idle(contender.process)
    good = sum(count for status, count in tally.statuses.items() if 200 <= status < 300)
    return Burst(contender.name, when, CALLERS, sorted(tally.seconds), CALLERS - good)


@contextlib.contextmanager
def _busy(made: Stage, contender: Contender) -> Iterator[None]:
    """32 callers in a closed loop, in full swing at the start of the block."""
    assert made.wrk is not None
    shot = contender.shot
    path = made.var / "busy.lua"
    path.write_text(wrk.script(shot.method, shot.headers(contender.bearer), shot.body))
    url = f"http://{contender.address}{contender.prefix}{shot.target}"
    words = wrk.command(made.wrk, url, path, BUSY_CALLERS, wrk.TIMEOUT_S, made.load_core)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as crowd:
        try:
            _wait_busy(contender)
            yield
        finally:
            crowd.kill()


def _wait_busy(contender: Contender, cpu_s: float = 0.1, looks_max: int = 200) -> None:
    """Until the program has worked for so long, or nobody works here (straight to the vendor)."""
    if contender.process is None:
        return
    started_s = contender.process.cpu_s()
    for _ in range(looks_max):
        if contender.process.cpu_s() - started_s >= cpu_s:
            return
        time.sleep(0.02)


def seconds_of(played: Sequence[Burst], contender: str, when: str) -> list[float]:
    """Of all bursts of one program, in order."""
    return sorted(
        second
        for burst in played
        if (burst.contender, burst.when) == (contender, when)
        for second in burst.seconds
    )
