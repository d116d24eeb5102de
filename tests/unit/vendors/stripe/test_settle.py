"""What an object says of itself when it is read again; test_vectors has the answers to calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vendors.contract import Answer, End
from vendors.rates import USD, Rate
from vendors.stripe import (
    billing,
    charges,
    credit,
    definitions,
    intents,
    outflows,
    refunds,
    terminal,
    v2money,
)
from vendors.stripe.quote import QUOTERS
from vendors.stripe.settle import REREADERS, SETTLERS, object_lookup, reread

INTENT = {
    "object": "payment_intent",
    "id": "pi_1",
    "status": "requires_capture",
    "currency": "usd",
    "amount": 1000,
    "amount_received": 300,
    "amount_capturable": 700,
    "livemode": False,
}
CHARGE = {
    "object": "charge",
    "id": "ch_1",
    "status": "succeeded",
    "currency": "usd",
    "amount": 1000,
    "captured": False,
    "amount_captured": 0,
    "amount_refunded": 0,
}


def read_again(object_id: str, tree: Any, status: int = 200) -> tuple[End, int, int]:
    outcome = reread(object_id, USD, 0, Answer(status, {}, json.dumps(tree).encode()))
    assert bool(outcome.why) == (outcome.end is End.IN_DOUBT)
    assert outcome.label == object_id
    return outcome.end, outcome.settled_micros, outcome.standing_micros


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (End.STANDING, 3_000_000, 7_000_000)),
        ({"status": "canceled"}, (End.SETTLED, 3_000_000, 0)),
        ({"status": "canceled", "amount_received": 0}, (End.RELEASED, 0, 0)),
        ({"status": "succeeded"}, (End.SETTLED, 3_000_000, 0)),
        ({"status": "succeeded", "amount_received": 0}, (End.SETTLED, 0, 0)),
    ],
)
def test_an_intent(changes: dict[str, Any], expected: tuple[End, int, int]) -> None:
    assert read_again("pi_1", {**INTENT, **changes}) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (End.STANDING, 0, 10_000_000)),
        ({"amount_refunded": 1000}, (End.RELEASED, 0, 0)),
        ({"captured": True, "amount_captured": 400}, (End.SETTLED, 4_000_000, 0)),
        ({"status": "failed"}, (End.RELEASED, 0, 0)),
    ],
)
def test_a_charge(changes: dict[str, Any], expected: tuple[End, int, int]) -> None:
    assert read_again("ch_1", {**CHARGE, **changes}) == expected


def test_what_is_not_the_object_changes_nothing() -> None:
    for tree, status in (({}, 404), (INTENT, 500), ({**INTENT, "id": "pi_2"}, 200), ([], 200)):
        outcome = reread("pi_1", USD, 0, Answer(status, {}, json.dumps(tree).encode()))
        assert outcome.end is End.IN_DOUBT
        assert outcome.why


def test_received_and_standing_are_rounded_as_one() -> None:
    rate = Rate("usd", 2, 1, 3)
    tree = {**INTENT, "amount": 2, "amount_received": 1, "amount_capturable": 1}
    outcome = reread("pi_1", rate, 0, Answer(200, {}, json.dumps(tree).encode()))
    assert (outcome.settled_micros, outcome.standing_micros) == (1, 0)


def test_an_object_that_holds_no_money_is_not_read_again() -> None:
    outcome = reread("cus_1", USD, 0, Answer(200, {}, b"{}"))
    assert outcome.end is End.IN_DOUBT
    assert outcome.label == "cus_1"
    for odd in ("", "_", "pi", "nothing"):
        assert object_lookup(odd) is None


def test_tables_of_several_topics_do_not_hide_each_other() -> None:
    topics = (billing, charges, credit, definitions, intents, outflows, refunds, terminal, v2money)
    assert sum(len(topic.SETTLERS) for topic in topics) == len(SETTLERS)
    assert sum(len(topic.QUOTERS) for topic in topics) == len(QUOTERS)
    readers = (billing, charges, intents, refunds, v2money)
    assert sum(len(topic.REREADERS) for topic in readers) == len(REREADERS)
