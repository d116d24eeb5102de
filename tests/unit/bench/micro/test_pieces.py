"""All pieces: that each can be done, and how they are named."""

from __future__ import annotations

import asyncio

import pytest

from bench.micro.piece import Piece, play
from bench.micro.pieces import ALL, NoSuchPiece, named
from bench.micro.pretend import PretendLoop


def names(*asked: str) -> list[str]:
    return [piece.name for piece in named(asked)]


@pytest.mark.parametrize("piece", ALL, ids=lambda piece: piece.name)
def test_a_piece_can_be_done_and_done_again(piece: Piece) -> None:
    async def twice() -> None:
        async with piece.prepare() as once:
            await play(once, 2)

    with asyncio.Runner(loop_factory=PretendLoop) as runner:
        runner.run(twice())


def test_no_two_pieces_have_one_name() -> None:
    assert len({piece.name for piece in ALL}) == len(ALL)
    assert all(piece.name.count(".") == 1 for piece in ALL)


def test_a_family_a_piece_a_pattern_or_all() -> None:
    assert named(()) == list(ALL)
    assert names("quote") == ["quote.stripe", "quote.stripe-15", "quote.twilio", "quote.resend"]
    assert names("quote.stripe") == ["quote.stripe"]
    assert names("*.resend") == ["quote.resend", "outcome.resend"]
    assert names("outcome.stripe", "quote.stripe") == ["quote.stripe", "outcome.stripe"]


def test_a_name_that_nothing_has_is_told() -> None:
    with pytest.raises(NoSuchPiece, match="quotes"):
        named(["quote", "quotes"])
