"""Billing: whatever is asked and whatever Stripe shows, refusals are our own; no price is below
what the sandbox, which reckons by itself, would bill."""

from __future__ import annotations

import copy
import datetime
import json
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.stripe import tariff
from vendors.contract import (
    Answer,
    Lookup,
    MediaTypeRefused,
    Quote,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
)
from vendors.form import FORM_TYPE, encode
from vendors.rates import USD, Rates
from vendors.stripe import STRIPE
from vendors.stripe.billing import QUOTERS, REREADERS
from vendors.stripe.billing.exact import round_up
from vendors.stripe.billing.prices import read_price
from vendors.stripe.catalogue import CATALOGUE

RATES = Rates({"eur": Fraction(113, 97)}, datetime.date(2026, 1, 1), 30).on(20454)
ROWS = [row for row in CATALOGUE.rows if row.name in QUOTERS]
NAMES = """customer invoice subscription amount currency quantity quantity_decimal unit_amount
unit_amount_decimal price pricing[price] price_data[currency] price_data[unit_amount] tax_rates[0]
items[0][price] items[0][quantity] invoice_now paid_out_of_band from_subscription phases[0][items]
pending_invoice_items_behavior lines[0][amount] lines[0][id] lines[00][amount] lines[1][price]
lines[0][invoice_item] lines[0][behavior] line_items[0][price] line_items[0][quantity] mode active
line_items[0][adjustable_quantity][maximum] optional_items[0][price] proration_behavior trial_end
shipping_options[0][shipping_rate] restrictions[completed_sessions][limit] default_tax_rates[0]
invoicing_behavior automatic_tax[enabled] metadata[a] description odd[0][x]"""
TEXTS = "5 usd eur 1.5 -5 0 true false now include always_invoice invoice in_1 ii_1 setup x/y"
fields = st.dictionaries(
    st.sampled_from(NAMES.split()),
    st.one_of(st.sampled_from(["", "price_1", *TEXTS.split()]), st.text("0159.e-", max_size=5)),
    max_size=6,
)

TIERS = [{"up_to": 5, "unit_amount": 9, "flat_amount": 2}, {"up_to": None, "unit_amount": 1}]
KNOWN: list[dict[str, Any]] = [
    {
        "object": "invoice",
        "id": "in_1",
        "status": "draft",
        "currency": "eur",
        "amount_due": 500,
        "amount_paid": 100,
        "amount_paid_off_stripe": None,
        "automatic_tax": {"enabled": False},
        "default_tax_rates": [{"percentage": 7, "inclusive": False}],
        "lines": {"data": [{"id": "il_1", "amount": 5, "proration": True}], "has_more": False},
    },
    {"object": "invoiceitem", "id": "ii_1", "amount": 5, "currency": "eur", "invoice": "in_1"},
    {"object": "list", "data": [{"amount": 5, "currency": "eur"}], "has_more": False},
    {"object": "subscription", "id": "subscription_1", "latest_invoice": {"id": "in_1"}},
    {"object": "subscription_item", "id": "item_1", "subscription": "sub_1"},
    {"object": "subscription_schedule", "id": "schedule_1", "status": "active"},
    {"object": "quote", "id": "quote_1", "status": "open", "currency": "eur", "amount_total": 5},
    {"object": "tax_rate", "id": "5", "percentage": 8.25, "inclusive": False},
    {"object": "shipping_rate", "id": "5", "fixed_amount": {"amount": 5, "currency": "eur"}},
    {
        "object": "checkout.session",
        "id": "session_1",
        "status": "open",
        "payment_status": "unpaid",
        "currency": "eur",
        "amount_total": 5,
        "shipping_options": [{"shipping_amount": 5}],
    },
    {
        "object": "payment_link",
        "id": "plink_1",
        "active": True,
        "currency": "eur",
        "restrictions": {"completed_sessions": {"count": 1, "limit": 3}},
    },
    {
        "object": "price",
        "id": "price_1",
        "currency": "eur",
        "billing_scheme": "tiered",
        "tiers_mode": "volume",
        "tiers": TIERS,
        "currency_options": {"usd": {"unit_amount_decimal": "1.5", "tiers": TIERS}},
        "recurring": {"usage_type": "licensed"},
        "transform_quantity": {"divide_by": 3, "round": "up"},
    },
]
ODD: list[Any] = [None, True, -1, 0, 1.5, 10**19, "", "x", "-5", [], [None], {}, {"id": []}]


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Something that Stripe shows, perhaps with members that are not what they should be."""
    tree = copy.deepcopy(draw(st.sampled_from(KNOWN)))
    for _ in range(draw(st.integers(0, 2))):
        place: Any = tree
        while isinstance(place, dict | list) and place:
            within = list(place) if isinstance(place, dict) else list(range(len(place)))
            name = draw(st.sampled_from(within))
            if isinstance(place[name], dict | list) and draw(st.booleans()):
                place = place[name]
                continue
            place[name] = copy.deepcopy(draw(st.sampled_from(ODD)))
            break
    return json.dumps(tree).encode()


shown = st.one_of(objects(), st.binary(max_size=20))


@given(st.sampled_from(ROWS), fields, st.lists(shown, max_size=4), shown, st.booleans())
def test_refusals_are_our_own_and_outcomes_add_up(
    row: Any, given_fields: dict[str, str], found: list[bytes], said: bytes, failed: bool
) -> None:
    path = row.pattern.replace("{", "").replace("}", "_1").replace("subscription_exposed_id", "sub")
    raw = encode(given_fields.items())
    query, body = (raw.decode(), b"") if row.method == "DELETE" else ("", raw)
    operation = STRIPE.operation(row.method, path, "")
    sent = Sent(row.method, path, query, FORM_TYPE if body else "", body)
    try:
        reading = STRIPE.read(operation, sent)
        quote = STRIPE.quote(reading, RATES, [Answer(200, {}, each) for each in found], None)
    except (Unreadable, Unpriced, RuleRefused, MediaTypeRefused):
        return
    if isinstance(quote, Lookup):
        assert quote.target.startswith("/v1/")
        assert quote.why
        return
    assert isinstance(quote, Quote)
    assert quote.amount_micros >= quote.before_micros >= 0
    assert quote.amount_micros < 2**62
    outcome = STRIPE.settle(reading, quote, Answer(402 if failed else 200, {}, said))
    assert outcome.settled_micros >= 0
    assert outcome.standing_micros >= 0


@given(st.sampled_from(sorted(REREADERS)), shown, st.integers(0, 10**15))
def test_whatever_is_read_again_has_an_outcome(beginning: str, body: bytes, counted: int) -> None:
    outcome = STRIPE.reread(f"{beginning}1", USD, counted, Answer(200, {}, body))
    assert outcome.settled_micros >= 0
    assert outcome.standing_micros >= 0


amounts = st.integers(0, 10**6)
decimals = st.builds(lambda n, d: str(Fraction(n)) if not d else f"{n}.{d}", amounts, amounts)


@st.composite
def prices(draw: st.DrawFn) -> dict[str, Any]:
    """A price as the sandbox keeps it, all of whose forms it can reckon with."""
    tree: dict[str, Any] = {
        "currency": "usd",
        "billing_scheme": "per_unit",
        "unit_amount_decimal": draw(decimals),
        "transform_quantity": draw(
            st.none()
            | st.builds(
                lambda n, r: {"divide_by": n, "round": r},
                st.integers(1, 9),
                st.sampled_from(["up", "down"]),
            )
        ),
    }
    if draw(st.booleans()):
        ends = sorted(draw(st.sets(st.integers(1, 60), max_size=4)))
        tiers = [
            {
                "up_to": end,
                "unit_amount_decimal": draw(decimals),
                "flat_amount_decimal": draw(decimals),
            }
            for end in (*ends, None)
        ]
        mode = draw(st.sampled_from(["graduated", "volume"]))
        tree |= {"billing_scheme": "tiered", "tiers_mode": mode, "tiers": tiers}
    return tree


@given(prices(), st.fractions(0, 80), st.integers(0, 80))
def test_no_price_is_below_what_the_sandbox_bills(
    tree: dict[str, Any], quantity: Fraction, fewer: int
) -> None:
    price, tiers = read_price(tree), tree.get("tiers", ())
    billed = tariff.line_amount(tree, quantity, tiers)
    assert billed <= round_up(price.cost(quantity)) <= billed + 1
    at_most = round_up(price.most(max(quantity, Fraction(fewer))))
    assert tariff.line_amount(tree, Fraction(fewer), tiers) <= at_most
