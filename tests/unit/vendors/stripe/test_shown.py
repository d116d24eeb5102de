"""The largest amount that an answer shows."""

from __future__ import annotations

import datetime
import json
from fractions import Fraction
from typing import Any

import pytest

from vendors.contract import Answer
from vendors.rates import Rates
from vendors.stripe.shown import shown_micros

STALE = Rates({"eur": Fraction(2), "jpy": Fraction(1, 100)}, datetime.date(2020, 1, 1), 1)


@pytest.mark.parametrize(
    ("tree", "micros"),
    [
        ({}, 0),
        ({"amount": 5}, 50_000),
        ({"amount": 5, "amount_due": 9, "currency": "usd"}, 90_000),
        ({"amount": 100, "currency": "EUR"}, 2_000_000),
        ({"currency": "jpy", "latest_invoice": {"total": 100}}, 1_000_000),
        ({"amount": {"value": "1200", "currency": "usd"}}, 12_000_000),
        ({"items": {"data": [{"quantity": 3, "price": {"unit_amount": 100}}]}}, 3_000_000),
        ({"quantity": 0, "price": {"unit_amount": 100}}, 1_000_000),
        ({"amount": -5, "total": True, "amount_paid": 1.5}, 0),
        ({"amount": 5, "currency": "gbp"}, 50_000),
        ({"amount": 5, "currency": "xyz"}, 50_000),
        ({"amount": 5, "currency": 7}, 50_000),
        ({"metadata": {"amount": 5}}, 0),
        ({"quantity": 10**12, "price": {"unit_amount": 10**12}}, 10**17),
    ],
)
def test_shown(tree: Any, micros: int) -> None:
    assert shown_micros(Answer(200, {}, json.dumps(tree).encode()), STALE) == micros


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>"])
def test_an_answer_that_is_no_object_shows_nothing(body: bytes) -> None:
    assert shown_micros(Answer(200, {}, body), STALE) == 0


def test_what_lies_too_deep_is_not_looked_for() -> None:
    deep = b'{"a":' * 30 + b'{"amount": 5}' + b"}" * 30
    assert shown_micros(Answer(200, {}, deep), STALE) == 0
