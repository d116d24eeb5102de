"""Payment links count as often as they can be paid."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    CENT,
    Tree,
    price,
    quoted,
    reread,
    settled,
    unpriced,
    unreadable,
)
from vendors.contract import End, Quote

ALL = "/v1/payment_links"
ONE = f"{ALL}/plink_1"
LIMIT = "restrictions[completed_sessions][limit]"
NEW = {"line_items[0][price]": "price_1", "line_items[0][quantity]": "2", LIMIT: "10"}


def link(count: Any = 0, *, active: Any = True, limit: Any = 10, **more: Any) -> Tree:
    return {
        "object": "payment_link",
        "id": "plink_1",
        "active": active,
        "currency": "usd",
        "restrictions": {"completed_sessions": {"count": count, "limit": limit}},
        **more,
    }


def test_the_limit_times_the_most_of_one() -> None:
    quote = quoted("POST", ALL, NEW, price(100))
    assert (quote.amount_minor, quote.object_id) == (2000, None)
    outcome = settled("POST", ALL, NEW, quote, link())
    assert (outcome.end, outcome.object_id) == (End.STANDING, "plink_1")
    assert outcome.standing_micros == 2000 * CENT
    euro = quoted("POST", ALL, {**NEW, "currency": "eur"}, price(90, currency="eur"))
    assert (euro.amount_minor, euro.currency) == (1800, "eur")


def test_without_a_limit_it_has_no_price() -> None:
    form = {name: text for name, text in NEW.items() if name != LIMIT}
    assert LIMIT in unpriced("POST", ALL, form)
    for text in ("0", "", "x", "1e3"):
        assert unreadable("POST", ALL, {**NEW, LIMIT: text}, price(5)) == LIMIT
    assert "automatic_tax" in unpriced("POST", ALL, {**NEW, "automatic_tax[enabled]": "true"})
    huge = {**NEW, LIMIT: "999999999999"}
    assert "more than Stripe" in unpriced("POST", ALL, huge, price(10**9))


def test_a_change_that_costs_nothing() -> None:
    form = {"active": "false", "metadata[a]": "b", "inactive_message": "gone"}
    quote = quoted("POST", ONE, form)
    outcome = settled("POST", ONE, form, quote, link(active=False))
    assert (outcome.end, outcome.object_id, outcome.label) == (End.SETTLED, None, "plink_1")
    assert quoted("POST", ONE, {"metadata[a]": "b"}).amount_micros == 0


@pytest.mark.parametrize(
    "name", [LIMIT, "line_items[0][quantity]", "active", "shipping_options[0][shipping_rate]"]
)
def test_a_change_without_a_bound_is_named(name: str) -> None:
    assert name in unpriced("POST", ONE, {name: "5"})


@pytest.mark.parametrize(
    ("tree", "end", "settled_micros", "standing"),
    [
        (link(0), End.STANDING, 0, 2001 * CENT),
        (link(3), End.STANDING, 6_003_000, 20_010_000 - 6_003_000),
        (link(10), End.SETTLED, 2001 * CENT, 0),
        (link(99), End.SETTLED, 2001 * CENT, 0),
        (link(3, active=False), End.SETTLED, 6_003_000, 0),
        (link(0, active=False), End.RELEASED, 0, 0),
        (link(0, active=None), End.STANDING, 0, 2001 * CENT),
        (link("x"), End.IN_DOUBT, 0, 0),
        (link(0, limit=None), End.IN_DOUBT, 0, 0),
        (link(5, limit=0), End.STANDING, 0, 2001 * CENT),
        (link(currency="eur"), End.IN_DOUBT, 0, 0),
        (link(id="plink_2"), End.IN_DOUBT, 0, 0),
    ],
)
def test_a_link_is_read_again(tree: Tree, end: End, settled_micros: int, standing: int) -> None:
    outcome = reread("plink_1", 2001 * CENT, tree)
    assert (outcome.end, outcome.settled_micros) == (end, settled_micros)
    assert outcome.standing_micros == standing


def test_a_link_of_nothing() -> None:
    quote = quoted("POST", ALL, NEW, price(0))
    assert isinstance(quote, Quote)
    assert settled("POST", ALL, NEW, quote, link()).end is End.RELEASED
