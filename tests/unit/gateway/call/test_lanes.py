"""Who goes on next: few steps of each key in a turn of the loop, the furthest first, none lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import cycle, islice
from typing import cast

import pytest

from gateway.call import lanes as lanes_module
from gateway.call.lanes import FREE, PER_TURN, SHARED_S, STRANGERS, Lanes, Step
from tests.vendor_double import turns as rounds


class StillLoop:
    """The loop, at whose clock nobody looks."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.create_future = loop.create_future
        self.call_soon: Callable[[Callable[[], None]], object] = loop.call_soon
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s


class House:
    """Lanes, and calls that take a step and tell their name."""

    def __init__(self, *, shared: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        self.still = StillLoop()
        self.lanes = Lanes(cast("asyncio.AbstractEventLoop", self.still))
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
    while house.lanes.waiting:
        await rounds()
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


# Beside a guest


class WoundHouse(House):
    """A house that a guest, q, has been in. Its turns are over when they are told to be."""

    def __init__(self) -> None:
        super().__init__(shared=False)
        self.soon: list[Callable[[], None]] = []
        self.still.call_soon = self.soon.append
        assert self.lanes.try_step("q")

    async def flood(self, who: str, waiting: int) -> None:
        """So many more than may go on in this turn; it is over then."""
        for number in range(FREE + waiting):
            self.come(f"{who}{number}")
        await asyncio.sleep(0)
        await self.over()
        assert self.lanes.waiting == waiting - PER_TURN

    async def over(self) -> int:
        """The turn is over: how many go on from lanes in the next."""
        before = len(self.went)
        due = self.soon.copy()
        self.soon.clear()
        for callback in due:
            callback()
        await asyncio.sleep(0)
        return len(self.went) - before


async def test_beside_a_guest_a_turn_takes_one_step_from_the_lanes() -> None:
    house = WoundHouse()
    await house.flood("a", 4 * PER_TURN)
    assert await house.over() == PER_TURN, "what it took itself at first makes no guest of it"
    assert house.lanes.try_step("q")
    assert [await house.over() for _ in range(3)] == [1, 1, 1]
    house.still.now_s = SHARED_S
    assert await house.over() == PER_TURN, "the guest has left"


async def test_where_guests_ask_for_more_the_lanes_keep_half() -> None:
    house = WoundHouse()
    await house.flood("a", 4 * PER_TURN)
    assert all(house.lanes.try_step(who) for who in "pqrpqr")
    assert await house.over() == 6
    assert all(house.lanes.try_step(f"guest {number}") for number in range(PER_TURN + 1))
    assert await house.over() == PER_TURN


async def test_who_had_a_lane_lately_is_no_guest() -> None:
    house = WoundHouse()
    await house.flood("b", PER_TURN)
    await house.over()
    assert house.lanes.waiting == 0
    assert house.lanes.try_step("q")
    assert not house.lanes.try_step("b"), "beside a guest it has a lane again"
    house.come("b-again")
    assert [await house.over() for _ in range(2)] == [0, 1]
    await house.over()
    house.still.now_s = SHARED_S
    assert house.lanes.try_step("b"), "a guest itself by now"


async def test_without_a_guest_who_had_a_lane_goes_on_at_once() -> None:
    house = WoundHouse()
    await house.flood("b", PER_TURN)
    await house.over()
    house.lanes._guest_until_s = 0.0
    assert house.lanes.try_step("b")
    await house.flood("a", 3 * PER_TURN)
    assert house.lanes.try_step("b")
    assert await house.over() == PER_TURN, "not for its sake"


async def test_who_had_a_lane_is_forgotten() -> None:
    house = WoundHouse()
    for who in "ab":
        await house.flood(who, PER_TURN)
        await house.over()
    assert list(house.lanes._crowded_until_s) == ["a", "b"]
    house.still.now_s = SHARED_S
    assert house.lanes.try_step("q")
    await house.flood("c", PER_TURN)
    await house.over()
    assert list(house.lanes._crowded_until_s) == ["c"]
