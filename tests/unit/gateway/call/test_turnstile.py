"""A vendor's entrance: so many at once, so many a second, fair by key, and no place is lost."""

from __future__ import annotations

import asyncio

import pytest

from gateway.call.turnstile import Turnstile, _give_up
from gateway.errors import RateLimited
from gateway.settings import VendorSettings
from tests.vendor_double import turns as rounds
from tests.vendor_double import until


class Entrance:
    """A turnstile, and tasks that go in and tell their name. Its clock is wound by hand."""

    def __init__(self, places: int = 1, rate: int = 0, wait_s: float = 60.0) -> None:
        self.loop = asyncio.get_running_loop()
        settings = VendorSettings(
            "stripe",
            "https://api.stripe.com",
            connections_max=places,
            calls_per_second_max=rate,
            queue_wait_s=wait_s,
        )
        self.gate = Turnstile(settings, self.loop)
        self.inside: list[str] = []

    def come(self, name: str) -> asyncio.Task[None]:
        async def go_in() -> None:
            await self.gate.enter(name[0])
            self.inside.append(name)

        return self.loop.create_task(go_in())


async def test_there_is_room_until_there_is_none() -> None:
    entrance = Entrance(places=2)
    assert [entrance.gate.try_enter() for _ in range(3)] == [True, True, False]
    entrance.gate.leave()
    assert entrance.gate.try_enter()


async def test_whoever_leaves_lets_the_next_one_in_fair_by_key() -> None:
    entrance = Entrance()
    for name in ("a1", "a2", "a3", "b1", "c1"):
        entrance.come(name)
    await rounds()
    for _ in range(4):
        entrance.gate.leave()
        await rounds()
    assert entrance.inside == ["a1", "a2", "b1", "c1", "a3"]
    assert not entrance.gate.try_enter()
    entrance.gate.leave()
    assert (entrance.gate._inside, len(entrance.gate._lines)) == (0, 0)


async def test_nobody_passes_those_who_wait() -> None:
    entrance = Entrance(places=1, rate=1_000)
    entrance.gate.try_enter()
    waiting = entrance.come("a")
    await rounds()
    entrance.gate._inside = 0  # there would be room, and yet
    assert not entrance.gate.try_enter()
    await waiting


async def test_waiting_ends() -> None:
    entrance = Entrance(wait_s=0.0)
    entrance.gate.try_enter()
    with pytest.raises(RateLimited) as info:
        await entrance.gate.enter("a")
    assert info.value.facts["retry_after_s"] == 1
    entrance.gate.leave()
    assert (entrance.gate._inside, len(entrance.gate._lines)) == (0, 0)


async def test_an_alarm_that_comes_with_the_turn_changes_nothing() -> None:
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    turn.set_result(None)
    _give_up(turn)
    assert turn.exception() is None


async def test_a_limit_per_second_makes_room_by_itself() -> None:
    entrance = Entrance(places=10_000, rate=50)
    while entrance.gate.try_enter():
        pass
    entered = entrance.gate._inside
    tasks = [entrance.come(name) for name in ("a", "b", "c")]
    await asyncio.gather(*tasks)
    assert sorted(entrance.inside) == ["a", "b", "c"]
    assert entrance.gate._inside == entered + 3


async def test_with_no_room_the_timer_comes_again() -> None:
    entrance = Entrance(places=1, rate=1_000)
    entrance.gate.try_enter()
    waiting = entrance.come("a")
    await rounds()
    first = entrance.gate._timer
    assert first is not None
    await until(lambda: entrance.gate._timer is not first)
    entrance.gate.leave()
    await waiting
    entrance.gate.leave()
    await until(lambda: entrance.gate._timer is None)


async def test_who_left_is_passed_over() -> None:
    entrance = Entrance()
    entrance.gate.try_enter()
    left, stays = entrance.come("a1"), entrance.come("b1")
    await rounds()
    left.cancel()
    await rounds()
    entrance.gate.leave()
    await stays
    entrance.gate.leave()
    assert (entrance.gate._inside, len(entrance.gate._lines)) == (0, 0)


async def test_a_place_that_comes_in_the_moment_of_a_cancel_is_free_again() -> None:
    entrance = Entrance()
    entrance.gate.try_enter()
    cut = entrance.come("a1")
    await rounds()
    entrance.gate.leave()
    cut.cancel()
    await rounds()
    assert (cut.cancelled(), entrance.gate._inside) == (True, 0)


async def test_a_place_may_come_free_between_asking_and_waiting() -> None:
    entrance = Entrance()
    await entrance.gate.enter("a")
    assert entrance.gate._inside == 1


def limits(places: int = 1, rate: int = 0, wait_s: float = 60.0) -> VendorSettings:
    return VendorSettings(
        "stripe",
        "https://api.stripe.com",
        connections_max=places,
        calls_per_second_max=rate,
        queue_wait_s=wait_s,
    )


async def test_other_limits_count_who_is_inside_and_let_in_who_waits() -> None:
    entrance = Entrance(places=2)
    for name in ("a1", "b1", "c1", "d1"):
        entrance.come(name)
    await rounds()
    entrance.gate.renew(limits(places=3))
    await rounds()
    assert entrance.inside == ["a1", "b1", "c1"]
    entrance.gate.renew(limits(places=1))
    for _ in range(2):
        entrance.gate.leave()
        await rounds()
    assert entrance.inside == ["a1", "b1", "c1"], "one is inside still"
    entrance.gate.leave()
    await rounds()
    assert entrance.inside[-1] == "d1"


async def test_a_rate_comes_and_goes_while_calls_pass() -> None:
    entrance = Entrance(places=9)
    assert entrance.gate.try_enter()
    entrance.gate.renew(limits(places=9, rate=2))
    assert [entrance.gate.try_enter() for _ in range(3)] == [True, True, False]
    entrance.gate.renew(limits(places=9, rate=1))
    assert not entrance.gate.try_enter(), "what was used up is not given back"
    entrance.come("a1")
    await rounds()
    entrance.gate.renew(limits(places=9))
    await rounds()
    assert entrance.inside == ["a1"]
