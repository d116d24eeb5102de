"""Invoices count from their draft until they are through."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    CENT,
    Form,
    Tree,
    invoice,
    item,
    listing,
    next_lookup,
    preview,
    quoted,
    reread,
    settled,
    tax_rate,
    unpriced,
    unreadable,
)
from vendors.contract import End, Quote
from vendors.rates import USD

INVOICES = "/v1/invoices"
ONE = "/v1/invoices/in_1"
WAITING = "/v1/invoiceitems?customer=cus_1&pending=true&limit=100"
CUSTOMER = {"customer": "cus_1"}


def test_a_draft_without_lines_is_due_nothing() -> None:
    form = {**CUSTOMER, "pending_invoice_items_behavior": "exclude", "auto_advance": "true"}
    quote = quoted("POST", INVOICES, form)
    assert (quote.amount_micros, quote.rate) == (0, None)
    empty = settled("POST", INVOICES, form, quote, invoice(0, "draft"))
    assert (empty.end, empty.label, empty.object_id) == (End.SETTLED, "in_1", None)
    odd = settled("POST", INVOICES, form, quote, invoice(5, "draft"))
    assert odd.end is End.IN_DOUBT


def test_credit_that_a_draft_counts_on_takes_nothing_off() -> None:
    """Two drafts count on the same credit, and the second to be finalized finds it gone."""
    drafted = invoice(0, "draft", total=500)
    assert quoted("POST", f"{ONE}/finalize", None, drafted).amount_minor == 500
    assert quoted("POST", f"{ONE}/pay", None, invoice(0, "open", total=500)).amount_minor == 0


@pytest.mark.parametrize("behavior", [{}, {"pending_invoice_items_behavior": "include"}])
def test_what_waits_is_drawn_in(behavior: Form) -> None:
    """Left out, the parameter means `include` to older API versions."""
    form = {**CUSTOMER, **behavior}
    assert next_lookup("POST", INVOICES, form).target == WAITING
    assert quoted("POST", INVOICES, form, listing()).amount_micros == 0
    waiting = listing(item(500), item(-200), item(50, tax_rates=[tax_rate("10")]))
    quote = quoted("POST", INVOICES, form, waiting)
    assert (quote.amount_minor, quote.currency) == (555, "usd")
    outcome = settled("POST", INVOICES, form, quote, invoice(350, "draft"))
    assert (outcome.end, outcome.standing_micros) == (End.STANDING, 350 * CENT)
    assert outcome.object_id == "in_1"


def test_what_waits_in_another_currency_stays() -> None:
    waiting = listing(item(500), item(300, currency="eur"))
    assert quoted("POST", INVOICES, {**CUSTOMER, "currency": "EUR"}, waiting).amount_minor == 300
    assert unreadable("POST", INVOICES, CUSTOMER, waiting) == "currency"


def test_tax_on_what_waits() -> None:
    form = {**CUSTOMER, "default_tax_rates[0]": "txr_1"}
    waiting = listing(item(1000), item(100, tax_rates=[tax_rate("50")]))
    assert quoted("POST", INVOICES, form, waiting, tax_rate("20")).amount_minor == 1350
    automatic = {**CUSTOMER, "automatic_tax[enabled]": "true"}
    assert "automatic_tax[enabled]" in unpriced("POST", INVOICES, automatic, waiting)
    assert quoted("POST", INVOICES, automatic, listing()).amount_micros == 0


def test_whose_invoice_it_is() -> None:
    assert unreadable("POST", INVOICES, {}) == "customer"
    assert unreadable("POST", INVOICES, {"customer": "../x"}) == "customer"
    account = next_lookup("POST", INVOICES, {"customer_account": "acct_1"})
    assert account.target.startswith("/v1/invoiceitems?customer_account=acct_1&")


@pytest.mark.parametrize(
    "page", [listing(has_more=True), {"object": "list"}, listing({"amount": "5"})]
)
def test_a_list_that_may_hide_something_has_no_price(page: Any) -> None:
    unpriced("POST", INVOICES, CUSTOMER, page)


@pytest.mark.parametrize("name", ["from_invoice[invoice]", "shipping_cost[shipping_rate]", "odd"])
def test_a_parameter_that_nobody_knows_is_named(name: str) -> None:
    assert name in unpriced("POST", INVOICES, {**CUSTOMER, name: "x"})
    assert name in unpriced("POST", ONE, {name: "x"})


def test_an_invoice_of_a_subscription_is_previewed() -> None:
    form = {**CUSTOMER, "subscription": "sub_1", "discounts": "", "description": "d"}
    lookup = next_lookup("POST", INVOICES, form)
    assert lookup.body == b"customer=cus_1&subscription=sub_1&discounts="
    assert quoted("POST", INVOICES, form, preview(900)).amount_minor == 900
    unknown = {"subscription": "sub_1", "shipping_cost[shipping_rate]": "shr_1"}
    assert "shipping_cost" in unpriced("POST", INVOICES, unknown)


@pytest.mark.parametrize("action", ["finalize", "send", "attach_payment", "pay"])
def test_collecting_counts_what_is_due(action: str) -> None:
    path = f"{ONE}/{action}"
    quote = quoted("POST", path, None, invoice(1000, paid=300))
    assert (quote.object_id, quote.amount_micros) == ("in_1", 1000 * CENT)
    assert quote.before_micros == 300 * CENT
    paid = settled("POST", path, None, quote, invoice(1000, "paid", 1000))
    assert (paid.end, paid.settled_micros, paid.standing_micros) == (End.SETTLED, 1000 * CENT, 0)
    part = settled("POST", path, None, quote, invoice(1000, "open", 300))
    assert (part.end, part.settled_micros) == (End.STANDING, 300 * CENT)
    assert part.standing_micros == 700 * CENT


@pytest.mark.parametrize("status", ["paid", "void"])
def test_what_is_through_collects_no_more(status: str) -> None:
    quote = quoted("POST", f"{ONE}/pay", None, invoice(500, status, 500))
    assert (quote.amount_micros, quote.object_id) == (0, None)
    outcome = settled("POST", f"{ONE}/pay", None, quote, invoice(500, status, 500))
    assert (outcome.end, outcome.settled_micros, outcome.label) == (End.SETTLED, 0, "in_1")


def test_paid_outside_of_stripe_nothing_is_charged() -> None:
    form, path = {"paid_out_of_band": "true"}, f"{ONE}/pay"
    quote = quoted("POST", path, form, invoice(500, paid=100))
    assert (quote.amount_micros, quote.object_id) == (100 * CENT, "in_1")
    assert quote.before_micros == 100 * CENT
    for told in ({}, {"amount_paid_off_stripe": 400}):
        outcome = settled("POST", path, form, quote, invoice(500, "paid", 500, **told))
        assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 100 * CENT)
    older = settled("POST", path, form, quote, invoice(500, "paid", 500, paid_out_of_band=True))
    assert (older.end, older.settled_micros) == (End.SETTLED, 0)
    still = settled("POST", path, form, quote, invoice(500, paid=100))
    assert (still.end, still.standing_micros) == (End.STANDING, 400 * CENT)
    over = quoted("POST", path, form, invoice(500, "paid", 500))
    assert settled("POST", path, form, over, invoice(500, "paid", 500)).settled_micros == 0
    assert quoted("POST", path, {"paid_out_of_band": "false"}, invoice(5)).amount_minor == 5


def test_a_void_invoice_is_freed() -> None:
    path = f"{ONE}/void"
    quote = quoted("POST", path, kept=USD)
    void = settled("POST", path, None, quote, invoice(500, "void"))
    assert (void.end, void.object_id) == (End.RELEASED, "in_1")
    other = settled("POST", path, None, quote, invoice(500, "void", id="in_2"))
    assert other.end is End.IN_DOUBT
    stranger = quoted("POST", path)
    assert settled("POST", path, None, stranger, invoice(500, "void")).end is End.SETTLED


@pytest.mark.parametrize("due", [0, 500])
def test_the_items_of_a_deleted_draft_stay_counted(due: int) -> None:
    quote = quoted("DELETE", ONE, None, invoice(due, "draft"))
    gone = {"object": "invoice", "id": "in_1", "deleted": True}
    outcome = settled("DELETE", ONE, None, quote, gone)
    assert (outcome.end, outcome.object_id) == (End.SETTLED, "in_1")
    assert outcome.settled_micros == due * CENT


def test_lines_are_taken_off_for_good_or_have_no_price() -> None:
    path = f"{ONE}/remove_lines"
    form = {"lines[0][id]": "il_1", "lines[0][behavior]": "delete"}
    quote = quoted("POST", path, form, kept=USD)
    less = settled("POST", path, form, quote, invoice(300, "draft"))
    assert (less.end, less.standing_micros) == (End.STANDING, 300 * CENT)
    assert "behavior" in unpriced("POST", path, {**form, "lines[0][behavior]": "unassign"})
    assert "odd" in unpriced("POST", path, {"odd": "1"})


def test_an_update_of_words_costs_nothing() -> None:
    quote = quoted("POST", ONE, {"metadata[a]": "b", "footer": "f"})
    assert quote.object_id is None
    outcome = settled("POST", ONE, {"footer": "f"}, quote, invoice(500))
    assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 0)


def test_any_other_update_counts_what_is_due() -> None:
    assert quoted("POST", ONE, {"auto_advance": "true"}, invoice(500)).amount_minor == 500
    moved = {"shipping_details[name]": "x"}
    assert quoted("POST", ONE, moved, invoice(500)).amount_minor == 500
    taxed = invoice(500, automatic_tax={"enabled": True})
    assert "shipping_details" in unpriced("POST", ONE, moved, taxed)


@pytest.mark.parametrize(
    "tree",
    [
        invoice(500, "odd"),
        invoice("500"),
        invoice(500, paid=-1),
        invoice(500, status=None),
        invoice(500, amount_paid_off_stripe="x"),
    ],
)
def test_an_invoice_that_cannot_be_read(tree: Tree) -> None:
    unpriced("POST", f"{ONE}/pay", None, tree)
    quote = quoted("POST", f"{ONE}/pay", None, invoice(500))
    assert settled("POST", f"{ONE}/pay", None, quote, tree).end is End.IN_DOUBT


def pay(intent: Any, quote: Quote | None = None) -> End:
    quote = quote or quoted("POST", f"{ONE}/pay", None, invoice(1000, paid=300))
    error = {"error": {"type": "card_error", "payment_intent": intent}}
    outcome = settled("POST", f"{ONE}/pay", None, quote, error, 402)
    if outcome.end is End.STANDING:
        assert (outcome.settled_micros, outcome.object_id) == (300 * CENT, "in_1")
        assert outcome.standing_micros == 700 * CENT
    return outcome.end


def test_a_refused_payment_whose_intent_lives_on_stands() -> None:
    assert pay({"status": "requires_action"}) is End.STANDING
    assert pay({"status": "canceled"}) is End.RELEASED
    assert pay(None) is End.RELEASED
    assert pay("pi_1") is End.IN_DOUBT
    assert pay({"status": "requires_action"}, Quote(0, "over")) is End.RELEASED
    nothing = quoted("POST", f"{ONE}/pay", None, invoice(300, paid=300))
    assert pay({"status": "requires_action"}, nothing) is End.RELEASED


@pytest.mark.parametrize(
    ("tree", "end", "settled_micros", "standing"),
    [
        (invoice(500), End.STANDING, 0, 500 * CENT),
        (invoice(500, "uncollectible"), End.STANDING, 0, 500 * CENT),
        (invoice(-500, "draft"), End.SETTLED, 0, 0),
        (invoice(500, "paid", 500), End.SETTLED, 500 * CENT, 0),
        (invoice(500, "void"), End.RELEASED, 0, 0),
        (invoice(500, "void", 200), End.SETTLED, 200 * CENT, 0),
        (invoice(500, currency="eur"), End.IN_DOUBT, 0, 0),
    ],
)
def test_an_invoice_is_read_again(tree: Tree, end: End, settled_micros: int, standing: int) -> None:
    outcome = reread("in_1", 500 * CENT, tree)
    assert (outcome.end, outcome.settled_micros) == (end, settled_micros)
    assert outcome.standing_micros == standing
