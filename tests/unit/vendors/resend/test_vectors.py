"""The vectors: requests and answers as data. Adding a case is adding a line to a file."""

from __future__ import annotations

import datetime
import json
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
from vendors.rates import Rates
from vendors.resend import RESEND

VECTORS = Path(__file__).parents[3] / "vectors" / "resend"
NO_RATES = Rates({}, datetime.date(2026, 1, 1), 30)
PIECES = (1, 7, 1_000_000)


def listed(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return cases


def cases(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(c, id=c["name"]) for c in listed(name)])


def body_of(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def sent_of(case: dict[str, Any]) -> Sent:
    request = case["request"]
    body = request["body"].encode()
    if "latin1" in case:
        body = body.replace(b"PLACE", case["latin1"].encode("latin-1"))
    headers = {n.encode(): v.encode() for n, v in case.get("headers", {}).items()}
    return Sent(
        request["method"], request["path"], request["query"], request["type"], body, headers
    )


def whole(case: dict[str, Any]) -> Reading:
    sent = sent_of(case)
    return RESEND.read(RESEND.operation(sent.method, sent.path, ""), sent)


def passing(case: dict[str, Any], size: int) -> Reading:
    sent = sent_of(case)
    reader = RESEND.stream(RESEND.operation(sent.method, sent.path, ""), sent)
    assert reader is not None
    for at in range(0, len(sent.body), size):
        reader.feed(sent.body[at : at + size])
    return reader.finish()


def quote_of(case: dict[str, Any]) -> Quote | Lookup:
    found = [Answer(200, {}, body_of(tree)) for tree in case["found"]]
    return RESEND.quote(whole(case), NO_RATES, found, None)


@cases("readings.json")
def test_reading(case: dict[str, Any]) -> None:
    if "media_refused" in case:
        with pytest.raises(MediaTypeRefused):
            whole(case)
        return
    if "refused" in case:
        with pytest.raises(Unreadable) as caught:
            whole(case)
        assert caught.value.field_name == case["refused"]
        return
    reading = whole(case)
    assert reading.fields == case["fields"]
    assert reading.body == sent_of(case).body
    assert reading.content_type == ("application/json" if reading.body else "")


@pytest.mark.parametrize("size", PIECES)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["name"])
        for case in listed("readings.json")
        if case["request"]["path"] == "/emails"
    ],
)
def test_reading_while_it_passes(case: dict[str, Any], size: int) -> None:
    if "media_refused" in case:
        with pytest.raises(MediaTypeRefused):
            passing(case, size)
        return
    if "refused" in case:
        with pytest.raises(Unreadable) as caught:
            passing(case, size)
        assert caught.value.field_name == case["refused"]
        return
    reading = passing(case, size)
    assert reading.fields == case["fields"]
    assert reading.body == b""


@cases("quotes.json")
def test_quote(case: dict[str, Any]) -> None:
    expect = case["expect"]
    if "unreadable" in expect:
        with pytest.raises(Unreadable) as unreadable:
            quote_of(case)
        assert unreadable.value.field_name == expect["unreadable"]
        return
    if "unpriced" in expect:
        with pytest.raises(Unpriced) as unpriced:
            quote_of(case)
        assert expect["unpriced"] in str(unpriced.value)
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
    outcome = RESEND.settle(whole(case), quote, Answer(case["status"], {}, body_of(case["body"])))
    shown = {
        "end": outcome.end.value,
        "settled_micros": outcome.settled_micros,
        "standing_micros": outcome.standing_micros,
        "object_id": outcome.object_id,
        "label": outcome.label,
        "livemode": outcome.livemode,
        "units": outcome.units,
        "replayed": outcome.replayed,
    }
    assert {name: shown[name] for name in case["expect"]} == case["expect"]
    assert bool(outcome.why) == (case["expect"]["end"] == "in_doubt")
