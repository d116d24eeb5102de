"""The careful checks that every settler shares."""

from __future__ import annotations

import pytest

from vendors.contract import End, Money, Operation, Quote, Reading
from vendors.rates import USD, Rate
from vendors.stripe.things import Unclear
from vendors.stripe.verdicts import (
    Verdict,
    aside,
    both_micros,
    check_id,
    check_reference,
    held,
    named,
    outcome_of,
    rate_of,
)

OF_INTENT = Quote(5, "", "usd", 5, USD, "pi_1")


def reading(object_id: str | None) -> Reading:
    operation = Operation("X", "POST", "/v1/x", Money.PRICED, "", object_id)
    return Reading(operation, "/v1/x", "", "", b"", {})


def test_a_call_on_an_object_whose_quote_belongs_to_none_is_aside() -> None:
    assert aside(reading("pi_1"), Quote(0, ""))
    assert not aside(reading("pi_1"), OF_INTENT)
    assert not aside(reading(None), Quote(0, ""))


def test_another_object_is_no_answer() -> None:
    check_id(OF_INTENT, "pi_1")
    check_id(Quote(0, ""), "pi_2")
    check_reference("ch_1", "")
    check_reference(None, "ch_1")
    with pytest.raises(Unclear):
        check_id(OF_INTENT, "pi_2")
    with pytest.raises(Unclear):
        check_reference("ch_1", "ch_2")


def test_the_rate_is_the_one_of_the_hold() -> None:
    assert rate_of(OF_INTENT, "usd") is USD
    for quote, currency in ((OF_INTENT, "eur"), (Quote(5, ""), "usd")):
        with pytest.raises(Unclear):
            rate_of(quote, currency)


def test_settled_and_standing_are_rounded_as_one() -> None:
    assert both_micros(Rate("usd", 2, 1, 3), 1, 1) == (1, 0)
    assert both_micros(USD, 3, 4) == (30_000, 40_000)


def test_what_an_object_does_not_show_counts_at_what_was_held() -> None:
    assert held(OF_INTENT, {"id": "po_1"}) == Verdict(End.SETTLED, 5, label="po_1")
    assert named({"id": 5}) == ""


def test_the_facts_around_a_verdict() -> None:
    made = outcome_of(Verdict(End.SETTLED, 5), {"livemode": True}, "req_1", replayed=True)
    assert (made.livemode, made.request_id, made.replayed) == (True, "req_1", True)
    assert outcome_of(Verdict(End.SETTLED), {"livemode": "yes"}).livemode is None
