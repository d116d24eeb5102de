"""A fact has slots, is equal to one with the same values, and can be a key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vendors.fact import fact


@fact
class Price:
    micros: int
    currency: str = "usd"


def test_facts_are_compared_and_found_by_their_values() -> None:
    assert Price(5) == Price(5, "usd") != Price(5, "eur")
    assert {Price(5): "five"}[Price(5)] == "five"
    assert replace(Price(5), currency="eur") == Price(5, "eur")
    assert repr(Price(5)) == "Price(micros=5, currency='usd')"


def test_a_fact_has_no_room_for_more() -> None:
    with pytest.raises(AttributeError):
        setattr(Price(5), "other", 1)  # noqa: B010
