"""Doing a piece again and again, on a loop on which no time passes."""

from __future__ import annotations

import asyncio

from bench.micro.piece import Piece, alone, on_a_loop, play


async def test_a_function_and_a_coroutine_function_are_done_so_often() -> None:
    done: list[str] = []

    async def waited() -> None:
        done.append("waited")

    await play(lambda: done.append("plain"), 3)
    await play(waited, 2)
    assert done == ["plain"] * 3 + ["waited"] * 2


def test_a_piece_of_a_few_calls_is_warmed_up_with_as_few() -> None:
    piece = Piece("family.piece", "", alone(lambda: int), calls=8)
    assert piece.family == "family"
    assert piece.warm_up == 8
    assert Piece("a.b", "", alone(lambda: int)).warm_up == 100


def test_timers_do_not_ring() -> None:
    rang: list[str] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0, rang.append, "later")
        for _ in range(3):
            await asyncio.sleep(0)

    on_a_loop(work())
    assert rang == []
