"""One line per object: in order, never lost, gone when nobody stands in it."""

from __future__ import annotations

import asyncio

import pytest

from gateway.call.turns import Turns, _give_up
from gateway.errors import RateLimited
from tests.vendor_double import turns as rounds


class Line:
    """Tasks that take a turn each and tell when they have it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.turns = Turns(self.loop)
        self.served: list[str] = []

    def join(self, name: str, tag: str = "pi_1") -> asyncio.Task[None]:
        async def stand() -> None:
            await self.turns.take(tag)
            self.served.append(name)

        return self.loop.create_task(stand())


async def test_the_first_goes_at_once_and_the_others_in_order() -> None:
    line = Line()
    for name in "abc":
        line.join(name)
    await rounds()
    assert line.served == ["a"]
    line.turns.give("pi_1")
    await rounds()
    assert line.served == ["a", "b"]
    line.turns.give("pi_1")
    await rounds()
    line.turns.give("pi_1")
    assert (line.served, line.turns._lines) == (["a", "b", "c"], {})


async def test_objects_do_not_wait_for_each_other() -> None:
    line = Line()
    line.join("a", "pi_1")
    line.join("b", "pi_2")
    await rounds()
    assert line.served == ["a", "b"]


async def test_who_left_is_passed_over() -> None:
    line = Line()
    line.join("a")
    left = line.join("b")
    line.join("c")
    await rounds()
    left.cancel()
    await rounds()
    line.turns.give("pi_1")
    await rounds()
    assert line.served == ["a", "c"]
    line.turns.give("pi_1")
    assert line.turns._lines == {}


async def test_a_turn_that_comes_in_the_moment_of_a_cancel_goes_on() -> None:
    line = Line()
    line.join("a")
    cut = line.join("b")
    line.join("c")
    await rounds()
    line.turns.give("pi_1")
    cut.cancel()
    await rounds()
    assert (cut.cancelled(), line.served) == (True, ["a", "c"])
    line.turns.give("pi_1")
    assert line.turns._lines == {}


async def test_a_caller_waits_so_long_and_is_passed_over_then() -> None:
    line = Line()
    line.join("a")
    stays = line.join("b")
    await rounds()
    with pytest.raises(RateLimited):
        await line.turns.take("pi_1", 0.0)
    line.turns.give("pi_1")
    await stays
    line.turns.give("pi_1")
    assert (line.served, line.turns._lines) == (["a", "b"], {})


async def test_who_has_a_turn_in_time_hears_no_alarm() -> None:
    line = Line()
    line.join("a")
    await rounds()
    waiting = asyncio.ensure_future(line.turns.take("pi_1", 60.0))
    await rounds()
    line.turns.give("pi_1")
    await waiting
    turn: asyncio.Future[None] = line.loop.create_future()
    turn.set_result(None)
    _give_up(turn)
    assert turn.exception() is None
