"""What is counted from outside, seen from inside."""

from __future__ import annotations

import pytest

from bench.micro import child
from bench.micro.piece import Piece, alone


def broken() -> None:
    raise RuntimeError("broken")


def test_a_piece_is_warmed_up_and_then_done_so_often() -> None:
    done: list[None] = []
    child.run(Piece("a.piece", "", alone(lambda: lambda: done.append(None)), calls=5), 7)
    assert len(done) == 5 + 7


def test_two_rounds_in_processes_of_their_own() -> None:
    piece = Piece("a.piece", "", alone(lambda: int), calls=5)
    first, second = child.each([piece])
    assert (first[1], second[1]) == (5, 10)
    assert first[2] != second[2]


def test_a_round_that_failed_ends_it() -> None:
    piece = Piece("a.piece", "", alone(lambda: broken), calls=5)
    with pytest.raises(SystemExit, match=r"a\.piece failed"):
        next(child.each([piece]))
