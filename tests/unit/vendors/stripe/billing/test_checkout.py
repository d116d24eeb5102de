"""Checkout sessions stand until they are complete or have expired."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    CENT,
    Form,
    Tree,
    listing,
    next_lookup,
    quoted,
    reread,
    settled,
    unpriced,
)
from vendors.contract import End
from vendors.rates import USD

ALL = "/v1/checkout/sessions"
ONE = f"{ALL}/cs_test_1"
LINE: Form = {
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "500",
    "line_items[0][quantity]": "1",
}


def session(total: Any, status: str = "open", paid: str = "unpaid", **more: Any) -> Tree:
    return {
        "object": "checkout.session",
        "id": "cs_test_1",
        "status": status,
        "payment_status": paid,
        "currency": "usd",
        "amount_total": total,
        **more,
    }


@pytest.mark.parametrize(("total", "standing"), [(400, 500), (700, 700)])
def test_a_new_one_stands_at_what_can_come_of_it(total: int, standing: int) -> None:
    form = {**LINE, "mode": "payment", "success_url": "https://x.example"}
    quote = quoted("POST", ALL, form)
    outcome = settled("POST", ALL, form, quote, session(total))
    assert (outcome.end, outcome.object_id) == (End.STANDING, "cs_test_1")
    assert outcome.standing_micros == standing * CENT


def test_setting_up_a_payment_method_charges_nothing() -> None:
    quote = quoted("POST", ALL, {"mode": "setup", "currency": "usd"})
    outcome = settled("POST", ALL, None, quote, session(None))
    assert (quote.amount_micros, outcome.end, outcome.label) == (0, End.SETTLED, "cs_test_1")


def test_lines_in_setup_mode_count_all_the_same() -> None:
    assert quoted("POST", ALL, {**LINE, "mode": "setup"}).amount_minor == 500


def test_new_lines_take_the_place_of_the_old() -> None:
    assert next_lookup("POST", ONE, LINE).target == ONE
    options = [{"shipping_amount": 30}, {"shipping_amount": 20}]
    shown = session(400, shipping_options=options, optional_items=None)
    quote = quoted("POST", ONE, {**LINE, "line_items[0][id]": "li_1"}, shown)
    assert (quote.object_id, quote.amount_minor) == ("cs_test_1", 530)
    shipped = {
        **LINE,
        "shipping_options[0][shipping_rate_data][fixed_amount][amount]": "5",
        "shipping_options[0][shipping_rate_data][fixed_amount][currency]": "usd",
    }
    assert quoted("POST", ONE, shipped, shown).amount_minor == 505
    assert quoted("POST", ONE, LINE, session(900)).amount_minor == 900
    outcome = settled("POST", ONE, LINE, quote, session(500))
    assert (outcome.end, outcome.standing_micros) == (End.STANDING, 530 * CENT)


def test_what_else_is_on_the_page() -> None:
    assert "optional items" in unpriced("POST", ONE, LINE, session(5, optional_items=[{}]))
    taxed = session(5, automatic_tax={"enabled": True})
    assert "automatic tax" in unpriced("POST", ONE, LINE, taxed)
    alone = {"shipping_options[0][shipping_rate]": "shr_1"}
    assert "shipping_options" in unpriced("POST", ONE, alone)
    unpriced("POST", ONE, LINE, session(5, shipping_options=listing(has_more=True)))
    kept = {"line_items[0][id]": "li_1", "line_items[0][quantity]": "5"}
    assert "line_items[0]" in unpriced("POST", ONE, kept, session(5))


def test_a_page_that_is_over_takes_no_lines() -> None:
    quote = quoted("POST", ONE, LINE, session(5, "complete"))
    outcome = settled("POST", ONE, LINE, quote, session(5, "complete", "paid"))
    assert (quote.amount_micros, outcome.settled_micros) == (0, 0)


def test_words_cost_nothing() -> None:
    quote = quoted("POST", ONE, {"metadata[a]": "b", "expand[0]": "line_items"})
    outcome = settled("POST", ONE, None, quote, session(500))
    assert (outcome.end, outcome.object_id) == (End.SETTLED, None)


def test_expiring_frees() -> None:
    quote = quoted("POST", f"{ONE}/expire", kept=USD)
    outcome = settled("POST", f"{ONE}/expire", None, quote, session(500, "expired"))
    assert (outcome.end, outcome.object_id) == (End.RELEASED, "cs_test_1")
    stranger = quoted("POST", f"{ONE}/expire")
    assert settled("POST", f"{ONE}/expire", None, stranger, session(5)).end is End.SETTLED


@pytest.mark.parametrize(
    ("tree", "end", "settled_micros", "standing"),
    [
        (session(400), End.STANDING, 0, 600 * CENT),
        (session(None, "complete", "no_payment_required"), End.SETTLED, 0, 0),
        (
            session(0, "complete", "no_payment_required", mode="subscription"),
            *(End.SETTLED, 600 * CENT, 0),
        ),
        (session(400, "complete", "paid"), End.SETTLED, 400 * CENT, 0),
        (session(400, "complete", "unpaid"), End.STANDING, 0, 400 * CENT),
        (session(0, "complete", "unpaid"), End.SETTLED, 0, 0),
        (session(400, "expired"), End.RELEASED, 0, 0),
        (session(400, "odd"), End.IN_DOUBT, 0, 0),
        (session(400, "complete", "odd"), End.IN_DOUBT, 0, 0),
        (session("x"), End.IN_DOUBT, 0, 0),
        (session(400, currency="eur"), End.IN_DOUBT, 0, 0),
        (session(400, id="cs_2"), End.IN_DOUBT, 0, 0),
    ],
)
def test_a_session_is_read_again(tree: Tree, end: End, settled_micros: int, standing: int) -> None:
    outcome = reread("cs_test_1", 600 * CENT, tree)
    assert (outcome.end, outcome.settled_micros) == (end, settled_micros)
    assert outcome.standing_micros == standing
