"""The vectors: requests and answers as data. Adding a case is adding a line to a file."""

from __future__ import annotations

import datetime
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vendors.contract import (
    Answer,
    Lookup,
    MediaTypeRefused,
    Quote,
    Reading,
    Sent,
    Unpriced,
    Unreadable,
)
from vendors.rates import Rate, Rates
from vendors.stripe import STRIPE

VECTORS = Path(__file__).parents[3] / "vectors" / "stripe"
PER_USD = {"gbp": "0.5", "eur": "0.8", "jpy": "100", "kwd": "0.3", "isk": "125"}
RATES = Rates(
    {code: 1 / Fraction(units) for code, units in PER_USD.items()}, datetime.date(2026, 1, 1), 30
).on(20454)


def cases(name: str) -> pytest.MarkDecorator:
    listed = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return pytest.mark.parametrize("case", [pytest.param(c, id=c["name"]) for c in listed])


def reading_of(request: dict[str, str]) -> Reading:
    operation = STRIPE.operation(request["method"], request["path"], "")
    sent = Sent(
        request["method"],
        request["path"],
        request["query"],
        request["type"],
        request["body"].encode(),
    )
    return STRIPE.read(operation, sent)


def body_of(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def quote_of(case: dict[str, Any]) -> Quote | Lookup:
    found = [Answer(200, {}, body_of(tree)) for tree in case["found"]]
    kept = Rate.parse(case["kept"]) if case["kept"] else None
    return STRIPE.quote(reading_of(case["request"]), RATES, found, kept)


@cases("readings.json")
def test_reading(case: dict[str, Any]) -> None:
    if "media_refused" in case:
        with pytest.raises(MediaTypeRefused):
            reading_of(case["request"])
        return
    if "refused" in case:
        with pytest.raises(Unreadable) as caught:
            reading_of(case["request"])
        assert caught.value.field_name == case["refused"]
        return
    reading = reading_of(case["request"])
    assert reading.fields == case["fields"]
    assert reading.body == case["body"].encode()
    assert reading.query == case["query"]


@cases("quotes.json")
def test_quote(case: dict[str, Any]) -> None:
    expect = case["expect"]
    if "unreadable" in expect:
        with pytest.raises(Unreadable) as caught:
            quote_of(case)
        assert caught.value.field_name == expect["unreadable"]
        return
    if "unpriced" in expect:
        with pytest.raises(Unpriced):
            quote_of(case)
        return
    quote = quote_of(case)
    if "lookup" in expect:
        assert isinstance(quote, Lookup)
        assert quote.target == expect["lookup"]
        assert quote.why
        return
    assert isinstance(quote, Quote)
    assert quote.how
    assert {name: getattr(quote, name) for name in expect} == expect


@cases("settlements.json")
def test_settlement(case: dict[str, Any]) -> None:
    quote = quote_of(case)
    assert isinstance(quote, Quote)
    headers = {k.encode(): v.encode() for k, v in case["headers"].items()}
    answer = Answer(case["status"], headers, body_of(case["body"]))
    outcome = STRIPE.settle(reading_of(case["request"]), quote, answer)
    back = outcome.gives_back
    shown = {
        "end": outcome.end.value,
        "settled_micros": outcome.settled_micros,
        "standing_micros": outcome.standing_micros,
        "object_id": outcome.object_id,
        "label": outcome.label,
        "livemode": outcome.livemode,
        "request_id": outcome.request_id,
        "replayed": outcome.replayed,
        "gives_back": back and [list(back.objects), back.refund_id, back.amount_micros],
    }
    assert {name: shown[name] for name in case["expect"]} == case["expect"]
    assert bool(outcome.why) == (case["expect"]["end"] == "in_doubt")
