"""The most that a payer can be asked for on a page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    Form,
    next_lookup,
    price,
    quoted,
    tax_rate,
    unpriced,
    unreadable,
)

PAGE = "/v1/checkout/sessions"
OWN: Form = {
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "250",
    "line_items[0][price_data][product_data][name]": "x",
    "line_items[0][quantity]": "2",
}
BY_ID: Form = {"line_items[0][price]": "price_1"}
RATE = {"object": "shipping_rate", "id": "shr_1"}
FIXED = {"amount": 70, "currency": "usd", "currency_options": {"eur": {"amount": 60}}}


def minor(form: Form, *found: Any) -> int:
    return quoted("POST", PAGE, form, *found).amount_minor


def test_lines() -> None:
    assert minor(OWN) == 500
    assert minor({**BY_ID, "line_items[0][quantity]": "3"}, price(100)) == 300
    assert minor(BY_ID, price(100)) == 100
    assert minor({**OWN, "line_items[1][price]": "price_1"}, price(100)) == 600
    below_zero = {"currency": "usd", "unit_amount": "-400", "product": "prod_1"}
    less = {f"line_items[1][price_data][{name}]": text for name, text in below_zero.items()}
    assert minor({**OWN, **less}) == 500


@pytest.mark.parametrize(
    ("form", "expect"),
    [
        ({"enabled": "true"}, 9900),
        ({"enabled": "true", "maximum": "10", "minimum": "1"}, 1000),
        ({"maximum": "10"}, 1000),
        ({"enabled": "true", "maximum": "2"}, 500),
        ({"enabled": "false"}, 500),
    ],
)
def test_an_adjustable_quantity_counts_at_its_maximum(form: Form, expect: int) -> None:
    parts = {f"line_items[0][adjustable_quantity][{name}]": text for name, text in form.items()}
    quantity = {"line_items[0][quantity]": "5"}
    assert minor({**BY_ID, **quantity, **parts}, price(100)) == expect


def test_a_smaller_quantity_at_a_volume_price() -> None:
    tiers = [{"up_to": 9, "unit_amount": 100}, {"up_to": None, "unit_amount": 10}]
    volume = price(billing_scheme="tiered", tiers_mode="volume", tiers=tiers)
    ten = {**BY_ID, "line_items[0][quantity]": "10"}
    assert minor(ten, volume) == 100
    assert minor({**ten, "line_items[0][adjustable_quantity][enabled]": "true"}, volume) == 990


def test_optional_items_count_as_taken() -> None:
    form = {**OWN, "optional_items[0][price]": "price_1", "optional_items[0][quantity]": "3"}
    assert minor(form, price(100)) == 800


def test_metered_is_billed_later() -> None:
    assert (
        minor(
            {
                **BY_ID,
            },
            price(100, recurring={"usage_type": "metered"}),
        )
        == 0
    )


def test_the_dearest_shipping_counts() -> None:
    given = "shipping_options[0][shipping_rate_data]"
    form = {
        **OWN,
        f"{given}[fixed_amount][amount]": "50",
        f"{given}[fixed_amount][currency]": "usd",
        f"{given}[display_name]": "slow",
        "shipping_options[1][shipping_rate]": "shr_1",
    }
    assert next_lookup("POST", PAGE, form).target.startswith("/v1/shipping_rates/shr_1?expand")
    assert minor(form, {**RATE, "fixed_amount": FIXED}) == 570
    other = {"amount": 1, "currency": "eur", "currency_options": {"usd": {"amount": 80}}}
    assert minor(form, {**RATE, "fixed_amount": other}) == 580
    unpriced("POST", PAGE, form, {**RATE, "fixed_amount": {"amount": 1, "currency": "eur"}})
    assert unreadable("POST", PAGE, {**OWN, f"{given}[display_name]": "x"}).endswith("[amount]")
    euro = {**form, f"{given}[fixed_amount][currency]": "eur"}
    assert unreadable("POST", PAGE, euro).endswith("[currency]")


def test_tax_rates_go_on_top() -> None:
    form = {**OWN, "line_items[0][tax_rates][0]": "txr_1"}
    assert minor(form, tax_rate("8.25")) == 542
    default = {**OWN, "subscription_data[default_tax_rates][0]": "txr_1", "mode": "subscription"}
    assert minor(default, tax_rate(20)) == 600


@pytest.mark.parametrize(
    "name",
    [
        *("automatic_tax[enabled]", "managed_payments[enabled]", "line_items[0][amount]", "odd"),
        "after_expiration[recovery][enabled]",
    ],
)
def test_what_has_no_bound_is_named(name: str) -> None:
    assert name in unpriced("POST", PAGE, {**OWN, name: "true"})


def test_a_price_in_several_currencies_needs_one_named() -> None:
    options = {"usd": {"unit_amount": 100}, "eur": {"unit_amount": 90}}
    tree = price(100, currency_options=options)
    assert "several currencies" in unpriced("POST", PAGE, BY_ID, tree)
    quote = quoted("POST", PAGE, {**BY_ID, "currency": "EUR"}, tree)
    assert (quote.amount_minor, quote.currency) == (90, "eur")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "line_items"),
        ({**OWN, "currency": "xyz"}, "currency"),
        ({**OWN, "currency": "eur"}, "line_items[0][price_data][currency]"),
        ({**OWN, "line_items[0][price]": "price_1"}, "line_items[0][price]"),
        ({**OWN, "line_items[0][quantity]": "1.5"}, "line_items[0][quantity]"),
        (
            {**OWN, "line_items[0][adjustable_quantity][maximum]": "-1"},
            "line_items[0][adjustable_quantity][maximum]",
        ),
    ],
)
def test_what_cannot_be_read(form: Form, field: str) -> None:
    assert unreadable("POST", PAGE, form) == field


def test_a_line_without_a_price() -> None:
    assert "line_items[0]" in unpriced("POST", PAGE, {"line_items[0][quantity]": "5"})
