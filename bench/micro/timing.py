"""Microseconds of one thread's CPU: short rounds, of which the median and the least are told. The
least is what the piece takes where nobody disturbs it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.micro.piece import WARM_UP, Once, Piece, on_a_loop, play

ROUND_NS: Final = 10_000_000
"""A round takes about so long, on the machine that it is on."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Microseconds for one."""

    median_us: float
    least_us: float


def timed(piece: Piece, rounds: int) -> Timed:
    found: list[float] = []

    async def measure() -> None:
        async with piece.prepare() as once:
            await play(once, WARM_UP)
            calls = max(1, round(ROUND_NS / await _took_ns(once, WARM_UP) * WARM_UP))
            found.extend([await _took_ns(once, calls) / calls / 1_000 for _ in range(rounds)])

    on_a_loop(measure())
    return of_rounds(found)


def of_rounds(rounds_us: Sequence[float]) -> Timed:
    return Timed(statistics.median(rounds_us), min(rounds_us))


async def _took_ns(once: Once, calls: int) -> int:
    began_ns = time.thread_time_ns()
    await play(once, calls)
    return time.thread_time_ns() - began_ns
