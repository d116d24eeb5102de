"""Endpoints that move the merchant's money otherwise than by charging a payer."""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.stripe import credit_notes, disputes, fees, lists, payouts, transfers
from bench.sandbox.stripe.endpoint import Endpoint, endpoints


def _table() -> dict[str, tuple[Any, ...]]:
    pay = ("amount", "currency")
    table: dict[str, tuple[Any, ...]] = {
        "POST transfers": (transfers.create, transfers.CREATE, ("currency", "destination")),
        "GET transfers": (
            lists.lister("transfer", "destination", "transfer_group"),
            lists.spec("destination", "transfer_group"),
        ),
        "GET transfers/*": (transfers.retrieve, lists.PLAIN),
        "POST transfers/*": (transfers.update, transfers.UPDATE),
        "POST transfers/*/reversals": (transfers.reverse, transfers.REVERSE),
        "GET transfers/*/reversals": (transfers.list_reversals, lists.LIST),
        "GET transfers/*/reversals/*": (transfers.retrieve_reversal, lists.PLAIN),
        "POST transfers/*/reversals/*": (transfers.update_reversal, payouts.UPDATE),
        "POST payouts": (payouts.create, payouts.CREATE, pay),
        "GET payouts": (
            lists.lister("payout", "destination", "status"), lists.spec("destination", "status"),
        ),
        "GET payouts/*": (payouts.retrieve, lists.PLAIN),
        "POST payouts/*": (payouts.update, payouts.UPDATE),
        "POST payouts/*/cancel": (payouts.cancel, lists.PLAIN),
        "POST payouts/*/reverse": (payouts.reverse, payouts.UPDATE),
        "POST topups": (payouts.top_up, payouts.TOP_UP, pay),
        "GET topups": (lists.lister("topup", "status"), lists.spec("status")),
        "GET topups/*": (payouts.retrieve_top_up, lists.PLAIN),
        "POST topups/*": (payouts.update_top_up, payouts.UPDATE_TOP_UP),
        "POST topups/*/cancel": (payouts.cancel_top_up, lists.PLAIN),
        "GET application_fees": (lists.lister("application_fee", "charge"), lists.spec("charge")),
        "GET application_fees/*": (fees.retrieve, lists.PLAIN),
        "POST application_fees/*/refund": (fees.refund_whole, fees.REFUND),
        "POST application_fees/*/refunds": (fees.refund, fees.REFUND),
        "GET application_fees/*/refunds": (fees.list_refunds, lists.LIST),
        "GET application_fees/*/refunds/*": (fees.retrieve_refund, lists.PLAIN),
        "POST application_fees/*/refunds/*": (fees.update_refund, payouts.UPDATE),
        "GET disputes": (
            lists.lister("dispute", "charge", "payment_intent"),
            lists.spec("charge", "payment_intent"),
        ),
        "GET disputes/*": (disputes.retrieve, lists.PLAIN),
        "POST disputes/*": (disputes.update, disputes.UPDATE),
        "POST disputes/*/close": (disputes.close, lists.PLAIN),
        "GET charges/*/dispute": (disputes.retrieve_of_charge, lists.PLAIN),
        "POST charges/*/dispute": (disputes.update_of_charge, disputes.UPDATE),
        "POST charges/*/dispute/close": (disputes.close_of_charge, lists.PLAIN),
        "POST credit_notes": (credit_notes.create, credit_notes.CREATE, ("invoice",)),
        "GET credit_notes": (
            lists.lister("credit_note", "customer", "invoice"), lists.spec("customer", "invoice"),
        ),
        "GET credit_notes/preview": (credit_notes.preview, credit_notes.CREATE, ("invoice",)),
        "GET credit_notes/*": (lists.getter("credit_note"), lists.PLAIN),
        "POST credit_notes/*": (credit_notes.update, credit_notes.UPDATE),
        "POST credit_notes/*/void": (credit_notes.void, lists.PLAIN),
        "GET credit_notes/*/lines": (credit_notes.list_lines, lists.LIST),
    }  # fmt: skip
    return table


ENDPOINTS: Final[dict[str, Endpoint]] = endpoints(_table())
