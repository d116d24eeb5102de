"""The tables of Billing are whole: each operation has a price, an ending and a class."""

from __future__ import annotations

import pytest

from vendors.contract import Money
from vendors.stripe import STRIPE
from vendors.stripe.billing import EMITS, LEFTOVERS, QUOTERS, REREADERS, SETTLERS
from vendors.stripe.catalogue import CATALOGUE

ROOTS = (
    *("/v1/invoices", "/v1/invoiceitems", "/v1/subscriptions", "/v1/subscription_items"),
    *("/v1/subscription_schedules", "/v1/quotes", "/v1/checkout", "/v1/payment_links"),
    "/v1/customers/{customer}/subscriptions",
)
FREE = {
    "PostInvoicesCreatePreview": "changes nothing",
    "PostInvoicesInvoiceMarkUncollectible": "it stays due",
    "PostSubscriptionSchedulesScheduleRelease": "the subscription goes on",
    "PostSubscriptionsSubscriptionMigrate": "the subscription goes on",
    "DeleteSubscriptionsSubscriptionExposedIdDiscount": "only renewals grow",
    "DeleteCustomersCustomerSubscriptionsSubscriptionExposedIdDiscount": "only renewals grow",
}
ROWS = [row for row in CATALOGUE.rows if row.pattern.startswith(ROOTS)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_operation_of_billing_has_a_price_or_a_reason(row: object) -> None:
    name, money = getattr(row, "name"), getattr(row, "money")  # noqa: B009
    if money is Money.PRICED:
        assert name in QUOTERS
        assert name in SETTLERS
    elif money is Money.UNPRICED:
        assert name == "PostSubscriptionItemsSubscriptionItemUsageRecords"
    else:
        assert name in FREE


def test_the_tables_speak_of_the_same_operations() -> None:
    assert QUOTERS.keys() == SETTLERS.keys()
    assert QUOTERS.keys() == {row.name for row in ROWS if row.money is Money.PRICED}
    assert LEFTOVERS.keys() <= QUOTERS.keys()
    assert EMITS.keys() <= QUOTERS.keys()


@pytest.mark.parametrize("beginning", sorted(REREADERS))
def test_every_object_is_read_again_under_its_path(beginning: str) -> None:
    lookup = STRIPE.object_lookup(f"{beginning}1")
    assert lookup is not None
    assert lookup.target == f"{REREADERS[beginning][0]}{beginning}1"
    assert CATALOGUE.find("GET", lookup.target).money is Money.FREE
