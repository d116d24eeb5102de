"""Subscriptions bill what their preview says; an answer's latest invoice says whether they did."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    CENT,
    Form,
    Tree,
    invoice,
    next_lookup,
    preview,
    quoted,
    settled,
    unpriced,
    unreadable,
)
from vendors.contract import End, Lookup, Quote
from vendors.rates import USD
from vendors.stripe.billing.previews import PREVIEW
from vendors.stripe.billing.subscriptions import Change

ALL = "/v1/subscriptions"
ONE = "/v1/subscriptions/sub_1"
LEGACY = "/v1/customers/cus_1/subscriptions"
ITEMS = "/v1/subscription_items"
ITEM = "/v1/subscription_items/si_1"
NEW: Form = {"customer": "cus_1", "items[0][price]": "price_1", "items[0][quantity]": "2"}
UP: Form = {"items[0][id]": "si_1", "items[0][quantity]": "3"}
STORED_ITEM = {"object": "subscription_item", "id": "si_1", "subscription": "sub_1"}


def subscription(latest: Any = "in_1", **more: Any) -> Tree:
    return {"object": "subscription", "id": "sub_1", "latest_invoice": latest, **more}


def sent(lookup: Lookup) -> dict[str, str]:
    assert lookup.target == PREVIEW
    assert lookup.body is not None
    return dict(parse_qsl(lookup.body.decode(), keep_blank_values=True))


def test_a_new_one_is_previewed_without_its_trial() -> None:
    form = {
        **NEW,
        "currency": "usd",
        "trial_period_days": "14",
        "trial_end": "1900000000",
        "backdate_start_date": "1700000000",
        "add_invoice_items[0][price]": "price_2",
        "add_invoice_items[0][period][end][type]": "min_item_period_end",
        "payment_behavior": "default_incomplete",
        "metadata[a]": "b",
        "items[0][metadata][c]": "d",
        "billing_cycle_anchor": "1800000000",
    }
    assert sent(next_lookup("POST", ALL, form)) == {
        "customer": "cus_1",
        "currency": "usd",
        "subscription_details[items][0][price]": "price_1",
        "subscription_details[items][0][quantity]": "2",
        "subscription_details[start_date]": "1700000000",
        "subscription_details[billing_cycle_anchor]": "1800000000",
        "invoice_items[0][price]": "price_2",
    }
    assert quoted("POST", ALL, form, preview(2000)).amount_minor == 2000


@pytest.mark.parametrize("path", [ALL, ONE, LEGACY, f"{LEGACY}/sub_1"])
@pytest.mark.parametrize(
    "name", ["plan", "quantity", "tax_percent", "billing_cycle_anchor_config[day_of_month]", "odd"]
)
def test_a_parameter_without_a_preview_is_named(path: str, name: str) -> None:
    assert name in unpriced("POST", path, {"items[0][price]": "price_1", name: "1"})


def test_the_legacy_path_names_the_customer() -> None:
    form = {"items[0][price]": "price_1"}
    assert sent(next_lookup("POST", LEGACY, form))["customer"] == "cus_1"
    assert unreadable("POST", LEGACY, NEW) == "customer"


@pytest.mark.parametrize(
    ("latest", "end", "settled_micros", "standing", "object_id"),
    [
        ("in_1", End.STANDING, 0, 2000 * CENT, "in_1"),
        (None, End.SETTLED, 0, 0, None),
        (invoice(1900, "paid", 1900), End.SETTLED, 1900 * CENT, 0, "in_1"),
        (invoice(1900), End.STANDING, 0, 1900 * CENT, "in_1"),
        (invoice(1900, "odd"), End.IN_DOUBT, 0, 0, None),
    ],
)
def test_the_latest_invoice_of_a_new_one(
    latest: Any, end: End, settled_micros: int, standing: int, object_id: str | None
) -> None:
    quote = quoted("POST", ALL, NEW, preview(2000))
    outcome = settled("POST", ALL, NEW, quote, subscription(latest))
    assert (outcome.end, outcome.settled_micros) == (end, settled_micros)
    assert (outcome.standing_micros, outcome.object_id) == (standing, object_id)


def test_one_that_bills_nothing_at_first() -> None:
    quote = quoted("POST", ALL, NEW, preview(0))
    assert settled("POST", ALL, NEW, quote, subscription()).end is End.SETTLED
    assert settled("POST", ALL, NEW, quote, {"object": "invoice"}).end is End.IN_DOUBT


@pytest.mark.parametrize("path", [ONE, f"{LEGACY}/sub_1"])
@pytest.mark.parametrize(
    "form",
    [
        {"metadata[a]": "b"},
        {"cancel_at_period_end": "true"},
        {"discounts": "", "proration_behavior": "always_invoice"},
        {"default_payment_method": "pm_1", "collection_method": "send_invoice"},
    ],
)
def test_an_update_that_can_bill_nothing(path: str, form: Form) -> None:
    quote = quoted("POST", path, form)
    assert (quote.amount_micros, quote.object_id) == (0, None)
    outcome = settled("POST", path, form, quote, subscription(invoice(900, "paid", 900)))
    assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 0)


PRORATED = [{"amount": 300, "proration": True}, {"amount": -100, "proration": True}]
NEXT = preview(2500, lines={"data": PRORATED, "has_more": False})


@pytest.mark.parametrize(
    ("latest", "end", "settled_micros", "standing"),
    [
        ("in_0", End.SETTLED, 300 * CENT, 0),
        (None, End.SETTLED, 0, 0),
        ("in_1", End.STANDING, 0, 2500 * CENT),
        (invoice(250, "paid", 250), End.SETTLED, 250 * CENT, 0),
        (invoice(900, "paid", 900, id="in_0"), End.SETTLED, 300 * CENT, 0),
    ],
)
def test_a_change_is_told_by_its_latest_invoice(
    latest: Any, end: End, settled_micros: int, standing: int
) -> None:
    assert next_lookup("POST", ONE, UP).target == ONE
    before = subscription("in_0")
    pairs = sent(next_lookup("POST", ONE, UP, before))
    assert pairs["subscription"] == "sub_1"
    assert pairs["subscription_details[items][0][quantity]"] == "3"
    quote = quoted("POST", ONE, UP, before, NEXT)
    assert isinstance(quote, Change)
    assert (quote.amount_minor, quote.latest, quote.object_id) == (2500, "in_0", None)
    outcome = settled("POST", ONE, UP, quote, subscription(latest))
    assert (outcome.end, outcome.settled_micros) == (end, settled_micros)
    assert outcome.standing_micros == standing


def test_a_preview_that_hides_lines_counts_in_full() -> None:
    hidden = preview(2500, lines={"data": [], "has_more": True})
    quote = quoted("POST", ONE, UP, subscription("in_0"), hidden)
    assert settled("POST", ONE, UP, quote, subscription("in_0")).settled_micros == 2500 * CENT


def test_a_retry_knows_no_earlier_invoice() -> None:
    kept = Quote(2500 * CENT, "held", rate=USD)
    outcome = settled("POST", ONE, UP, kept, subscription("in_0"))
    assert (outcome.end, outcome.object_id) == (End.STANDING, "in_0")


def test_what_follows_a_trial_counts_when_it_begins() -> None:
    """Shown or not, the invoice of a trial is due nothing."""
    quote = quoted("POST", ALL, NEW, preview(2000))
    for latest in (None, "in_1", invoice(0, "paid", 0)):
        begun = {**subscription(latest), "status": "trialing"}
        outcome = settled("POST", ALL, NEW, quote, begun)
        assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 2000 * CENT)


def test_ending_a_trial_bills() -> None:
    pairs = sent(next_lookup("POST", ONE, {"trial_end": "now"}, subscription()))
    assert pairs["subscription_details[trial_end]"] == "now"
    assert "billing_thresholds" in unpriced("POST", ONE, {"billing_thresholds[amount_gte]": "5"})


def test_resuming_is_previewed() -> None:
    form = {"billing_cycle_anchor": "now", "expand[0]": "latest_invoice"}
    pairs = sent(next_lookup("POST", f"{ONE}/resume", form, subscription()))
    assert pairs == {
        "subscription": "sub_1",
        "subscription_details[resume_at]": "now",
        "subscription_details[billing_cycle_anchor]": "now",
    }


def test_pausing_bills_where_it_asks_to() -> None:
    path, form = f"{ONE}/pause", {"invoicing_behavior": "invoice", "type": "subscription"}
    assert quoted("POST", path, {"type": "subscription"}).amount_micros == 0
    pairs = sent(next_lookup("POST", path, form, subscription()))
    assert pairs["subscription_details[pause][invoicing_behavior]"] == "invoice"


@pytest.mark.parametrize("path", [ONE, f"{LEGACY}/sub_1"])
def test_canceling_bills_with_invoice_now(path: str) -> None:
    assert quoted("DELETE", path).amount_micros == 0
    assert quoted("DELETE", path, {"invoice_now": "false", "prorate": "true"}).amount_micros == 0
    pairs = sent(next_lookup("DELETE", path, {"invoice_now": "1"}, subscription()))
    assert pairs["subscription_details[cancel_now]"] == "true"
    assert pairs["subscription_details[proration_behavior]"] == "none"
    assert "odd" in unpriced("DELETE", path, {"odd": "1"})


def test_an_item_is_added() -> None:
    form = {"subscription": "sub_1", "price": "price_1", "metadata[a]": "b"}
    pairs = sent(next_lookup("POST", ITEMS, form))
    assert pairs == {"subscription": "sub_1", "subscription_details[items][0][price]": "price_1"}
    quote = quoted("POST", ITEMS, form, preview(700))
    outcome = settled("POST", ITEMS, form, quote, STORED_ITEM)
    assert (outcome.end, outcome.settled_micros, outcome.label) == (End.SETTLED, 700 * CENT, "si_1")
    assert settled("POST", ITEMS, form, quote, subscription()).end is End.IN_DOUBT
    assert unreadable("POST", ITEMS, {"price": "price_1"}) == "subscription"


def test_an_item_is_changed() -> None:
    form = {"quantity": "5", "proration_behavior": "always_invoice"}
    assert next_lookup("POST", ITEM, form).target == ITEM
    assert sent(next_lookup("POST", ITEM, form, STORED_ITEM)) == {
        "subscription": "sub_1",
        "subscription_details[items][0][id]": "si_1",
        "subscription_details[items][0][quantity]": "5",
        "subscription_details[proration_behavior]": "always_invoice",
    }
    assert quoted("POST", ITEM, {"metadata[a]": "b"}).amount_micros == 0


def test_an_item_is_deleted() -> None:
    assert quoted("DELETE", ITEM, {"clear_usage": "true"}).amount_micros == 0
    form = {"proration_behavior": "always_invoice"}
    pairs = sent(next_lookup("DELETE", ITEM, form, STORED_ITEM))
    assert pairs["subscription_details[items][0][deleted]"] == "true"
    assert "odd" in unpriced("DELETE", ITEM, {"odd": "1"})


def refused(intent: Any, quote: Quote) -> Any:
    error = {"error": {"type": "card_error", "payment_intent": intent}}
    return settled("POST", ALL, NEW, quote, error, 402)


def test_a_refusal_leaves_an_intent_that_lives_on() -> None:
    quote = quoted("POST", ALL, NEW, preview(2000))
    intent = {
        "object": "payment_intent",
        "id": "pi_1",
        "status": "requires_payment_method",
        "currency": "usd",
        "amount": 2000,
        "amount_received": 0,
        "amount_capturable": 0,
    }
    outcome = refused(intent, quote)
    assert (outcome.end, outcome.object_id) == (End.STANDING, "pi_1")
    assert refused({**intent, "status": "canceled"}, quote).end is End.RELEASED
    assert refused("pi_1", quote).end is End.IN_DOUBT
    assert refused(None, quote).end is End.RELEASED
    assert refused(intent, Quote(0, "nothing")).end is End.RELEASED
