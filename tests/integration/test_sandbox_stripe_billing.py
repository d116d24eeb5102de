"""The official SDK against the sandbox's billing and its other money: what is believed of Stripe.

What a preview says is what the call bills; creating a subscription charges; a DELETE can charge;
pages charge nobody until a payer comes; what leaves the merchant is counted apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe

from bench.sandbox.launch import Sandbox

KEY = "sk_test_sandboxbilling"


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Any]:
    http_client: Any = stripe.RequestsClient()
    base = sandbox.base_url
    yield stripe.StripeClient(
        KEY, base_addresses={"api": base, "files": base}, http_client=http_client
    )
    http_client.close()


def post(sandbox: Sandbox, path: str, form: Any = None, **headers: str) -> Any:
    """One form POST; the answer's JSON, whatever its status."""
    body = urlencode(form or {}).encode()
    headers = {"authorization": f"Bearer {KEY}", **headers}
    if body:
        headers["content-type"] = "application/x-www-form-urlencoded"
    return json.loads(sandbox.request("POST", path, body, **headers)[2])


def monthly(client: Any, amount: int = 2000, **more: Any) -> str:
    price = client.v1.prices.create(
        {
            "currency": "usd",
            "product_data": {"name": "Plan"},
            "recurring": {"interval": "month"},
            **({"unit_amount": amount} if "tiers" not in more else {}),
            **more,
        }
    )
    return str(price.id)


def payer(client: Any, token: str = "pm_card_visa", **more: Any) -> str:
    method = client.v1.payment_methods.attach(
        token, {"customer": client.v1.customers.create(more).id}
    )
    client.v1.customers.update(
        method.customer, {"invoice_settings": {"default_payment_method": method.id}}
    )
    return str(method.customer)


def subscribe(client: Any, customer: str, price: str, **more: Any) -> Any:
    return client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price}], **more}
    )


# Subscriptions.


def test_creating_a_subscription_charges(client: Any, sandbox: Sandbox) -> None:
    customer, price = payer(client), monthly(client)
    wanted: Any = {"customer": customer, "items": [{"price": price, "quantity": 3}]}
    preview = client.v1.invoices.create_preview(
        {"customer": customer, "subscription_details": {"items": wanted["items"]}}
    )
    assert (preview.amount_due, preview.status, sandbox.charged()) == (6000, "draft", 0)
    made = client.v1.subscriptions.create({**wanted, "expand": ["latest_invoice.payments"]})
    assert (made.status, made.latest_invoice.amount_paid) == ("active", 6000)
    assert made.latest_invoice.payments.data[0].payment.payment_intent.startswith("pi_")
    assert sandbox.charged() == 6000
    kinds = [event.type for event in client.v1.events.list({"limit": 100}).data]
    assert {"customer.subscription.created", "invoice.paid", "charge.succeeded"} <= set(kinds)


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        ({"trial_period_days": 7}, 0),
        ({"collection_method": "send_invoice", "days_until_due": 3}, 0),
        ({"add_invoice_items": [{"price_data": {
            "currency": "usd", "product_data": {"name": "Setup"}, "unit_amount": 500}}]}, 2500),
        ({"automatic_tax": {"enabled": True}}, 2200),
    ],
)  # fmt: skip
def test_what_a_first_invoice_takes(
    client: Any, sandbox: Sandbox, terms: dict[str, Any], due: int
) -> None:
    for item in terms.get("add_invoice_items", ()):
        product = client.v1.products.create({"name": "Setup"}).id
        item["price_data"].pop("product_data", None)
        item["price_data"]["product"] = product
    made = subscribe(client, payer(client), monthly(client), **terms)
    assert made.status == ("trialing" if "trial_period_days" in terms else "active")
    assert sandbox.charged() == due


def test_a_declined_card_leaves_it_incomplete_and_can_still_be_paid(
    client: Any, sandbox: Sandbox
) -> None:
    customer, price = payer(client, "pm_card_chargeCustomerFail"), monthly(client)
    made = subscribe(client, customer, price, expand=["latest_invoice.payments"])
    assert (made.status, sandbox.charged()) == ("incomplete", 0)
    with pytest.raises(stripe.CardError):
        subscribe(client, customer, price, payment_behavior="error_if_incomplete")
    intent = made.latest_invoice.payments.data[0].payment.payment_intent
    client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert client.v1.subscriptions.retrieve(made.id).status == "active"
    assert client.v1.invoices.retrieve(made.latest_invoice.id).status == "paid"
    assert sandbox.charged() == 2000


def test_nobody_to_charge_is_refused_before_anything_exists(client: Any, sandbox: Sandbox) -> None:
    customer = client.v1.customers.create().id
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        subscribe(client, customer, monthly(client))
    assert client.v1.subscriptions.list().data == []
    waiting = subscribe(client, customer, monthly(client), payment_behavior="default_incomplete")
    assert (waiting.status, sandbox.charged()) == ("incomplete", 0)


@pytest.mark.parametrize("behavior", ["always_invoice", "create_prorations", "none"])
def test_an_update_bills_what_its_preview_said(
    client: Any, sandbox: Sandbox, behavior: str
) -> None:
    made = subscribe(client, payer(client), monthly(client))
    half = made["items"].data[0].current_period_start
    half += (made["items"].data[0].current_period_end - half) // 2
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": monthly(client, 6000)}],
        "proration_behavior": behavior,
        "proration_date": half,
    }
    preview = client.v1.invoices.create_preview(
        {"subscription": made.id, "subscription_details": change}
    )
    assert preview.amount_due == {"always_invoice": 2000, "create_prorations": 8000}.get(
        behavior, 6000
    )
    client.v1.subscriptions.update(made.id, change)
    assert sandbox.charged() == (4000 if behavior == "always_invoice" else 2000)
    if behavior != "always_invoice":
        sandbox.control("POST", "advance", {"subscription": made.id})
        assert sandbox.charged() == 2000 + preview.amount_due


def test_a_new_period_is_billed_at_once(client: Any, sandbox: Sandbox) -> None:
    made = subscribe(client, payer(client), monthly(client), trial_period_days=7)
    assert sandbox.charged() == 0
    after = client.v1.subscriptions.update(made.id, {"trial_end": "now"})
    assert (after.status, sandbox.charged()) == ("active", 2000)
    item = after["items"].data[0].id
    yearly = monthly(client, 9000, recurring={"interval": "year"})
    client.v1.subscription_items.update(item, {"price": yearly, "proration_behavior": "none"})
    assert sandbox.charged() == 11_000


def test_a_delete_can_charge(client: Any, sandbox: Sandbox) -> None:
    customer = payer(client)
    meter = client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}
    )
    price = monthly(
        client, 3, recurring={"interval": "month", "usage_type": "metered", "meter": meter.id}
    )
    made = subscribe(client, customer, price)
    assert sandbox.charged() == 0
    client.v1.billing.meter_events.create(
        {"event_name": "calls", "payload": {"stripe_customer_id": customer, "value": "400"}}
    )
    client.v1.invoice_items.create({"customer": customer, "amount": 700, "currency": "usd"})
    preview = client.v1.invoices.create_preview(
        {"subscription": made.id, "subscription_details": {"cancel_now": True}}
    )
    assert preview.amount_due == 1900
    gone = client.v1.subscriptions.cancel(made.id, {"invoice_now": True, "prorate": True})
    assert (gone.status, sandbox.charged()) == ("canceled", 1900)


def test_a_paused_subscription_resumes_with_a_bill(client: Any, sandbox: Sandbox) -> None:
    customer = client.v1.customers.create().id
    made = subscribe(
        client, customer, monthly(client), trial_period_days=7,
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}},
    )  # fmt: skip
    assert sandbox.control("POST", "advance", {"subscription": made.id})["status"] == "paused"
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    client.v1.subscriptions.update(made.id, {"default_payment_method": method.id})
    after = client.v1.subscriptions.resume(made.id)
    assert (after.status, sandbox.charged()) == ("active", 2000)


def test_items_come_and_go(client: Any, sandbox: Sandbox) -> None:
    made = subscribe(client, payer(client), monthly(client))
    item = client.v1.subscription_items.create(
        {"subscription": made.id, "price": monthly(client, 1000), "quantity": 2}
    )
    listed = client.v1.subscription_items.list({"subscription": made.id}).data
    assert {i.id for i in listed} == {item.id, made["items"].data[0].id}
    assert client.v1.subscription_items.delete(item.id).deleted
    assert sandbox.charged() == 2000


# Prices.


def test_tiers_and_decimals(client: Any, sandbox: Sandbox) -> None:
    tiers: Any = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount_decimal": "0.5"}]
    price = monthly(client, tiers=tiers, tiers_mode="graduated", billing_scheme="tiered")
    hidden = client.v1.prices.retrieve(price)
    assert "tiers" not in hidden.to_dict()
    shown = client.v1.prices.retrieve(price, {"expand": ["tiers"]})
    assert [tier.up_to for tier in shown.tiers] == [10, None]
    details: Any = {"items": [{"price": price, "quantity": 21}]}
    preview = client.v1.invoices.create_preview(
        {"customer": "cus_1", "subscription_details": details}
    )
    assert preview.amount_due == 1006
    volume = monthly(client, tiers=tiers, tiers_mode="volume", billing_scheme="tiered")
    details = {"items": [{"price": volume, "quantity": 201}]}
    preview = client.v1.invoices.create_preview(
        {"customer": "cus_1", "subscription_details": details}
    )
    assert preview.amount_due == 101


def test_coupons_taxes_and_plans(client: Any, sandbox: Sandbox) -> None:
    coupon = client.v1.coupons.create({"percent_off": 25, "duration": "forever"})
    rate = client.v1.tax_rates.create({"display_name": "VAT", "inclusive": False, "percentage": 20})
    plan = client.v1.plans.create(
        {"amount": 4000, "currency": "usd", "interval": "month", "product": {"name": "P"}}
    )
    terms: Any = {"discounts": [{"coupon": coupon.id}], "default_tax_rates": [rate.id]}
    made = client.v1.subscriptions.create(
        {"customer": payer(client), "items": [{"plan": plan.id}], **terms}
    )
    assert sandbox.charged() == 3600
    invoice = client.v1.invoices.retrieve(made.latest_invoice)
    assert (invoice.subtotal, invoice.total, invoice.total_excluding_tax) == (4000, 3600, 3000)


def test_other_currencies_of_a_price(client: Any, sandbox: Sandbox) -> None:
    price = monthly(client, 2000, currency_options={"eur": {"unit_amount": 1800}})
    subscribe(client, payer(client), price, currency="eur")
    assert sandbox.stats()["charged"] == {"eur": 1800}
    with pytest.raises(stripe.InvalidRequestError, match="only supports"):
        subscribe(client, payer(client), price, currency="gbp")


# Invoices.


def test_an_invoice_from_items_to_paid(client: Any, sandbox: Sandbox) -> None:
    customer = payer(client)
    client.v1.invoice_items.create({"customer": customer, "amount": 1500, "currency": "usd"})
    client.v1.invoice_items.create(
        {"customer": customer, "unit_amount_decimal": "12.5", "quantity": 4, "currency": "usd"}
    )
    draft = client.v1.invoices.create(
        {"customer": customer, "pending_invoice_items_behavior": "include", "auto_advance": False}
    )
    assert (draft.status, draft.amount_due) == ("draft", 1550)
    lines: Any = [{"amount": 450, "description": "more"}]
    assert client.v1.invoices.add_lines(draft.id, {"lines": lines}).amount_due == 2000
    opened = client.v1.invoices.finalize_invoice(draft.id)
    assert (opened.status, opened.amount_remaining, sandbox.charged()) == ("open", 2000, 0)
    paid = client.v1.invoices.pay(draft.id)
    assert (paid.status, paid.amount_paid, sandbox.charged()) == ("paid", 2000, 2000)
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        client.v1.invoices.pay(draft.id)


def test_finalizing_can_collect_by_itself(client: Any, sandbox: Sandbox) -> None:
    customer = payer(client)
    draft = client.v1.invoices.create({"customer": customer, "auto_advance": True})
    client.v1.invoice_items.create(
        {"customer": customer, "amount": 900, "currency": "usd", "invoice": draft.id}
    )
    lines: Any = [{"amount": 900}]
    client.v1.invoices.add_lines(draft.id, {"lines": lines})
    assert client.v1.invoices.finalize_invoice(draft.id).status == "open"
    assert client.v1.invoices.retrieve(draft.id).status == "paid"
    later = client.v1.invoices.create({"customer": customer, "auto_advance": True})
    client.v1.invoices.add_lines(later.id, {"lines": lines})
    assert sandbox.control("POST", "advance", {"invoice": later.id})["status"] == "paid"
    assert sandbox.charged() == 2700


def test_an_invoice_that_is_sent_is_paid_by_its_payer(client: Any, sandbox: Sandbox) -> None:
    draft = client.v1.invoices.create(
        {"customer": "cus_1", "collection_method": "send_invoice", "days_until_due": 5}
    )
    lines: Any = [{"amount": 900}]
    client.v1.invoices.add_lines(draft.id, {"lines": lines})
    assert client.v1.invoices.send_invoice(draft.id).status == "open"
    sandbox.control("POST", "pay", {"invoice": draft.id})
    assert (client.v1.invoices.retrieve(draft.id).status, sandbox.charged()) == ("paid", 900)


def test_the_ends_that_charge_nobody(client: Any, sandbox: Sandbox) -> None:
    lines: Any = [{"amount": 900}]

    def opened() -> str:
        draft = client.v1.invoices.create({"customer": "cus_1"})
        client.v1.invoices.add_lines(draft.id, {"lines": lines})
        client.v1.invoices.finalize_invoice(draft.id, {"auto_advance": False})
        return str(draft.id)

    assert client.v1.invoices.void_invoice(opened()).status == "void"
    assert client.v1.invoices.mark_uncollectible(opened()).status == "uncollectible"
    assert client.v1.invoices.pay(opened(), {"paid_out_of_band": True}).status == "paid"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.pay(opened())
    assert sandbox.charged() == 0
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(opened(), {"payment_method": "pm_card_chargeDeclined"})


def test_what_a_customer_is_owed_lowers_the_next_invoice(client: Any, sandbox: Sandbox) -> None:
    customer = payer(client)
    client.v1.customers.balance_transactions.create(customer, {"amount": -1500, "currency": "usd"})
    made = subscribe(client, customer, monthly(client), expand=["latest_invoice"])
    assert (made.latest_invoice.total, made.latest_invoice.amount_paid) == (2000, 500)
    assert (sandbox.charged(), client.v1.customers.retrieve(customer).balance) == (500, 0)


def test_a_bill_too_small_to_charge_waits(client: Any, sandbox: Sandbox) -> None:
    customer = payer(client)
    subscribe(client, customer, monthly(client, 30))
    assert (sandbox.charged(), client.v1.customers.retrieve(customer).balance) == (0, 30)


def test_credit_notes_give_money_or_credit(client: Any, sandbox: Sandbox) -> None:
    customer = payer(client)
    made = subscribe(client, customer, monthly(client))
    asked: Any = {
        "invoice": made.latest_invoice, "amount": 900, "refund_amount": 600, "credit_amount": 300,
    }  # fmt: skip
    seen = client.v1.credit_notes.preview(asked)
    assert (seen.amount, sandbox.stats()["refunded"]) == (900, {})
    note = client.v1.credit_notes.create(asked)
    assert (note.post_payment_amount, len(note.refunds)) == (900, 1)
    assert sandbox.stats()["outflow"] == {"usd": 600}
    assert client.v1.customers.retrieve(customer).balance == -300
    with pytest.raises(stripe.InvalidRequestError, match="must equal"):
        client.v1.credit_notes.create({**asked, "refund_amount": 1})


# Schedules and quotes.


def test_a_schedule_that_begins_now_charges(client: Any, sandbox: Sandbox) -> None:
    customer, price = payer(client), monthly(client)
    phases: Any = [{"items": [{"price": price, "quantity": 2}]}]
    preview = client.v1.invoices.create_preview(
        {"customer": customer, "schedule_details": {"phases": phases}}
    )
    assert preview.amount_due == 4000
    made = client.v1.subscription_schedules.create(
        {"customer": customer, "start_date": "now", "phases": phases}
    )
    assert (made.status, sandbox.charged()) == ("active", 4000)
    later = client.v1.subscription_schedules.create(
        {"customer": customer, "start_date": 4_000_000_000, "phases": phases}
    )
    assert (later.status, sandbox.charged()) == ("not_started", 4000)
    sandbox.control("POST", "advance", {"subscription_schedule": later.id})
    assert sandbox.charged() == 8000
    assert client.v1.subscription_schedules.cancel(made.id).status == "canceled"


def test_a_quote_is_an_offer_until_it_is_accepted(client: Any, sandbox: Sandbox) -> None:
    items: Any = [{"price": monthly(client), "quantity": 2}]
    quote = client.v1.quotes.create({"customer": payer(client), "line_items": items})
    assert (quote.status, quote.amount_total) == ("draft", 4000)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.quotes.accept(quote.id)
    client.v1.quotes.finalize_quote(quote.id)
    assert sandbox.charged() == 0
    done = client.v1.quotes.accept(quote.id)
    assert (done.status, sandbox.charged()) == ("accepted", 4000)
    assert done.subscription.startswith("sub_")


# Pages.


def test_a_checkout_session_charges_once_a_payer_comes(client: Any, sandbox: Sandbox) -> None:
    items: Any = [
        {
            "price_data": {
                "currency": "usd",
                "product_data": {"name": "Hat"},
                "unit_amount": 1500,
            },
            "quantity": 2,
            "adjustable_quantity": {"enabled": True, "maximum": 5},
        }
    ]
    made = client.v1.checkout.sessions.create({"mode": "payment", "line_items": items})
    assert (made.status, made.amount_total, sandbox.charged()) == ("open", 3000, 0)
    with pytest.raises(ValueError, match="must be"):
        sandbox.control("POST", "pay", {"checkout_session": made.id, "quantities": {"0": 6}})
    paid = sandbox.control("POST", "pay", {"checkout_session": made.id, "quantities": {"0": 5}})
    assert (paid["status"], paid["amount_total"], sandbox.charged()) == ("complete", 7500, 7500)
    other = client.v1.checkout.sessions.create({"mode": "payment", "line_items": items})
    assert client.v1.checkout.sessions.expire(other.id).status == "expired"
    with pytest.raises(ValueError, match="expired"):
        sandbox.control("POST", "pay", {"checkout_session": other.id})
    listed = client.v1.checkout.sessions.line_items.list(made.id).data
    assert [item.quantity for item in listed] == [5]


def test_a_session_sells_a_subscription(client: Any, sandbox: Sandbox) -> None:
    items: Any = [{"price": monthly(client), "quantity": 1}]
    made = client.v1.checkout.sessions.create({"mode": "subscription", "line_items": items})
    paid = sandbox.control("POST", "pay", {"checkout_session": made.id})
    assert (paid["payment_status"], sandbox.charged()) == ("paid", 2000)
    assert client.v1.subscriptions.retrieve(paid["subscription"]).status == "active"


def test_a_payment_link_sells_until_its_limit(client: Any, sandbox: Sandbox) -> None:
    price = client.v1.prices.create(
        {"currency": "usd", "product_data": {"name": "Hat"}, "unit_amount": 800}
    )
    items: Any = [{"price": price.id, "quantity": 1}]
    restrictions: Any = {"completed_sessions": {"limit": 2}}
    link = client.v1.payment_links.create({"line_items": items, "restrictions": restrictions})
    for _ in range(2):
        sandbox.control("POST", "pay", {"payment_link": link.id})
    with pytest.raises(ValueError, match="no longer active"):
        sandbox.control("POST", "pay", {"payment_link": link.id})
    after = client.v1.payment_links.retrieve(link.id)
    assert (after.active, after.restrictions.completed_sessions.count) == (False, 2)
    assert sandbox.charged() == 1600
    sessions = client.v1.checkout.sessions.list({"payment_link": link.id}).data
    assert [session.amount_total for session in sessions] == [800, 800]


# The merchant's own money.


def test_transfers_and_their_reversals(client: Any, sandbox: Sandbox) -> None:
    made = client.v1.transfers.create(
        {"amount": 4000, "currency": "usd", "destination": "acct_1Other"},
        {"idempotency_key": "pay-them"},
    )
    event = client.v1.events.list({"type": "transfer.created"}).data[0]
    assert (event.data.object.id, event.request.idempotency_key) == (made.id, "pay-them")
    back = client.v1.transfers.reversals.create(made.id, {"amount": 1000})
    assert client.v1.transfers.reversals.retrieve(made.id, back.id).amount == 1000
    with pytest.raises(stripe.InvalidRequestError, match="greater"):
        client.v1.transfers.reversals.create(made.id, {"amount": 3001})
    client.v1.transfers.reversals.create(made.id)
    assert client.v1.transfers.retrieve(made.id).reversed is True
    stats = sandbox.stats()
    assert (stats["outflow"], stats["inflow"]) == ({"usd": 4000}, {"usd": 4000})
    assert stats["charged"] == {}


def test_payouts_and_top_ups(client: Any, sandbox: Sandbox) -> None:
    first = client.v1.payouts.create({"amount": 5000, "currency": "usd"})
    assert client.v1.payouts.cancel(first.id).status == "canceled"
    second = client.v1.payouts.create({"amount": 700, "currency": "usd", "method": "instant"})
    assert sandbox.control("POST", "bank", {"payout": second.id, "status": "paid"})
    fee = client.v1.balance_transactions.retrieve(second.balance_transaction)
    assert (fee.amount, fee.fee) == (-700, 50)
    assert client.v1.payouts.reverse(second.id).amount == -700
    assert sandbox.stats()["outflow"] == {"usd": 5700}
    added = client.v1.topups.create({"amount": 900, "currency": "usd"})
    assert client.v1.topups.cancel(added.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="divisible"):
        client.v1.payouts.create({"amount": 150, "currency": "huf"})


def test_disputes_and_application_fees(client: Any, sandbox: Sandbox) -> None:
    charge = client.v1.charges.create(
        {"amount": 3000, "currency": "usd", "source": "tok_visa", "application_fee_amount": 300}
    )
    fee = client.v1.application_fees.list({"charge": charge.id}).data[0]
    client.v1.application_fees.refunds.create(fee.id, {"amount": 100})
    opened = sandbox.control("POST", "dispute", {"charge": charge.id, "reason": "fraudulent"})
    assert sandbox.stats()["outflow"] == {"usd": 100}
    assert client.v1.disputes.close(opened["id"]).status == "lost"
    assert sandbox.stats()["outflow"] == {"usd": 3100}


# v2.


def flow(value: Any = 1000) -> dict[str, Any]:
    return {
        "amount": {"value": value, "currency": "usd"},
        "from": {"currency": "usd", "financial_account": "fa_1"},
        "to": {"recipient": "acct_1", "currency": "usd"},
    }


def test_v2_money_leaves_by_json(client: Any, sandbox: Sandbox) -> None:
    made = client.v2.money_management.outbound_payments.create(flow())
    assert (made.status, made.amount.value) == ("processing", 1000)
    sandbox.control("POST", "bank", {"outbound_payment": made.id, "status": "posted"})
    assert client.v2.money_management.outbound_payments.retrieve(made.id).status == "posted"
    intent = client.v2.money_management.payout_intents.create(
        {**flow("2500"), "confirmation_method": "manual"}
    )
    assert (intent.status, sandbox.stats()["outflow"]) == ("requires_action", {"usd": 1000})
    done = client.v2.money_management.payout_intents.confirm(intent.id)
    assert done.latest_payout.outbound_payment.startswith("obp_")
    assert sandbox.stats()["outflow"] == {"usd": 3500}
    listed = client.v2.money_management.outbound_payments.list({"limit": 1})
    assert [item.amount.value for item in listed.auto_paging_iter()] == [2500, 1000]


def test_v2_replays_show_the_present_and_failures_run_again(client: Any, sandbox: Sandbox) -> None:
    key: Any = {"idempotency_key": "once"}
    first = client.v2.money_management.outbound_payments.create(flow(), key)
    sandbox.control("POST", "bank", {"outbound_payment": first.id, "status": "posted"})
    again = client.v2.money_management.outbound_payments.create(flow(), key)
    assert (again.id, again.status) == (first.id, "posted")
    other: Any = {"idempotency_key": "twice"}
    with pytest.raises(stripe.StripeError):
        client.v2.money_management.outbound_payments.create(flow(-5), other)
    client.v2.money_management.outbound_payments.create(flow(), other)
    assert sandbox.stats()["outflow"] == {"usd": 2000}


def test_events_are_found_by_type_time_and_cursor(client: Any, sandbox: Sandbox) -> None:
    for amount in (100, 200, 300):
        client.v1.payouts.create({"amount": amount, "currency": "usd"})
    first = client.v1.events.list({"type": "payout.created", "limit": 2})
    assert (first.has_more, [e.data.object.amount for e in first.data]) == (True, [300, 200])
    rest = client.v1.events.list(
        {"type": "payout.created", "starting_after": first.data[-1].id, "created": {"gte": 1}}
    )
    assert [event.data.object.amount for event in rest.data] == [100]
    assert client.v1.events.list({"created": {"gte": 4_000_000_000}}).data == []


def test_the_legacy_names_do_the_same(client: Any, sandbox: Sandbox) -> None:
    customer, price = payer(client), monthly(client)
    path = f"/v1/customers/{customer}/subscriptions"
    made = post(sandbox, path, {"items[0][price]": price})
    assert (made["status"], sandbox.charged()) == ("active", 2000)
    status, _, body = sandbox.request(
        "DELETE", f"{path}/{made['id']}?invoice_now=true", authorization=f"Bearer {KEY}"
    )
    assert (status, json.loads(body)["status"]) == (200, "canceled")
