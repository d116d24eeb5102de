"""Who goes on next: few steps of each key in a turn of the loop, the furthest first, none lost."""

from __future__ import annotations

import asyncio
from itertools import cycle, islice

import pytest

from gateway.call import lanes as lanes_module
from gateway.call.lanes import FREE, PER_TURN, STRANGERS, Lanes, Step
from tests.vendor_double import turns as rounds


class House:
    """Lanes, and calls that take a step and tell their name."""

    def __init__(self, *, shared: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        self.lanes = Lanes(self.loop)
        self.went: list[str] = []
        if shared:
            for who in ("x", "y"):
                assert self.lanes.try_step(who)

    def come(self, name: str, step: Step = Step.BEGIN) -> asyncio.Task[None]:
        async def go() -> None:
            await self.lanes.step(name[0], step)
            self.went.append(name)

        return self.loop.create_task(go())

    def use_up(self, who: str) -> None:
        """As many as may go on in the turn that begins."""
        for number in range(FREE):
            self.come(f"{who}{number}")

    async def turn(self) -> list[str]:
        """Who went on in one turn of the loop: it is woken in this one, and runs in the next."""
        before = len(self.went)
        self.lanes._turn()
        await asyncio.sleep(0)
        return self.went[before:]


async def test_a_key_that_is_alone_never_waits() -> None:
    house = House(shared=False)
    assert all(house.lanes.try_step("a") for _ in range(1_000))
    assert house.lanes.waiting == 0


async def test_beside_others_a_key_has_some_steps_in_a_turn_and_more_in_the_next() -> None:
    house = House()
    assert [house.lanes.try_step("a") for _ in range(FREE + 1)] == [True] * FREE + [False]
    assert house.lanes.try_step("b"), "another one has its own"
    house.lanes._turn()
    assert house.lanes.try_step("a")


async def test_after_a_while_without_others_it_is_alone_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "SHARED_S", 0.0)
    house = House()
    assert all(house.lanes.try_step("y") for _ in range(FREE + 1))


async def test_a_flood_goes_on_by_and_by_and_a_quiet_key_at_once() -> None:
    house = House()
    for number in range(FREE + 3 * PER_TURN):
        house.come(f"a{number}")
    await asyncio.sleep(0)
    assert (len(house.went), house.lanes.waiting) == (FREE, 3 * PER_TURN)
    assert house.lanes.try_step("q")
    assert not house.lanes.try_step("a"), "nobody passes those who wait"
    assert len(await house.turn()) == PER_TURN
    await rounds()
    assert house.went == [f"a{number}" for number in range(FREE + 3 * PER_TURN)]
    assert (house.lanes.waiting, len(house.lanes._lines), house.lanes._turning) == (0, 0, False)


async def test_lanes_are_served_in_turn() -> None:
    house = House()
    for who in ("a", "b", STRANGERS + "c"):
        for number in range(FREE + PER_TURN):
            house.come(f"{who}{number}")
    await asyncio.sleep(0)
    went = await house.turn()
    assert [name[0] for name in went] == list(islice(cycle("abc"), PER_TURN))
    await rounds()
    assert house.lanes.waiting == 0


async def test_who_is_further_goes_first() -> None:
    house = House()
    house.use_up("a")
    for step in (Step.BEGIN, Step.SEND, Step.SETTLE, Step.SEND):
        house.come(f"a-{step.name}", step)
    await rounds()
    assert house.went[FREE:] == ["a-SETTLE", "a-SEND", "a-SEND", "a-BEGIN"]


async def test_who_was_cancelled_is_passed_over() -> None:
    house = House()
    house.use_up("a")
    cut, stays = house.come("a8"), house.come("a9")
    await asyncio.sleep(0)
    cut.cancel()
    await rounds()
    assert (house.went[FREE:], stays.done(), house.lanes.waiting) == (["a9"], True, 0)
