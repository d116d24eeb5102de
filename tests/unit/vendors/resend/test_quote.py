"""Quotes; test_vectors has the many small cases."""

from __future__ import annotations

import json

import pytest

from vendors.contract import Answer, Lookup, Quote, Reading, Sent, Unpriced
from vendors.rates import Rate
from vendors.resend.catalogue import CATALOGUE
from vendors.resend.prices import SHIPPED, read_prices
from vendors.resend.quote import LOOKUPS_MAX, quote
from vendors.resend.reading import JSON_TYPE, read

EMAIL = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"


def reading_of(path: str, body: object) -> Reading:
    sent = Sent("POST", path, "", JSON_TYPE, json.dumps(body).encode())
    return read(CATALOGUE.find("POST", path), sent)


def page(n: int, *, more: bool = True) -> Answer:
    tree = {"data": [{"id": f"c{n}-{i}"} for i in range(100)], "has_more": more}
    return Answer(200, {}, json.dumps(tree).encode())


def test_the_price_is_the_tables() -> None:
    reading = reading_of("/emails", {"to": ["a@x.example", "b@x.example"]})
    prices = read_prices('{"date": "2026-11-01", "recipient_micros": 7}')
    quoted = quote(reading, prices, (), None)
    assert isinstance(quoted, Quote)
    assert (quoted.amount_micros, quoted.units) == (14, 2)
    assert quoted.rate is not None
    assert Rate.parse(str(quoted.rate)) == quoted.rate
    assert "2 x 0.000007 USD" in quoted.how


def test_the_largest_batch() -> None:
    full = {name: ["b@x.example"] * 50 for name in ("to", "cc", "bcc")}
    quoted = quote(reading_of("/emails/batch", [full] * 100), SHIPPED, (), None)
    assert isinstance(quoted, Quote)
    assert (quoted.amount_micros, quoted.units) == (13_500_000, 15_000)


def test_a_cancel_keeps_the_rate_of_what_it_cancels() -> None:
    kept = Rate("usd", 0, 800, 1)
    quoted = quote(reading_of(f"/emails/{EMAIL}/cancel", {}), SHIPPED, (), kept)
    assert isinstance(quoted, Quote)
    assert (quoted.rate, quoted.object_id) == (kept, EMAIL)


def test_a_segment_is_counted_in_as_many_pages_as_the_gateway_looks_up() -> None:
    reading = reading_of("/broadcasts", {"send": True, "segment_id": "s"})
    pages = [page(n) for n in range(LOOKUPS_MAX - 1)]
    for n in range(1, LOOKUPS_MAX):
        asked = quote(reading, SHIPPED, pages[:n], None)
        assert isinstance(asked, Lookup)
        assert asked.target == f"/segments/s/contacts?limit=100&after=c{n - 1}-99"
    last = quote(reading, SHIPPED, [*pages, page(9, more=False)], None)
    assert isinstance(last, Quote)
    assert (last.amount_micros, last.units) == (900_000, 1_000)
    with pytest.raises(Unpriced, match="segment s has more than 1000 contacts"):
        quote(reading, SHIPPED, [*pages, page(9)], None)


def test_asking_for_the_broadcast_is_one_of_them() -> None:
    reading = reading_of("/broadcasts/b1/send", {})
    broadcast = Answer(200, {}, b'{"id": "b1", "segment_id": "s"}')
    pages = [page(n) for n in range(LOOKUPS_MAX - 2)]
    last = quote(reading, SHIPPED, [broadcast, *pages, page(8, more=False)], None)
    assert isinstance(last, Quote)
    assert last.units == 900
    with pytest.raises(Unpriced, match="more than 900 contacts"):
        quote(reading, SHIPPED, [broadcast, *pages, page(8)], None)
