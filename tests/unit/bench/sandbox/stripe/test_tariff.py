"""Prices times quantities, to the minor unit."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from bench.sandbox.stripe import tariff
from bench.sandbox.wire import Obj


def price(unit: str | None = "100", **more: Any) -> Obj:
    return {
        "billing_scheme": "per_unit", "tiers_mode": None, "transform_quantity": None,
        "unit_amount_decimal": unit, **more,
    }  # fmt: skip


def tier(up_to: int | None, unit: str | None, flat: str | None = None) -> Obj:
    return {"up_to": up_to, "unit_amount_decimal": unit, "flat_amount_decimal": flat}


TIERS = [tier(10, "100", "50"), tier(20, "90", "7"), tier(None, "0.5")]


@pytest.mark.parametrize(
    ("unit", "quantity", "amount"),
    [("100", "3", 300), ("0.5", "1", 1), ("0.5", "3", 2), ("0.4", "1", 0), ("-1.5", "1", -2),
     ("12.345", "100", 1235), ("100", "2.5", 250), (None, "4", 0)],
)  # fmt: skip
def test_units(unit: str | None, quantity: str, amount: int) -> None:
    assert tariff.line_amount(price(unit), Fraction(quantity)) == amount


@pytest.mark.parametrize(("how", "amount"), [("up", 300), ("down", 200)])
def test_packages(how: str, amount: int) -> None:
    package = price(transform_quantity={"divide_by": 10, "round": how})
    assert tariff.line_amount(package, Fraction(21)) == amount


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [(0, 50, 50), (10, 1050, 1050), (11, 1050 + 97, 11 * 90 + 7),
     (21, 1050 + 907 + 1, 11)],
)  # fmt: skip
def test_tiers(quantity: int, graduated: int, volume: int) -> None:
    for mode, amount in (("graduated", graduated), ("volume", volume)):
        tiered = price(None, billing_scheme="tiered", tiers_mode=mode)
        assert tariff.line_amount(tiered, Fraction(quantity), TIERS) == amount


def test_tiers_must_not_end() -> None:
    tiered = price(None, billing_scheme="tiered", tiers_mode="volume")
    with pytest.raises(ValueError, match="last tier"):
        tariff.line_amount(tiered, Fraction(11), TIERS[:1])
