"""Payment intents; test_vectors has the cases. Here: what a refusal leaves behind."""

from __future__ import annotations

import datetime
import json
from fractions import Fraction
from typing import Any

import pytest

from vendors.contract import Answer, End, Quote, Reading, RuleRefused
from vendors.rates import USD, Rate, Rates
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.intents import EMITS, LEFTOVERS, QUOTERS, REREADERS, SETTLERS, leftover
from vendors.stripe.things import Unclear

CONFIRM = CATALOGUE.find("POST", "/v1/payment_intents/pi_1/confirm")
UPDATE = CATALOGUE.find("POST", "/v1/payment_intents/pi_1")
EPOCH = datetime.date(1970, 1, 1).toordinal()
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


# An intent that is counted in dollars and became one in euros had holds that no answer could end:
# each answer was in another currency than the hold that remembers the object's rate.


def changed(kept: Rate | None, code: str) -> Any:
    quoter, _ = QUOTERS[UPDATE.name]
    reading = Reading(UPDATE, "/v1/payment_intents/pi_1", "", "", b"", {"currency": code})
    today = datetime.date(2026, 11, 1)
    rates = Rates({"eur": Fraction(5, 4)}, today, 30, today.toordinal() - EPOCH)
    return quoter(reading, rates, [Answer(200, {}, json.dumps(INTENT).encode())], kept)


def test_an_intent_keeps_the_currency_that_it_is_counted_in() -> None:
    with pytest.raises(RuleRefused, match="pi_1 is counted in usd") as refused:
        changed(USD, "eur")
    assert refused.value.rule == "currency"
    assert changed(USD, "USD").amount_micros == 10_000_000
    assert changed(None, "eur").amount_micros == 12_500_000


def test_a_change_of_currency_that_stripe_refuses_leaves_nothing() -> None:
    quote = changed(None, "eur")
    reading = Reading(UPDATE, "/v1/payment_intents/pi_1", "", "", b"", {"currency": "eur"})
    assert leftover(reading, quote, {"payment_intent": INTENT}) is None


def test_the_tables_are_about_the_same_operations() -> None:
    assert set(QUOTERS) == set(SETTLERS) == set(LEFTOVERS)
    assert set(EMITS) <= set(QUOTERS)
    assert set(REREADERS) == {"pi_"}
