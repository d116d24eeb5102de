"""Calls in doubt; test_vectors has the cases. Here: that the table of events is whole."""

from __future__ import annotations

from vendors.contract import Doubt, Lookup
from vendors.stripe import STRIPE, charges, credit, outflows, refunds
from vendors.stripe.quote import QUOTERS
from vendors.stripe.search import EMITS, search

BY_OBJECT = {"PostChargesChargeCapture"}
SILENT = {"PostCustomersCustomerBalanceTransactions", "PostBillingCreditGrantsId"}
"""They leave no event of their own."""


def test_what_moves_money_can_be_found_again_by_an_event_or_by_its_object() -> None:
    moving = {
        name for topic in (charges, refunds, outflows, credit) for name in dict(topic.QUOTERS)
    }
    assert moving - set(EMITS) == BY_OBJECT | SILENT
    assert set(EMITS) <= set(QUOTERS)


def test_the_window_begins_a_minute_early() -> None:
    doubt = Doubt("call_1", "PostTransfers", at_us=120_999_999, vendor_key="k")
    found = search(doubt, ())
    assert isinstance(found, Lookup)
    assert "created%5Bgte%5D=60&" in found.target
    assert STRIPE.search(doubt, ()) == found
