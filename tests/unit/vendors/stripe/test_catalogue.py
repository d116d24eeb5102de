"""The catalogue: every writing operation has a class, and no path slips past its row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vendors.contract import Money
from vendors.stripe.catalogue import CATALOGUE, GUARDED
from vendors.stripe.quote import QUOTERS
from vendors.stripe.settle import SETTLERS

FACTS = Path(__file__).parents[5] / "shared" / "vendors" / "data" / "stripe_post_operations.json"


@pytest.mark.parametrize(
    ("method", "path", "name", "money"),
    [
        ("POST", "/v1/payment_intents", "PostPaymentIntents", Money.PRICED),
        ("POST", "/v1/payment_intents/pi_1", "PostPaymentIntentsIntent", Money.PRICED),
        ("POST", "/v1/charges/ch_1/refund", "PostChargesChargeRefund", Money.PRICED),
        ("POST", "/v1/customers", "PostCustomers", Money.FREE),
        ("POST", "/v1/files", "PostFiles", Money.FREE),
        ("POST", "/v1/transfers", "PostTransfers", Money.PRICED),
        ("POST", "/v1/prices", "PostPrices", Money.FREE),
        ("POST", "/v1/prices/price_1", "PostPricesPrice", Money.PRICED),
        ("POST", "/v1/issuing/cards", "PostIssuingCards", Money.UNPRICED),
        ("POST", "/v1/billing/meter_events", "PostBillingMeterEvents", Money.UNPRICED),
        ("POST", "/v1/ephemeral_keys", "PostEphemeralKeys", Money.MINTS),
        ("POST", "/v1/webhook_endpoints/we_1", "PostWebhookEndpointsWebhookEndpoint", Money.MINTS),
        ("POST", "/v1/forwarding/requests", "PostForwardingRequests", Money.MINTS),
        ("POST", "/oauth/token", "PostOauthToken", Money.MINTS),
        ("DELETE", "/v1/customers/cus_1", "DeleteCustomersCustomer", Money.FREE),
        (
            "DELETE",
            "/v1/subscriptions/sub_1",
            "DeleteSubscriptionsSubscriptionExposedId",
            Money.PRICED,
        ),
        ("GET", "/v1/charges", "", Money.FREE),
        ("HEAD", "/v1/charges", "", Money.FREE),
        ("POST", "/v1/Charges", "", Money.UNPRICED),
        ("POST", "/v1/charges/", "", Money.UNPRICED),
        ("POST", "/v1/charges/ch_1/nothing", "", Money.UNPRICED),
        ("POST", "/", "", Money.UNPRICED),
        ("PUT", "/v1/charges", "", Money.UNPRICED),
        ("DELETE", "/v1/charges/ch_1", "", Money.UNPRICED),
    ],
)
def test_find(method: str, path: str, name: str, money: Money) -> None:
    operation = CATALOGUE.find(method, path)
    assert (operation.name, operation.money) == (name, money)
    assert operation.method == method
    assert operation.note or money is Money.FREE


def test_a_literal_goes_before_a_parameter_and_gives_way_to_it() -> None:
    preview = CATALOGUE.find("POST", "/v1/invoices/create_preview")
    assert (preview.name, preview.object_id) == ("PostInvoicesCreatePreview", None)
    pay = CATALOGUE.find("POST", "/v1/invoices/create_preview/pay")
    assert (pay.name, pay.object_id) == ("PostInvoicesInvoicePay", "create_preview")


def test_the_last_parameter_is_the_object() -> None:
    operation = CATALOGUE.find("POST", "/v1/charges/ch_1/refunds/re_1")
    assert operation.object_id == "re_1"
    assert operation.pattern == "/v1/charges/{charge}/refunds/{refund}"
    assert CATALOGUE.find("POST", "/v1/payment_intents/pi_1/capture").object_id == "pi_1"


def test_rows_are_found_by_their_own_pattern_and_are_unique() -> None:
    seen = set()
    for row in CATALOGUE.rows:
        path = row.pattern.replace("{", "").replace("}", "")
        assert CATALOGUE.find(row.method, path).name == row.name
        assert row.note
        seen.add((row.method, row.pattern))
    assert len(seen) == len(CATALOGUE.rows) >= 352 + 34


def test_what_is_priced_has_a_quote_and_a_settlement() -> None:
    priced = {row.name for row in CATALOGUE.rows if row.money is Money.PRICED}
    assert priced == set(QUOTERS) == set(SETTLERS)


def test_a_class_is_all_priced_or_not_at_all_and_says_why() -> None:
    for row in CATALOGUE.rows:
        assert row.money in (Money.FREE, Money.PRICED, Money.UNPRICED, Money.MINTS)
        assert len(row.note) > 10


UNBOUNDED = {
    *("PostBillingMeterEvents", "PostBillingMeterEventAdjustments", "PostIssuingCards"),
    *("PostIssuingCardsCard", "PostIssuingCardholders", "PostIssuingCardholdersCardholder"),
    *("PostSubscriptionItemsSubscriptionItemUsageRecords", "PostV2BillingMeterEvents"),
    *("PostV2BillingMeterEventAdjustments", "PostV2BillingMeterEventStream"),
    *("PostAccountsAccountBankAccounts", "PostAccountsAccountBankAccountsId"),
    *("PostAccountsAccountExternalAccounts", "PostAccountsAccountExternalAccountsId"),
    *("PostBalanceSettings", "PostTreasuryFinancialAccountsFinancialAccountClose"),
}


def test_what_cannot_be_bounded_is_unpriced() -> None:
    unpriced = {row.name for row in CATALOGUE.rows if row.money is Money.UNPRICED}
    assert unpriced >= UNBOUNDED


MOVES = frozenset(
    {
        *("charge_now", "charge_if_confirmed", "charge_by_reference", "capture_by_reference"),
        *("raise_hold", "changes_stored_amount", "commit_later", "subscription", "draft", "usage"),
        *("outflow", "outflow_own", "inflow", "inflow_own", "credit", "spend_power"),
    }
)


def test_what_the_facts_call_money_is_never_free() -> None:
    """Where the collected facts lie beside the checkout."""
    facts = json.loads(FACTS.read_text("utf-8"))["operations"] if FACTS.exists() else ()
    for fact in facts:
        row = CATALOGUE.find("POST", fact["path"].replace("{", "").replace("}", ""))
        if fact["money"] in MOVES:
            assert row.money in (Money.PRICED, Money.UNPRICED), fact["path"]
        if fact["money"] == "escape":
            assert row.money is Money.MINTS, fact["path"]


def test_guards_stand_on_free_operations() -> None:
    free = {row.name for row in CATALOGUE.rows if row.money is Money.FREE}
    assert set(GUARDED) <= free


def test_every_posting_operation_of_stripes_is_listed() -> None:
    """Against the collected facts where they lie beside the checkout, else against their number."""
    listed = {(row.method, row.pattern) for row in CATALOGUE.rows}
    posts = {pattern for method, pattern in listed if method == "POST"}
    known = posts
    if FACTS.exists():
        known = {o["path"] for o in json.loads(FACTS.read_text("utf-8"))["operations"]}
    assert known <= posts
    assert len(posts) == 354


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_that_shows_a_credential_is_no_free_read(method: str) -> None:
    for path in ("/v1/issuing/cards/ic_1", "/v1/apps/secrets/find"):
        operation = CATALOGUE.find(method, path)
        assert (operation.money, operation.method) == (Money.MINTS, method)
    for path in ("/v1/issuing/cards", "/v1/issuing/cards/ic_1/x", "/v1/customers/cus_1"):
        assert CATALOGUE.find(method, path).money is Money.FREE
