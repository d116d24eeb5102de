"""Time that a test can skip, bills, and memory that is bounded."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.twilio.errors import TwilioError
from bench.sandbox.twilio.world import (
    SECOND_US,
    Pace,
    Town,
    World,
    fixed_sid,
    iso8601,
    new_sid,
    rfc2822,
)


def made(logged: list[Any] | None = None, keep: int = 2) -> World:
    def log(kind: str, subject: Any, amount: int) -> None:
        if logged is not None:
            logged.append((kind, subject["id"], amount))

    return World(Town(Pace(), keep, log), "AC1", "token")


def test_steps_run_in_order_at_their_own_time() -> None:
    world, seen = made(), []
    town, start_us = world.town, world.now_us

    def first() -> None:
        seen.append(world.now_us - start_us)
        town.later(start_us + 7 * SECOND_US, lambda: seen.append(world.now_us - start_us))

    town.later(start_us + 9 * SECOND_US, lambda: seen.append(world.now_us - start_us))
    town.later(start_us + 5 * SECOND_US, first)
    town.catch_up()
    assert seen == []
    town.clock.advance(10)
    town.catch_up()
    assert seen == [5 * SECOND_US, 7 * SECOND_US, 9 * SECOND_US]
    with pytest.raises(ValueError, match="back"):
        town.clock.advance(-1)


def test_a_bill_has_the_drift_and_whole_tens() -> None:
    logged: list[Any] = []
    world = made(logged)
    world.town.pace.drift_percent = 103
    assert world.bill("sms", "SM1", 8_300) == 8_550
    world.adjust("sms", "SM1", -50)
    world.bill("sms", "SM2", 0)
    assert (world.charged["sms"], world.units["sms"]) == (8_500, 2)
    assert logged == [("sms", "SM1", 8_550), ("sms", "SM1", -50)]


def test_the_oldest_are_forgotten() -> None:
    world = made()
    for sid in ("a", "b", "c"):
        world.put("message", sid, sid)
    assert list(world.newest_first("message")) == ["c", "b"]
    with pytest.raises(TwilioError, match="/Messages/a was not found"):
        world.get("message", "a", "/Messages/a")


def test_requests_are_counted_by_the_second() -> None:
    world = made()
    assert not world.is_hurried()
    world.town.pace.requests_per_second = 1
    assert [world.is_hurried(), world.is_hurried()] == [False, True]
    world.town.clock.advance(1)
    assert not world.is_hurried()


def test_names_and_times_look_like_twilios() -> None:
    assert len(new_sid("SM")) == 34
    assert fixed_sid("CF", "room") == fixed_sid("CF", "room") != fixed_sid("CF", "other")
    at_us = 1_692_853_305 * SECOND_US
    assert rfc2822(at_us) == "Thu, 24 Aug 2023 05:01:45 +0000"
    assert iso8601(at_us) == "2023-08-24T05:01:45Z"
    assert rfc2822(None) is iso8601(None) is None
