"""Stripe's quotes stand once they can be accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    CENT,
    Tree,
    next_lookup,
    quoted,
    reread,
    settled,
    unpriced,
)
from vendors.contract import End
from vendors.rates import USD

ONE = "/v1/quotes/qt_1"


def offer(total: Any, status: str = "open", **more: Any) -> Tree:
    return {
        "object": "quote",
        "id": "qt_1",
        "status": status,
        "currency": "usd",
        "amount_total": total,
        **more,
    }


@pytest.mark.parametrize("path", ["/v1/quotes", ONE])
def test_a_draft_commits_nothing(path: str) -> None:
    quote = quoted("POST", path, {"line_items[0][price]": "price_1"})
    outcome = settled("POST", path, None, quote, offer(500, "draft"))
    assert (quote.amount_micros, outcome.end, outcome.object_id) == (0, End.SETTLED, None)


def test_a_finalized_one_stands_and_an_accepted_one_is_settled() -> None:
    computed = {"upfront": {"amount_total": 300}, "recurring": {"amount_total": 400}}
    tree = offer(500, computed=computed)
    assert next_lookup("POST", f"{ONE}/finalize").target == ONE
    for action, status, end in (
        ("finalize", "open", End.STANDING),
        ("accept", "accepted", End.SETTLED),
    ):
        quote = quoted("POST", f"{ONE}/{action}", None, tree)
        assert (quote.object_id, quote.amount_minor) == ("qt_1", 700)
        outcome = settled("POST", f"{ONE}/{action}", None, quote, offer(500, status))
        assert (outcome.end, outcome.object_id) == (end, "qt_1")
        assert outcome.settled_micros + outcome.standing_micros == 700 * CENT


def test_once_only() -> None:
    tree = offer(900, computed={"recurring": None, "upfront": {"amount_total": 900}})
    assert quoted("POST", f"{ONE}/accept", None, tree).amount_minor == 900
    unpriced("POST", f"{ONE}/accept", None, offer("900"))
    assert "odd" in unpriced("POST", f"{ONE}/accept", {"odd": "1"})


def test_canceling_frees() -> None:
    quote = quoted("POST", f"{ONE}/cancel", kept=USD)
    outcome = settled("POST", f"{ONE}/cancel", None, quote, offer(500, "canceled"))
    assert (outcome.end, outcome.object_id) == (End.RELEASED, "qt_1")


@pytest.mark.parametrize(
    ("tree", "end"),
    [
        (offer(500), End.STANDING),
        (offer(500, "accepted"), End.SETTLED),
        (offer(500, "canceled"), End.RELEASED),
        (offer(500, "odd"), End.IN_DOUBT),
        (offer(500, id="qt_2"), End.IN_DOUBT),
        ({"object": "price"}, End.IN_DOUBT),
    ],
)
def test_an_offer_is_read_again(tree: Tree, end: End) -> None:
    assert reread("qt_1", 700 * CENT, tree).end is end


def test_an_offer_of_nothing() -> None:
    quote = quoted("POST", f"{ONE}/finalize", None, offer(0))
    assert settled("POST", f"{ONE}/finalize", None, quote, offer(0)).end is End.SETTLED
