"""Microseconds of CPU: short rounds, of which the median and the least are told. The
least is what the piece takes where nobody disturbs it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.micro.piece import Once, Piece, on_a_loop, play

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
            await play(once, piece.warm_up)
            first_ns = await _took_ns(piece, once, piece.warm_up)
            calls = max(1, ROUND_NS * piece.warm_up // max(1, first_ns))
            for _ in range(rounds):
                took_ns = await _took_ns(piece, once, calls)
                found.append(took_ns / (calls * piece.parts) / 1_000)

    on_a_loop(measure())
    return of_rounds(found)


def of_rounds(rounds_us: Sequence[float]) -> Timed:
    return Timed(statistics.median(rounds_us), min(rounds_us))


async def _took_ns(piece: Piece, once: Once, calls: int) -> int:
    began_ns = piece.clock_ns()
    await play(once, calls)
    return piece.clock_ns() - began_ns
