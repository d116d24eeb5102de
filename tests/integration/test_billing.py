"""Billing from outside: invoices, subscriptions, pages, and what the books say of them.

Whatever the sandbox's payers were really charged is never more than the key's books show.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway, VaultKey
from tests.lives import act, refused, stands, without_us


@pytest.fixture
def payer(vendor: Sandbox) -> str:
    """A customer with a card that pays."""
    customer = without_us(vendor, "/v1/customers", payment_method="pm_card_visa")["id"]
    method = {"invoice_settings[default_payment_method]": "pm_card_visa"}
    without_us(vendor, f"/v1/customers/{customer}", **method)
    return str(customer)


def price_of(vendor: Sandbox, amount: int, **more: Any) -> str:
    form = {"currency": "usd", "unit_amount": amount, "product_data[name]": "Plan", **more}
    return str(without_us(vendor, "/v1/prices", **form)["id"])


def monthly(vendor: Sandbox, amount: int) -> str:
    return price_of(vendor, amount, **{"recurring[interval]": "month"})


def covered(gateway: Gateway, key: VaultKey, vendor: Sandbox) -> tuple[str, str]:
    settled, standing = stands(gateway, key)
    counted = round(100 * (float(settled) + float(standing)))
    assert vendor.charged() <= counted
    return settled, standing


def drafted(gateway: Gateway, key: VaultKey, customer: str) -> str:
    """The path of a new draft without lines."""
    form = {"customer": customer, "pending_invoice_items_behavior": "exclude"}
    return f"/v1/invoices/{act(gateway, key, '/v1/invoices', **form)['id']}"


def test_an_invoice_from_its_draft_to_its_payment(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    key = gateway.make_key(daily_usd_cap="50")
    path = drafted(gateway, key, payer)
    assert stands(gateway, key) == ("0.00", "0.00")
    act(gateway, key, f"{path}/add_lines", **{"lines[0][amount]": 1500})
    assert stands(gateway, key) == ("0.00", "15.00")
    more = {"lines[0][pricing][price]": price_of(vendor, 250), "lines[0][quantity]": 2}
    act(gateway, key, f"{path}/add_lines", **more)
    assert stands(gateway, key) == ("0.00", "20.00")
    answer = refused(gateway, key, f"{path}/add_lines", **{"lines[0][amount]": 3001})
    assert answer.error == "daily_cap_exceeded"
    act(gateway, key, f"{path}/finalize")
    assert covered(gateway, key, vendor) == ("0.00", "20.00")
    assert act(gateway, key, f"{path}/pay")["amount_paid"] == 2000
    assert covered(gateway, key, vendor) == ("20.00", "0.00")


def test_a_void_invoice_frees_what_it_held(gateway: Gateway, payer: str) -> None:
    key = gateway.make_key()
    path = drafted(gateway, key, payer)
    act(gateway, key, f"{path}/add_lines", **{"lines[0][amount]": 1500})
    act(gateway, key, f"{path}/finalize")
    assert stands(gateway, key) == ("0.00", "15.00")
    act(gateway, key, f"{path}/void")
    assert stands(gateway, key) == ("0.00", "0.00")


def test_an_invoice_paid_outside_of_stripe_costs_nothing(gateway: Gateway, payer: str) -> None:
    key = gateway.make_key()
    path = drafted(gateway, key, payer)
    act(gateway, key, f"{path}/add_lines", **{"lines[0][amount]": 1500})
    act(gateway, key, f"{path}/finalize")
    act(gateway, key, f"{path}/pay", paid_out_of_band="true")
    assert stands(gateway, key) == ("0.00", "0.00")


def test_an_item_that_waits_stands_until_it_is_deleted(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    key = gateway.make_key()
    price = price_of(vendor, 700)
    form = {"customer": payer, "pricing[price]": price, "quantity": 3}
    item = act(gateway, key, "/v1/invoiceitems", **form)
    assert stands(gateway, key) == ("0.00", "21.00")
    act(gateway, key, f"/v1/invoiceitems/{item['id']}", quantity=5)
    assert stands(gateway, key) == ("0.00", "35.00")
    answer = gateway.call(key, "DELETE", f"/v1/invoiceitems/{item['id']}")
    assert answer.status == 200, answer
    assert stands(gateway, key) == ("0.00", "0.00")


def test_a_subscription_and_its_changes(gateway: Gateway, vendor: Sandbox, payer: str) -> None:
    key = gateway.make_key(daily_usd_cap="100")
    price = monthly(vendor, 2000)
    form = {"customer": payer, "items[0][price]": price, "expand[0]": "latest_invoice"}
    made = act(gateway, key, "/v1/subscriptions", **form)
    assert covered(gateway, key, vendor) == ("20.00", "0.00")
    path, item = f"/v1/subscriptions/{made['id']}", made["items"]["data"][0]["id"]
    act(gateway, key, path, **{"metadata[a]": "b"})
    assert covered(gateway, key, vendor) == ("20.00", "0.00")
    more = {"items[0][id]": item, "items[0][quantity]": 2, "proration_behavior": "always_invoice"}
    act(gateway, key, path, **more)
    covered(gateway, key, vendor)
    much = {**more, "items[0][quantity]": 50}
    assert refused(gateway, key, path, **much).error == "daily_cap_exceeded"
    answer = gateway.call(key, "DELETE", f"{path}?invoice_now=true")
    assert answer.status == 200, answer
    covered(gateway, key, vendor)


def test_an_unexpanded_invoice_stands_at_the_preview(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    key = gateway.make_key()
    form = {"customer": payer, "items[0][price]": monthly(vendor, 2000)}
    act(gateway, key, "/v1/subscriptions", **form)
    assert covered(gateway, key, vendor) == ("0.00", "20.00")


def test_a_trial_asks_for_its_first_paid_period(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    form = {"customer": payer, "items[0][price]": monthly(vendor, 2000), "trial_period_days": 14}
    poor, key = gateway.make_key(daily_usd_cap="19"), gateway.make_key(daily_usd_cap="20")
    assert refused(gateway, poor, "/v1/subscriptions", **form).error == "daily_cap_exceeded"
    act(gateway, key, "/v1/subscriptions", **form, **{"expand[0]": "latest_invoice"})
    assert covered(gateway, key, vendor) == ("20.00", "0.00")


def test_items_and_schedules_of_subscriptions(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    key = gateway.make_key()
    phase = {"phases[0][items][0][price]": monthly(vendor, 2000)}
    form = {"customer": payer, "start_date": "now", "end_behavior": "release", **phase}
    schedule = act(gateway, key, "/v1/subscription_schedules", **form)
    assert covered(gateway, key, vendor) == ("20.00", "0.00")
    added = {"subscription": schedule["subscription"], "price": monthly(vendor, 500)}
    item = act(gateway, key, "/v1/subscription_items", **added)
    covered(gateway, key, vendor)
    act(gateway, key, f"/v1/subscription_items/{item['id']}", quantity=3)
    covered(gateway, key, vendor)
    act(gateway, key, f"/v1/subscription_schedules/{schedule['id']}/cancel")
    covered(gateway, key, vendor)


def test_a_quote_of_stripes_stands_once_it_can_be_accepted(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    key = gateway.make_key()
    line = {"line_items[0][price]": monthly(vendor, 2000), "line_items[0][quantity]": 2}
    offer = act(gateway, key, "/v1/quotes", customer=payer, **line)
    assert stands(gateway, key) == ("0.00", "0.00")
    path = f"/v1/quotes/{offer['id']}"
    act(gateway, key, f"{path}/finalize")
    assert stands(gateway, key)[0] == "0.00"
    assert float(stands(gateway, key)[1]) >= 40
    act(gateway, key, f"{path}/accept")
    covered(gateway, key, vendor)


def test_a_checkout_page(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    price = price_of(vendor, 500)
    line = {"line_items[0][price]": price, "line_items[0][quantity]": 1, "mode": "payment"}
    adjustable = {
        "line_items[0][adjustable_quantity][enabled]": "true",
        "line_items[0][adjustable_quantity][maximum]": 5,
    }
    ending = {"success_url": "https://shop.example.com/thanks"}
    made = act(gateway, key, "/v1/checkout/sessions", **line, **adjustable, **ending)
    assert stands(gateway, key) == ("0.00", "25.00")
    act(gateway, key, f"/v1/checkout/sessions/{made['id']}/expire")
    assert stands(gateway, key) == ("0.00", "0.00")
    taxed = {**line, **ending, "automatic_tax[enabled]": "true"}
    answer = refused(gateway, key, "/v1/checkout/sessions", **taxed)
    assert answer.error == "endpoint_unpriced"
    assert "automatic_tax[enabled]" in answer.json()["message"]


def test_a_payment_link_needs_an_end(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    line = {"line_items[0][price]": price_of(vendor, 500), "line_items[0][quantity]": 1}
    answer = refused(gateway, key, "/v1/payment_links", **line)
    assert answer.error == "endpoint_unpriced"
    assert "restrictions[completed_sessions][limit]" in answer.json()["message"]
    limit = {"restrictions[completed_sessions][limit]": 4}
    made = act(gateway, key, "/v1/payment_links", **line, **limit)
    assert stands(gateway, key) == ("0.00", "20.00")
    act(gateway, key, f"/v1/payment_links/{made['id']}", active="false")


def test_a_declined_payment_leaves_the_invoice_standing(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    customer = without_us(vendor, "/v1/customers")["id"]
    item = {"customer": customer, "amount": 1500, "currency": "usd"}
    without_us(vendor, "/v1/invoiceitems", **item)
    drawn = {"customer": customer, "pending_invoice_items_behavior": "include"}
    invoice = without_us(vendor, "/v1/invoices", **drawn)["id"]
    without_us(vendor, f"/v1/invoices/{invoice}/finalize")
    path = f"/v1/invoices/{invoice}/pay"
    declined = refused(gateway, key, path, payment_method="pm_card_chargeDeclined")
    assert declined.status == 402
    settled, standing = covered(gateway, key, vendor)
    assert (settled, standing) in (("0.00", "0.00"), ("0.00", "15.00"))
