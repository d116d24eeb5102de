"""The parts of the house that a call needs, by name."""

from __future__ import annotations

from dataclasses import fields

from gateway.call.doors import Doors
from tests.calls import Calls


def test_the_doors_are_made_once_and_stay() -> None:
    assert {"ledger", "registry", "upstreams", "turns", "turnstiles"} <= {
        field.name for field in fields(Doors)
    }


async def test_the_rates_are_those_of_today(calls: Calls) -> None:
    assert calls.doors.rates().at(calls.clock.now_us()) is calls.doors.rates()
