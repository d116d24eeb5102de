"""What a bill comes to: discounts, then taxes, then shipping."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.stripe.discounts import Sums, Terms, sums
from bench.sandbox.wire import Obj

QUARTER: Obj = {"percent_off": 25.0, "amount_off": None}
TEN: Obj = {"percent_off": None, "amount_off": 1000}


def rate(percentage: float, *, inclusive: bool = False) -> Obj:
    return {"percentage": percentage, "inclusive": inclusive}


def line(amount: int, **more: Any) -> Obj:
    return {"amount": amount, **more}


@pytest.mark.parametrize(
    ("lines", "terms", "expected"),
    [
        ([line(2000)], Terms(), (2000, 0, 0, 2000)),
        ([line(2000)], Terms([QUARTER, TEN]), (2000, 1500, 0, 500)),
        ([line(500)], Terms([TEN]), (500, 500, 0, 0)),
        ([line(-700)], Terms([TEN]), (-700, 0, 0, -700)),
        ([line(1000), line(1000, discountable=False)], Terms([QUARTER]), (2000, 250, 0, 1750)),
        ([line(1000)], Terms((), [rate(20)]), (1000, 0, 200, 1200)),
        ([line(1000)], Terms((), [rate(20, inclusive=True)]), (1000, 0, 0, 1000)),
        ([line(1000)], Terms([QUARTER], [rate(8.25)]), (1000, 250, 62, 812)),
        ([line(1000, tax_rates=[rate(50)])], Terms((), [rate(20)]), (1000, 0, 500, 1500)),
        ([line(1000)], Terms((), (), automatic_tax=True), (1000, 0, 100, 1100)),
    ],
)
def test_sums(lines: list[Obj], terms: Terms, expected: tuple[int, int, int, int]) -> None:
    assert sums(lines, terms) == Sums(*expected)


def test_shipping_is_neither_discounted_nor_taxed() -> None:
    assert sums([line(1000)], Terms([TEN]), 300).total == 300
