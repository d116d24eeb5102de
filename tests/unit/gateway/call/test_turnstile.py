"""A vendor's entrance: so many at once, so many a second, fair by key, and no place is lost."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gateway.call import turnstile
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

    def take_all(self, name: str = "z") -> int:
        """So many places does this one get."""
        taken = 0
        while self.gate.try_enter(name):
            taken += 1
        return taken

    def leave(self, name: str = "z") -> None:
        self.gate.leave(name)

    def come(self, name: str) -> asyncio.Task[None]:
        async def go_in() -> None:
            await self.gate.enter(name[0])
            self.inside.append(name)

        return self.loop.create_task(go_in())


async def test_there_is_room_until_there_is_none() -> None:
    entrance = Entrance(places=2)
    assert [entrance.gate.try_enter("z") for _ in range(3)] == [True, True, False]
    entrance.leave()
    assert entrance.gate.try_enter("z")


async def test_whoever_leaves_lets_the_next_one_in_fair_by_key() -> None:
    entrance = Entrance()
    for name in ("a1", "a2", "a3", "b1", "c1"):
        entrance.come(name)
    await rounds()
    for name in "aabc":
        entrance.leave(name)
        await rounds()
    assert entrance.inside == ["a1", "a2", "b1", "c1", "a3"]
    assert not entrance.gate.try_enter("z")
    entrance.leave("a")
    assert (entrance.gate._inside, len(entrance.gate._lines)) == (0, 0)


async def test_nobody_passes_those_who_wait() -> None:
    entrance = Entrance(places=1, rate=1_000)
    entrance.gate.try_enter("z")
    waiting = entrance.come("a")
    await rounds()
    entrance.gate._inside = 0  # there would be room, and yet
    assert not entrance.gate.try_enter("z")
    await waiting


async def test_waiting_ends() -> None:
    entrance = Entrance(wait_s=0.0)
    entrance.gate.try_enter("z")
    with pytest.raises(RateLimited) as info:
        await entrance.gate.enter("a")
    assert info.value.facts["retry_after_s"] == 1
    entrance.leave()
    assert (entrance.gate._inside, len(entrance.gate._lines)) == (0, 0)


async def test_an_alarm_that_comes_with_the_turn_changes_nothing() -> None:
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    turn.set_result(None)
    _give_up(turn)
    assert turn.exception() is None


async def test_a_limit_per_second_makes_room_by_itself() -> None:
    entrance = Entrance(places=10_000, rate=50)
    entered = entrance.take_all()
    tasks = [entrance.come(name) for name in ("a", "b", "c")]
    await asyncio.gather(*tasks)
    assert sorted(entrance.inside) == ["a", "b", "c"]
    assert entrance.gate._inside == entered + 3


async def test_with_no_room_the_timer_comes_again() -> None:
    entrance = Entrance(places=1, rate=1_000)
    entrance.gate.try_enter("z")
    waiting = entrance.come("a")
    await rounds()
    first = entrance.gate._timer
    assert first is not None
    await until(lambda: entrance.gate._timer is not first)
    entrance.leave()
    await waiting
    entrance.leave("a")
    await until(lambda: entrance.gate._timer is None)


async def test_who_left_is_passed_over() -> None:
    entrance = Entrance()
    entrance.gate.try_enter("z")
    left, stays = entrance.come("a1"), entrance.come("b1")
    await rounds()
    left.cancel()
    await rounds()
    entrance.leave()
    await stays
    entrance.leave("b")
    assert (entrance.gate._inside, len(entrance.gate._lines)) == (0, 0)


async def test_a_place_that_comes_in_the_moment_of_a_cancel_is_free_again() -> None:
    entrance = Entrance()
    entrance.gate.try_enter("z")
    cut = entrance.come("a1")
    await rounds()
    entrance.leave()
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
    for name in "ab":
        entrance.leave(name)
        await rounds()
    assert entrance.inside == ["a1", "b1", "c1"], "one is inside still"
    entrance.leave("c")
    await rounds()
    assert entrance.inside[-1] == "d1"


async def test_a_rate_comes_and_goes_while_calls_pass() -> None:
    entrance = Entrance(places=9)
    assert entrance.gate.try_enter("z")
    entrance.gate.renew(limits(places=9, rate=2))
    assert [entrance.gate.try_enter("z") for _ in range(3)] == [True, True, False]
    entrance.gate.renew(limits(places=9, rate=1))
    assert not entrance.gate.try_enter("z"), "what was used up is not given back"
    entrance.come("a1")
    await rounds()
    entrance.gate.renew(limits(places=9))
    await rounds()
    assert entrance.inside == ["a1"]


async def test_a_key_whose_calls_hang_leaves_places_for_others() -> None:
    entrance = Entrance(places=512)
    assert entrance.take_all("g") == 410
    hanging = [entrance.come(f"g{number}") for number in range(3)]
    await rounds()
    entrance.come("b1")
    await rounds()
    assert entrance.inside == ["b1"], "at once, past those who wait"
    entrance.leave("g")
    await rounds()
    assert len(entrance.inside) == 1, "it had more than its share of what is left"
    entrance.leave("g")
    await rounds()
    assert len(entrance.inside) == 2
    for task in hanging:
        task.cancel()


async def test_keys_that_take_all_they_get_share_and_leave_some() -> None:
    entrance = Entrance(places=512)
    taken = Counter(name for _ in range(512) for name in "ab" if entrance.gate.try_enter(name))
    assert taken == {"a": 228, "b": 228}
    assert entrance.take_all("c") == 45


@pytest.mark.parametrize("places", [1, 2, 3, 4])
async def test_of_few_places_one_may_have_all(places: int) -> None:
    assert Entrance(places=places).take_all() == places


async def test_a_line_that_is_too_long_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "LINE_MAX", 2)
    entrance = Entrance(wait_s=60.0)
    entrance.gate.try_enter("z")
    first, second = entrance.come("a1"), entrance.come("a2")
    await rounds()
    with pytest.raises(RateLimited):
        await entrance.gate.enter("a")
    first.cancel()
    await rounds()
    entrance.come("b1")
    third = entrance.come("a3")
    await rounds()
    assert not third.done(), "who left stands in nobody's way"
    entrance.leave()
    await second
