"""Money in /v2; test_vectors has the cases. Here: that an intent is counted once."""

from __future__ import annotations

import datetime
import json

from vendors.contract import Answer, End, Lookup, Sent
from vendors.rates import USD, Rates
from vendors.stripe import STRIPE
from vendors.stripe.reading import JSON_TYPE
from vendors.stripe.v2money import QUOTERS, SETTLERS

RATES = Rates({}, datetime.date(2026, 1, 1), 30)
INTENTS = "/v2/money_management/payout_intents"


def answer(status: str) -> Answer:
    amount = {"value": "1200", "currency": "usd"}
    tree = {"object": "v2.money_management.payout_intent", "id": "pyi_1", "amount": amount}
    return Answer(200, {}, json.dumps({**tree, "status": status}).encode())


def test_what_stands_for_a_payout_intent_is_what_confirming_it_comes_to() -> None:
    body = b'{"amount": {"value": 1200, "currency": "usd"}}'
    create = STRIPE.operation("POST", INTENTS, "")
    reading = STRIPE.read(create, Sent("POST", INTENTS, "", JSON_TYPE, body))
    quote = STRIPE.quote(reading, RATES, (), None)
    assert not isinstance(quote, Lookup)
    made = STRIPE.settle(reading, quote, answer("requires_action"))
    assert (made.end, made.standing_micros) == (End.STANDING, 12_000_000)

    path = f"{INTENTS}/{made.object_id}/confirm"
    confirming = STRIPE.read(STRIPE.operation("POST", path, ""), Sent("POST", path, "", "", b""))
    again = STRIPE.quote(confirming, RATES, [answer("requires_action")], quote.rate)
    assert not isinstance(again, Lookup)
    assert (again.object_id, again.amount_micros) == (made.object_id, made.standing_micros)
    paid = STRIPE.settle(confirming, again, answer("processing"))
    assert (paid.end, paid.settled_micros) == (End.SETTLED, 12_000_000)


def test_an_intent_that_a_person_canceled_is_read_again() -> None:
    """Nothing but a confirmation through us ever ended one that waited for it."""
    look = STRIPE.object_lookup("pyi_1")
    assert look is not None
    assert look.target == f"{INTENTS}/pyi_1"
    assert dict(look.headers).keys() == {b"stripe-version"}
    waits = STRIPE.reread("pyi_1", USD, 12_000_000, answer("requires_action"))
    assert (waits.end, waits.standing_micros) == (End.STANDING, 12_000_000)
    assert STRIPE.reread("pyi_1", USD, 12_000_000, answer("canceled")).end is End.RELEASED


def test_the_tables_are_about_the_same_operations() -> None:
    assert set(QUOTERS) == set(SETTLERS)
