"""Rounds of microseconds, and the cheapest piece timed once."""

from __future__ import annotations

from bench.micro.pieces import named
from bench.micro.timing import Timed, of_rounds, timed


def test_the_median_and_the_least() -> None:
    assert of_rounds([3.0, 1.0, 9.0]) == Timed(3.0, 1.0)


def test_the_cheapest_piece() -> None:
    [piece] = named(["admission.allowlist"])
    found = timed(piece, rounds=1)
    assert 0 < found.least_us == found.median_us
