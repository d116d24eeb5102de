"""Money that leaves: transfers, payouts, top-ups, credit notes and disputes, from outside."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway
from tests.lives import PAY, act, create, refused, stands, without_us

VERSION = "2026-10-28.endive"
TRANSFER = {"currency": "usd", "destination": "acct_1SandboxConnected"}


def charge_of(gateway: Gateway, key: Any, amount: int) -> str:
    path = create(gateway, key, amount, **PAY)
    charge_id: str = gateway.call(key, "GET", path).json()["latest_charge"]
    return charge_id


def test_transfers_and_their_reversals(gateway: Gateway) -> None:
    key = gateway.make_key(daily_usd_cap="60")
    charge_id = charge_of(gateway, key, 2000)
    made = act(gateway, key, "/v1/transfers", amount=700, **TRANSFER)
    assert stands(gateway, key) == ("27.00", "0.00")
    act(gateway, key, f"/v1/transfers/{made['id']}/reversals", amount=200)
    assert stands(gateway, key) == ("29.00", "0.00")
    act(gateway, key, f"/v1/transfers/{made['id']}/reversals")
    assert stands(gateway, key) == ("34.00", "0.00")
    act(gateway, key, "/v1/transfers", source_transaction=charge_id, **TRANSFER)
    assert stands(gateway, key) == ("54.00", "0.00")
    answer = refused(gateway, key, "/v1/transfers", amount=601, **TRANSFER)
    assert (answer.status, answer.error) == (429, "daily_cap_exceeded")


def test_payouts_and_top_ups(gateway: Gateway) -> None:
    key = gateway.make_key(daily_usd_cap="100")
    act(gateway, key, "/v1/topups", amount=4000, currency="usd")
    assert stands(gateway, key) == ("40.00", "0.00")
    charge_of(gateway, key, 2000)
    payout = act(gateway, key, "/v1/payouts", amount=1500, currency="usd", method="instant")
    assert stands(gateway, key) == ("75.00", "0.00")
    act(gateway, key, f"/v1/payouts/{payout['id']}/cancel")
    assert stands(gateway, key) == ("75.00", "0.00")
    assert refused(gateway, key, "/v1/payouts", amount=2501, currency="usd").status == 429


def test_a_dispute_that_is_given_up_costs_what_was_disputed(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    charge_id = charge_of(gateway, key, 2000)
    opened = vendor.control("POST", "dispute", {"charge": charge_id, "amount": 1500})
    act(gateway, key, f"/v1/disputes/{opened['id']}/close")
    assert stands(gateway, key) == ("35.00", "0.00")
    again = refused(gateway, key, f"/v1/disputes/{opened['id']}/close")
    assert again.status == 400
    assert stands(gateway, key) == ("35.00", "0.00")


def test_a_disputed_charge_is_given_up_by_its_own_name(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    charge_id = charge_of(gateway, key, 2000)
    vendor.control("POST", "dispute", {"charge": charge_id})
    act(gateway, key, f"/v1/charges/{charge_id}/dispute/close")
    assert stands(gateway, key) == ("40.00", "0.00")


def test_a_credit_note_counts_what_it_refunds(gateway: Gateway, vendor: Sandbox) -> None:
    """The invoice is made and paid without us."""
    customer = without_us(vendor, "/v1/customers", payment_method="pm_card_visa")["id"]
    method = {"invoice_settings[default_payment_method]": "pm_card_visa"}
    without_us(vendor, f"/v1/customers/{customer}", **method)
    item = {"customer": customer, "amount": 2000, "currency": "usd"}
    without_us(vendor, "/v1/invoiceitems", **item)
    drawn = {"customer": customer, "pending_invoice_items_behavior": "include"}
    invoice = without_us(vendor, "/v1/invoices", **drawn)["id"]
    without_us(vendor, f"/v1/invoices/{invoice}/finalize")
    assert without_us(vendor, f"/v1/invoices/{invoice}/pay")["amount_paid"] == 2000
    key = gateway.make_key()
    note = {"invoice": invoice, "amount": 900, "refund_amount": 500, "credit_amount": 400}
    act(gateway, key, "/v1/credit_notes", **note)
    assert stands(gateway, key) == ("5.00", "0.00")
    act(gateway, key, "/v1/credit_notes", invoice=invoice, amount=300, credit_amount=300)
    assert stands(gateway, key) == ("5.00", "0.00")


def test_v2_amounts_are_read_as_json(gateway: Gateway) -> None:
    key = gateway.make_key(allowed_endpoints=["POST /v2/**"])
    path = "/v2/money_management/outbound_payments"
    flow = {
        "from": {"financial_account": "fa_1", "currency": "usd"},
        "to": {"recipient": "acct_1SandboxConnected"},
    }
    for value, spent in ((1200, "12.00"), ("700", "19.00")):
        body = {**flow, "amount": {"value": value, "currency": "usd"}}
        answer = gateway.call(key, "POST", path, json_body=body, stripe_version=VERSION)
        assert answer.status == 200, answer
        assert stands(gateway, key) == (spent, "0.00")
    body = {**flow, "amount": {"value": 5.5, "currency": "usd"}}
    refusal = gateway.call(key, "POST", path, json_body=body, stripe_version=VERSION)
    assert (refusal.status, refusal.json()["field"]) == (422, "amount[value]")


def test_a_change_of_a_price_that_reaches_subscribers_needs_a_fixed_hold(gateway: Gateway) -> None:
    key = gateway.make_key()
    product = act(gateway, key, "/v1/products", name="Tea")
    price = act(gateway, key, "/v1/prices", product=product["id"], currency="usd", unit_amount=900)
    path = f"/v1/prices/{price['id']}"
    act(gateway, key, path, nickname="a cup")
    assert stands(gateway, key) == ("0.00", "0.00")
    answer = refused(gateway, key, path, tax_behavior="exclusive")
    assert (answer.status, answer.error) == (403, "endpoint_unpriced")
    assert "tax_behavior" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/issuing/cards"), ("POST", "/v1/billing/meter_events")],
)
def test_what_nobody_can_bound_is_refused_by_name(gateway: Gateway, method: str, path: str) -> None:
    key = gateway.make_key()
    answer = gateway.call(key, method, path, form={"a": 1})
    assert (answer.status, answer.error) == (403, "endpoint_unpriced")
    assert path in answer.json()["message"]
    assert answer.json()["setting"] == "allow_unpriced"
