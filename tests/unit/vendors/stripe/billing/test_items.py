"""Items on an invoice belong to it; items that wait stand by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    CENT,
    Form,
    Tree,
    invoice,
    item,
    next_lookup,
    price,
    quoted,
    reread,
    settled,
    tax_rate,
    unpriced,
    unreadable,
)
from vendors.contract import End
from vendors.rates import USD

ITEMS = "/v1/invoiceitems"
ONE = "/v1/invoiceitems/ii_1"
LINE = "/v1/invoices/in_1/lines/il_1"
ADD = "/v1/invoices/in_1/add_lines"
UPDATE = "/v1/invoices/in_1/update_lines"
FIVE: Form = {"customer": "cus_1", "amount": "500", "currency": "usd"}
DRAFT = invoice(1000, "draft")
GONE = {"object": "invoiceitem", "id": "ii_1", "deleted": True}


def draft(**more: Any) -> Tree:
    return invoice(1000, "draft", **more)


def with_line(**more: Any) -> Tree:
    line = {"object": "line_item", "id": "il_1", "amount": 400, "quantity": 2, **more}
    return draft(lines={"data": [5, {"id": "il_0"}, line], "has_more": True})


def test_an_item_that_waits_stands() -> None:
    quote = quoted("POST", ITEMS, FIVE)
    assert (quote.amount_micros, quote.object_id) == (500 * CENT, None)
    outcome = settled("POST", ITEMS, FIVE, quote, item(500))
    assert (outcome.end, outcome.standing_micros) == (End.STANDING, 500 * CENT)
    assert outcome.object_id == "ii_1"


def test_an_item_with_tax_keeps_what_was_foreseen() -> None:
    form = {**FIVE, "tax_rates[0]": "txr_1"}
    quote = quoted("POST", ITEMS, form, tax_rate(10))
    outcome = settled("POST", ITEMS, form, quote, item(500, tax_rates=[{"id": "txr_1"}]))
    assert outcome.standing_micros == 550 * CENT


def test_an_item_by_its_price() -> None:
    form = {"customer": "cus_1", "pricing[price]": "price_1", "quantity": "3"}
    quote = quoted("POST", ITEMS, form, price(200, currency="eur"))
    assert (quote.amount_minor, quote.currency, quote.amount_micros) == (600, "eur", 7_500_000)
    half = {"customer": "cus_1", "currency": "usd", "unit_amount_decimal": "0.5", "quantity": "3"}
    assert quoted("POST", ITEMS, half).amount_minor == 2


def test_a_credit_is_worth_nothing_and_lowers_nothing() -> None:
    form = {**FIVE, "amount": "-500"}
    quote = quoted("POST", ITEMS, form)
    outcome = settled("POST", ITEMS, form, quote, item(-500))
    assert (outcome.end, outcome.standing_micros) == (End.SETTLED, 0)


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [("amount", "", "amount"), ("amount", "5e2", "amount"), ("invoice", "in/1", "invoice")],
)
def test_an_item_that_cannot_be_read(name: str, text: str, field: str) -> None:
    assert unreadable("POST", ITEMS, {**FIVE, name: text}) == field


def test_more_than_stripe_can_charge() -> None:
    form = {"currency": "usd", "unit_amount": "999999999999", "quantity": "999999999999"}
    assert "more than Stripe" in unpriced("POST", ITEMS, form)


def test_a_parameter_that_nobody_knows_is_named() -> None:
    assert "odd" in unpriced("POST", ITEMS, {**FIVE, "odd": "1"})
    assert "odd" in unpriced("POST", ONE, {"odd": "1"})
    assert "lines[0][odd]" in unpriced("POST", ADD, {"lines[0][odd]": "1"})
    assert "lines[00][amount]" in unpriced("POST", ADD, {"lines[00][amount]": "1"})
    assert "odd" in unpriced("POST", UPDATE, {"lines[0][odd]": "1"})
    assert "odd" in unpriced("POST", LINE, {"odd": "1"})


def test_an_item_on_an_invoice_belongs_to_it() -> None:
    form = {**FIVE, "invoice": "in_1"}
    assert next_lookup("POST", ITEMS, form).target == "/v1/invoices/in_1"
    quote = quoted("POST", ITEMS, form, DRAFT)
    assert (quote.object_id, quote.amount_micros) == ("in_1", 1500 * CENT)
    outcome = settled("POST", ITEMS, form, quote, item(500, invoice="in_1"))
    assert (outcome.end, outcome.object_id, outcome.label) == (End.STANDING, "in_1", "ii_1")
    assert outcome.standing_micros == 1500 * CENT
    other = settled("POST", ITEMS, form, quote, item(500, invoice="in_2"))
    assert other.end is End.IN_DOUBT
    assert settled("POST", ITEMS, form, quote, DRAFT).end is End.IN_DOUBT
    assert unreadable("POST", ITEMS, {**form, "currency": "eur"}, DRAFT) == "currency"


def test_an_invoice_that_is_through_takes_no_items() -> None:
    form = {**FIVE, "invoice": "in_1"}
    quote = quoted("POST", ITEMS, form, invoice(5, "paid", 5))
    assert (quote.amount_micros, quote.object_id) == (0, None)
    outcome = settled("POST", ITEMS, form, quote, item(500, invoice="in_1"))
    assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 0)


def test_tax_of_the_invoice() -> None:
    form = {**FIVE, "invoice": "in_1"}
    taxed = draft(default_tax_rates=[tax_rate("20"), tax_rate("5", inclusive=True)])
    assert quoted("POST", ITEMS, form, taxed).amount_minor == 1600
    automatic = draft(automatic_tax={"enabled": True})
    assert "automatic tax" in unpriced("POST", ITEMS, form, automatic)
    free = {**form, "amount": "-5"}
    assert quoted("POST", ITEMS, free, automatic).amount_minor == 1000


def test_an_item_that_waits_is_changed() -> None:
    quote = quoted("POST", ONE, {"amount": "700"}, item(500))
    assert (quote.object_id, quote.amount_minor) == ("ii_1", 700)
    outcome = settled("POST", ONE, {"amount": "700"}, quote, item(700))
    assert (outcome.end, outcome.standing_micros) == (End.STANDING, 700 * CENT)
    assert quoted("POST", ONE, {"amount": "300"}, item(500)).amount_minor == 500
    twice = quoted("POST", ONE, {"quantity": "4"}, item(500, unit_amount=200, quantity=2))
    assert twice.amount_minor == 800


def test_an_item_on_an_invoice_is_changed() -> None:
    placed = item(500, invoice="in_1")
    quote = quoted("POST", ONE, {"amount": "700"}, placed, DRAFT, placed)
    assert (quote.object_id, quote.amount_minor) == ("in_1", 1700)
    outcome = settled("POST", ONE, {"amount": "700"}, quote, item(700, invoice="in_1"))
    assert (outcome.object_id, outcome.standing_micros) == ("in_1", 1700 * CENT)


def test_words_of_an_item_cost_nothing() -> None:
    form = {"description": "d", "metadata[a]": "b", "period[start]": "1"}
    quote = quoted("POST", ONE, form)
    outcome = settled("POST", ONE, form, quote, item(500))
    assert (outcome.end, outcome.settled_micros, outcome.object_id) == (End.SETTLED, 0, None)


def test_an_item_is_deleted() -> None:
    quote = quoted("DELETE", ONE, None, item(500), kept=USD)
    assert (quote.amount_micros, quote.object_id) == (0, "ii_1")
    outcome = settled("DELETE", ONE, None, quote, GONE)
    assert (outcome.end, outcome.object_id) == (End.RELEASED, "ii_1")


def test_a_credit_that_is_deleted_counts() -> None:
    quote = quoted("DELETE", ONE, None, item(-500))
    assert (quote.amount_micros, quote.object_id) == (500 * CENT, None)
    outcome = settled("DELETE", ONE, None, quote, GONE)
    assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 500 * CENT)
    placed = quoted("DELETE", ONE, None, item(-500, invoice="in_1"), DRAFT)
    assert (placed.amount_micros, placed.object_id) == (1500 * CENT, "in_1")
    outcome = settled("DELETE", ONE, None, placed, GONE)
    assert (outcome.object_id, outcome.standing_micros) == ("in_1", 1500 * CENT)


def test_lines_are_added() -> None:
    form = {
        "lines[0][amount]": "100",
        "lines[1][invoice_item]": "ii_1",
        "lines[2][price_data][currency]": "usd",
        "lines[2][price_data][unit_amount]": "30",
        "lines[2][price_data][product_data][name]": "x",
        "lines[2][quantity]": "2",
        "lines[2][tax_amounts][0][amount]": "7",
        "lines[2][tax_amounts][0][taxable_amount]": "60",
        "invoice_metadata[a]": "b",
    }
    assert next_lookup("POST", ADD, form, DRAFT).target == ONE
    quote = quoted("POST", ADD, form, DRAFT, item(50))
    assert (quote.object_id, quote.amount_minor) == ("in_1", 1217)
    outcome = settled("POST", ADD, form, quote, draft(amount_due=1210))
    assert outcome.standing_micros == 1210 * CENT


def test_lines_are_changed() -> None:
    form = {"lines[0][id]": "il_1", "lines[0][quantity]": "5", "lines[1][id]": "il_0"}
    line = with_line(pricing={"unit_amount_decimal": "200"})
    assert quoted("POST", UPDATE, form, line).amount_minor == 2000
    assert "line that changes" in unpriced("POST", UPDATE, form, DRAFT)
    missing = {"lines[0][quantity]": "5"}
    assert "line that changes" in unpriced("POST", UPDATE, missing, with_line())
    words = {"lines[0][id]": "il_1", "lines[0][description]": "d"}
    assert quoted("POST", UPDATE, words).amount_micros == 0


def test_a_line_is_changed() -> None:
    form = {"amount": "700"}
    quote = quoted("POST", LINE, form, with_line())
    assert (quote.object_id, quote.amount_minor) == ("in_1", 1700)
    changed = {"object": "line_item", "id": "il_1", "amount": 700}
    outcome = settled("POST", LINE, form, quote, changed)
    assert (outcome.end, outcome.object_id, outcome.label) == (End.STANDING, "in_1", "il_1")
    assert outcome.standing_micros == 1700 * CENT
    assert settled("POST", LINE, form, quote, {**changed, "id": "il_2"}).end is End.IN_DOUBT
    assert settled("POST", LINE, form, quote, draft()).end is End.IN_DOUBT


def test_words_of_a_line_cost_nothing() -> None:
    quote = quoted("POST", LINE, {"description": "d"})
    outcome = settled("POST", LINE, {"description": "d"}, quote, {"id": "il_1"})
    assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 0)


def test_a_line_that_comes_to_nothing() -> None:
    form = {"amount": "-5"}
    quote = quoted("POST", LINE, form, {**with_line(), "amount_due": 0})
    changed = {"object": "line_item", "id": "il_1"}
    assert settled("POST", LINE, form, quote, changed).end is End.SETTLED


@pytest.mark.parametrize(
    ("tree", "end", "settled_micros", "standing"),
    [
        (item(500), End.STANDING, 0, 500 * CENT),
        (item(500, tax_rates=[{}]), End.STANDING, 0, 550 * CENT),
        (item(500, invoice="in_1"), End.SETTLED, 500 * CENT, 0),
        (item(-5), End.SETTLED, 0, 0),
        (GONE, End.RELEASED, 0, 0),
        (item(500, id="ii_2"), End.IN_DOUBT, 0, 0),
        (item(500, currency="eur"), End.IN_DOUBT, 0, 0),
    ],
)
def test_an_item_is_read_again(tree: Tree, end: End, settled_micros: int, standing: int) -> None:
    """One that is on an invoice by then counts for good, beside that invoice."""
    outcome = reread("ii_1", 550 * CENT, tree)
    assert (outcome.end, outcome.settled_micros) == (end, settled_micros)
    assert outcome.standing_micros == standing


def test_an_item_that_nothing_is_held_for() -> None:
    quote = quoted("DELETE", ONE, None, item(5))
    assert settled("DELETE", ONE, None, quote, item(5)).end is End.SETTLED
