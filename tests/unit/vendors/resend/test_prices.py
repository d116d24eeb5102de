"""The table of prices: one number, with a date, or a mistake that says which member."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vendors.contract import PriceTableMistake
from vendors.rates import Rate
from vendors.resend.prices import MICROS_MAX, SHIPPED, read_prices

GOOD: dict[str, Any] = {"date": "2026-11-01", "recipient_micros": 400}


def table(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def test_what_ships() -> None:
    assert SHIPPED.date == "2026-10-31"
    assert SHIPPED.rate.to_micros(1) == 900
    assert SHIPPED.rate.to_micros(150) == 135_000
    assert SHIPPED.shown == "0.0009"


def test_an_operators_own() -> None:
    prices = read_prices(table(about="our contract", sources=["us"]))
    assert (prices.date, prices.rate.to_micros(3), prices.shown) == ("2026-11-01", 1_200, "0.0004")
    assert Rate.parse(str(prices.rate)) == prices.rate
    assert read_prices(table(recipient_micros=MICROS_MAX)).shown == "1.00"


@pytest.mark.parametrize(
    "micros", [0, -1, 1.5, None, True, [], "", "0900", " 9", "９", MICROS_MAX + 1, 10**30]
)
def test_a_price_that_is_none(micros: object) -> None:
    with pytest.raises(PriceTableMistake):
        read_prices(table(recipient_micros=micros))


@pytest.mark.parametrize("date", ["", "2026-02-30", "20261101", "2026-W01-1", 20261101, None, []])
def test_a_date_that_is_none(date: object) -> None:
    with pytest.raises(PriceTableMistake, match="date: must be a day"):
        read_prices(table(date=date))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "body: not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"date": "2026-11-01"}', "recipient_micros: missing"),
        ('{"recipient_micros": 9}', "date: missing"),
        ('{"recipient_micros": 9, "recipient_micros": 8}', "recipient_micros: comes more than"),
        (table(Recipient_Micros=1), "'Recipient_Micros': not a member"),
        (table(recipient_micros=0), "recipient_micros: must be a whole number"),
        ("\ufeff{}", "byte order mark"),
        ("\udc00", "not valid UTF-8"),
    ],
)
def test_a_table_that_is_none(text: str, said: str) -> None:
    with pytest.raises(PriceTableMistake, match=said):
        read_prices(text)
