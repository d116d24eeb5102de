"""Decimals, odd multiples and the way to a rate."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pytest

from vendors.contract import RuleRefused, Unreadable
from vendors.rates import USD, Rate, Rates
from vendors.stripe.currencies import EXPONENTS, check_multiple, known, rate_for

RATES = Rates({"eur": Fraction(5, 4)}, datetime.date(2026, 1, 1), 30)
TODAY = RATES.on(20454)


def test_decimals() -> None:
    assert [EXPONENTS[c] for c in ("jpy", "usd", "kwd", "isk", "ugx")] == [0, 2, 3, 2, 2]


def test_case_is_folded_for_the_look_up() -> None:
    assert known("currency", "JPY") == "jpy"


@pytest.mark.parametrize("code", ["", "xyz", "usdc", "eur ", "\u212aRW", "\u017fek"])
def test_other_codes_are_unreadable(code: str) -> None:
    with pytest.raises(Unreadable):
        known("currency", code)


@pytest.mark.parametrize(("currency", "amount"), [("isk", 50), ("ugx", 101), ("kwd", 5123)])
def test_odd_amounts(currency: str, amount: int) -> None:
    with pytest.raises(Unreadable, match="multiple"):
        check_multiple("amount", currency, amount)


@pytest.mark.parametrize(("currency", "amount"), [("isk", 500), ("kwd", 5120), ("usd", 7)])
def test_even_amounts(currency: str, amount: int) -> None:
    check_multiple("amount", currency, amount)


def test_a_kept_rate_goes_first_while_its_currency_lasts() -> None:
    kept = Rate("eur", 2, 3, 1)
    assert rate_for("eur", RATES, kept) is kept
    assert rate_for("usd", RATES, kept) is USD
    assert rate_for("eur", TODAY, None) == Rate("eur", 2, 12_500, 1)
    assert rate_for("eur", TODAY, Rate("eur", 3, 3, 1)) == Rate("eur", 2, 12_500, 1)


def test_a_stale_table_prices_only_usd() -> None:
    with pytest.raises(RuleRefused) as caught:
        rate_for("eur", RATES, None)
    assert caught.value.rule == "rates_age"
    assert rate_for("usd", RATES, None) is USD


def test_a_currency_without_a_rate() -> None:
    with pytest.raises(Unreadable) as caught:
        rate_for("gbp", TODAY, None)
    assert caught.value.field_name == "currency"
