"""Charges; test_vectors has the cases. Here: what a charge means for its hold."""

from __future__ import annotations

from typing import Any

import pytest

from vendors.contract import End, Quote
from vendors.rates import USD
from vendors.stripe.charges import EMITS, QUOTERS, REREADERS, SETTLERS, of_charge
from vendors.stripe.things import Unclear

CHARGE: dict[str, Any] = {
    "object": "charge",
    "id": "ch_1",
    "status": "succeeded",
    "currency": "usd",
    "amount": 1000,
    "captured": True,
    "amount_captured": 1000,
    "amount_refunded": 0,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (End.SETTLED, 10_000_000, 0)),
        ({"status": "pending"}, (End.STANDING, 0, 10_000_000)),
        ({"captured": False, "amount_captured": 0}, (End.STANDING, 0, 10_000_000)),
        ({"captured": False, "amount_refunded": 1000}, (End.RELEASED, 0, 0)),
        ({"status": "failed"}, (End.RELEASED, 0, 0)),
    ],
)
def test_a_charge(changes: dict[str, Any], expected: tuple[End, int, int]) -> None:
    verdict = of_charge(Quote(0, "", "usd", 0, USD, "ch_1"), {**CHARGE, **changes})
    assert (verdict.end, verdict.settled_micros, verdict.standing_micros) == expected
    assert verdict.object_id == "ch_1"


def test_a_status_nobody_knows() -> None:
    with pytest.raises(Unclear):
        of_charge(Quote(0, "", "usd", 0, USD), {**CHARGE, "status": "odd"})


def test_the_tables_are_about_the_same_operations() -> None:
    assert set(QUOTERS) == set(SETTLERS)
    assert set(EMITS) <= set(QUOTERS)
    assert set(REREADERS) == {"ch_", "py_"}
