"""Kinds of money that moves once: how each says how much."""

from __future__ import annotations

from typing import Any

import pytest

from vendors.contract import End, Quote
from vendors.rates import USD
from vendors.stripe.moved import Kind, counted, emits
from vendors.stripe.things import Unclear

PLAIN = Kind("transfer", "/v1/transfers/", back="amount_reversed")
SIGNED = Kind("payout", signed=True)
DEEP = Kind("grant", "", ("amount", "monetary", "value"), ("amount", "monetary", "currency"))
DIGITS = Kind("v2", "", ("amount", "value"), ("amount", "currency"), digits=True)


def transfer(**changes: Any) -> dict[str, Any]:
    tree = {"object": "transfer", "id": "tr_1", "amount": 9, "currency": "USD"}
    return {**tree, "amount_reversed": 2, **changes}


def test_what_is_left_is_what_did_not_go_back() -> None:
    movement = PLAIN.read(transfer())
    assert (movement.id, movement.currency, movement.amount, movement.left) == ("tr_1", "usd", 9, 7)
    assert PLAIN.read(transfer(amount_reversed=20)).left == 0
    assert PLAIN.read(transfer(status="odd")).status == "odd"
    assert PLAIN.read(transfer(status=5)).status == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"object": "payout"},
        {"id": None},
        {"currency": ""},
        {"amount": -9},
        {"amount": 9.0},
        {"amount": True},
        {"amount": "9"},
        {"amount": 10**13},
        {"amount_reversed": None},
        {"amount_reversed": -1},
    ],
)
def test_what_cannot_be_vouched_for(changes: dict[str, Any]) -> None:
    with pytest.raises(Unclear):
        PLAIN.read(transfer(**changes))


def test_a_minus_is_a_direction_where_a_kind_says_so() -> None:
    tree = {"object": "payout", "id": "po_1", "amount": -9, "currency": "usd"}
    assert SIGNED.read(tree).amount == 9
    for amount in (-(10**13), -9.0, "-9"):
        with pytest.raises(Unclear):
            SIGNED.read({**tree, "amount": amount})


def test_an_amount_can_lie_deeper() -> None:
    inner = {"value": 5, "currency": "eur"}
    tree = {"object": "grant", "id": "g_1", "amount": {"monetary": inner}}
    assert (DEEP.read(tree).amount, DEEP.read(tree).currency) == (5, "eur")
    for amount in (None, 5, {}, {"monetary": [inner]}):
        with pytest.raises(Unclear):
            DEEP.read({**tree, "amount": amount})


def test_digits_in_quotes_where_a_kind_says_so() -> None:
    def read(value: Any) -> int:
        amount = {"value": value, "currency": "usd"}
        return DIGITS.read({"object": "v2", "id": "x", "amount": amount}).amount

    assert [read("12"), read(12)] == [12, 12]
    for value in ("-1", "1.5", "", "\u0661", "9" * 5_000, None):
        with pytest.raises(Unclear):
            read(value)


def test_what_failed_moved_nothing() -> None:
    quote = Quote(7, "", "usd", 7, USD)
    assert counted(PLAIN, quote, transfer()).settled_micros == 90_000
    for status in ("failed", "canceled"):
        assert counted(PLAIN, quote, transfer(status=status)).end is End.RELEASED


def test_an_event_is_read_like_an_answer() -> None:
    made = emits(PLAIN, "transfer.created")
    assert made.types == ("transfer.created",)
    assert made.reader(Quote(7, "", "usd", 7, USD), transfer()).settled_micros == 90_000
