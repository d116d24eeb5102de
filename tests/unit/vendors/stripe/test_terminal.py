"""Card readers; test_vectors has the cases. Here: a retry, which has no look-up."""

from __future__ import annotations

import pytest

from vendors.contract import End, Quote, Reading
from vendors.rates import USD
from vendors.stripe import STRIPE
from vendors.stripe.terminal import LEFTOVERS, QUOTERS, SETTLERS
from vendors.stripe.things import Unclear

PATH = "/v1/terminal/readers/tmr_1/process_payment_intent"
OPERATION = STRIPE.operation("POST", PATH, "")
READER = {"object": "terminal.reader", "id": "tmr_1"}


def test_a_retry_learns_nothing_of_the_intent() -> None:
    """What the first call held on top of the rest is known, and not what the whole came to."""
    reading = Reading(OPERATION, PATH, "", "", b"", {"payment_intent": "pi_1"})
    settler = SETTLERS[OPERATION.name]
    first = Quote(10_000_000, "", "usd", 1000, USD, "pi_1")
    assert settler(reading, first, READER).end is End.STANDING
    with pytest.raises(Unclear):
        settler(reading, Quote(4_000_000, "", rate=USD, object_id="pi_1"), READER)


def test_the_tables_are_about_the_same_operations() -> None:
    assert set(QUOTERS) == set(SETTLERS)
    assert set(LEFTOVERS) < set(QUOTERS)
