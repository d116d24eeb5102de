"""The vectors: requests and answers as data. Adding a case is adding a line to a file.

A file's name begins with what its cases are (`quotes`, `quotes_outflows`, …): readings, quotes,
settlements, rereads, searches.
"""

from __future__ import annotations

import datetime
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vendors.contract import (
    Answer,
    Doubt,
    Findings,
    Lookup,
    MediaTypeRefused,
    Outcome,
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


def cases(kind: str) -> pytest.MarkDecorator:
    files = sorted(VECTORS.glob(f"{kind}*.json"))
    listed = [case for file in files for case in json.loads(file.read_text("utf-8"))["cases"]]
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


@cases("readings")
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


@cases("quotes")
def test_quote(case: dict[str, Any]) -> None:
    expect = case["expect"]
    if "unreadable" in expect:
        with pytest.raises(Unreadable) as caught:
            quote_of(case)
        assert caught.value.field_name == expect["unreadable"]
        return
    if "unpriced" in expect:
        with pytest.raises(Unpriced) as unpriced:
            quote_of(case)
        assert expect["unpriced"] is True or expect["unpriced"] in str(unpriced.value)
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


@cases("settlements")
def test_settlement(case: dict[str, Any]) -> None:
    quote = quote_of(case)
    assert isinstance(quote, Quote)
    headers = {k.encode(): v.encode() for k, v in case["headers"].items()}
    answer = Answer(case["status"], headers, body_of(case["body"]))
    outcome = STRIPE.settle(reading_of(case["request"]), quote, answer)
    shown = shown_of(outcome)
    assert {name: shown[name] for name in case["expect"]} == case["expect"]
    assert bool(outcome.why) == (case["expect"]["end"] == "in_doubt")


@cases("rereads")
def test_reread(case: dict[str, Any]) -> None:
    lookup = STRIPE.object_lookup(case["id"])
    assert lookup is not None
    assert lookup.target == case["lookup"]
    rate = Rate.parse(case["rate"]) if case["rate"] else None
    answer = Answer(case["status"], {}, body_of(case["body"]))
    outcome = STRIPE.reread(case["id"], rate, case.get("counted", 0), answer)
    shown = shown_of(outcome)
    assert {name: shown[name] for name in case["expect"]} == case["expect"]
    assert bool(outcome.why) == (case["expect"]["end"] == "in_doubt")


@cases("searches")
def test_search(case: dict[str, Any]) -> None:
    told = case["doubt"]
    rate = Rate.parse(told["rate"]) if told.get("rate") else None
    doubt = Doubt("call_1", **{**told, "rate": rate})
    found = STRIPE.search(doubt, [Answer(200, {}, body_of(tree)) for tree in case["found"]])
    expect = case["expect"]
    if expect is None:
        assert found is None
    elif "lookup" in expect:
        assert isinstance(found, Lookup)
        assert found.target == expect["lookup"]
        assert found.why
    else:
        assert isinstance(found, Findings)
        assert found.exact
        assert found.how
        assert found.conclusive is expect["conclusive"]
        matches = [shown_of(outcome) for outcome in found.matches]
        assert len(matches) == len(expect["matches"])
        for shown, wanted in zip(matches, expect["matches"], strict=True):
            assert {name: shown[name] for name in wanted} == wanted


def shown_of(outcome: Outcome) -> dict[str, Any]:
    back = outcome.gives_back
    return {
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
