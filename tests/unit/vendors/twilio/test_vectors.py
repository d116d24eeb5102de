"""The vectors: requests and answers as data. Adding a case is adding a line to a file."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from vendors.contract import (
    Answer,
    Money,
    Outcome,
    Reading,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
)
from vendors.rates import Rates
from vendors.twilio import TWILIO
from vendors.twilio.catalogue import CATALOGUE, KINDS

VECTORS = Path(__file__).parents[3] / "vectors" / "twilio"
RATES = Rates({}, datetime.date(2026, 1, 1), 30)


def listed(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return found


def cases(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(c, id=c["name"]) for c in listed(name)])


def reading_of(request: dict[str, str]) -> Reading:
    method, path = request["method"], request["path"]
    operation = TWILIO.operation(method, path, request["product"])
    assert operation.money is Money.PRICED
    body = request["body"].encode()
    return TWILIO.read(operation, Sent(method, path, request["query"], request["type"], body))


def answer_of(case: dict[str, Any]) -> Answer:
    body = case["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(case["status"], {}, raw)


def check(outcome: Outcome, expect: dict[str, Any]) -> None:
    shown = {
        "end": outcome.end.value,
        "settled_micros": outcome.settled_micros,
        "standing_micros": outcome.standing_micros,
        "object_id": outcome.object_id,
        "label": outcome.label,
    }
    assert {name: shown[name] for name in expect} == expect
    assert bool(outcome.why) == (expect["end"] == "in_doubt")


@cases("quotes.json")
def test_quote(case: dict[str, Any]) -> None:
    expect = case["expect"]
    if "unreadable" in expect:
        with pytest.raises(Unreadable) as unreadable:
            TWILIO.quote(reading_of(case), RATES, (), None)
        assert unreadable.value.field_name == expect["unreadable"]
        return
    if "unpriced" in expect:
        with pytest.raises(Unpriced, match=expect["unpriced"]):
            TWILIO.quote(reading_of(case), RATES, (), None)
        return
    if "refused" in expect:
        with pytest.raises(RuleRefused) as refused:
            TWILIO.quote(reading_of(case), RATES, (), None)
        assert refused.value.rule == expect["refused"]
        return
    quote = TWILIO.quote(reading_of(case), RATES, (), None)
    shown = {
        "micros": quote.amount_micros,
        "countries": list(quote.countries),
        "object_id": quote.object_id,
    }
    assert {name: shown[name] for name in expect} == expect
    assert quote.how


@cases("settlements.json")
def test_settlement(case: dict[str, Any]) -> None:
    reading = reading_of(case["request"])
    quote = TWILIO.quote(reading, RATES, (), None)
    check(TWILIO.settle(reading, quote, answer_of(case)), case["expect"])


@cases("rereads.json")
def test_reread(case: dict[str, Any]) -> None:
    check(TWILIO.reread(case["object_id"], None, 13_300, answer_of(case)), case["expect"])


def test_every_class_with_a_price_has_vectors() -> None:
    priced = {KINDS[r.operation.name] for r in CATALOGUE.rows if r.operation.money is Money.PRICED}
    for name in ("quotes.json", "settlements.json"):
        named = {case["name"].partition(":")[0].replace(" ", "_") for case in listed(name)}
        assert named == priced | {"registration_fee"} & named
        assert named == priced
