"""Payment intents; test_vectors has the cases. Here: what a refusal leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from vendors.contract import End, Quote, Reading
from vendors.rates import USD
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.intents import EMITS, LEFTOVERS, QUOTERS, REREADERS, SETTLERS, leftover
from vendors.stripe.things import Unclear

CONFIRM = CATALOGUE.find("POST", "/v1/payment_intents/pi_1/confirm")
READING = Reading(CONFIRM, "/v1/payment_intents/pi_1/confirm", "", "", b"", {})
QUOTE = Quote(10_000_000, "", "usd", 1000, USD, "pi_1")
INTENT: dict[str, Any] = {
    "object": "payment_intent",
    "id": "pi_1",
    "status": "requires_payment_method",
    "currency": "usd",
    "amount": 1000,
    "amount_received": 0,
    "amount_capturable": 0,
}


def test_a_declined_intent_lives_on() -> None:
    left = leftover(READING, QUOTE, {"payment_intent": INTENT})
    assert left is not None
    assert (left.end, left.standing_micros) == (End.STANDING, 10_000_000)


@pytest.mark.parametrize(
    ("quote", "error"),
    [
        (QUOTE, {}),
        (Quote(0, "through"), {"payment_intent": INTENT}),
        (Quote(0, "a cancel", object_id="pi_1"), {"payment_intent": INTENT}),
    ],
)
def test_other_refusals_leave_nothing(quote: Quote, error: dict[str, Any]) -> None:
    assert leftover(READING, quote, error) is None


def test_an_intent_that_is_named_and_not_shown_is_not_clear() -> None:
    with pytest.raises(Unclear):
        leftover(READING, QUOTE, {"payment_intent": "pi_1"})


def test_the_tables_are_about_the_same_operations() -> None:
    assert set(QUOTERS) == set(SETTLERS) == set(LEFTOVERS)
    assert set(EMITS) <= set(QUOTERS)
    assert set(REREADERS) == {"pi_"}
