"""The merchant's own money on the move: transfers, payouts, top-ups, fees and disputes, climate
orders, treasury and issuing.

Money leaving counts, and so does money that is pulled back from a connected account or from the
merchant's own bank: direction is no reason to leave a sum out of a cap.

| operation | quote |
| --- | --- |
| transfer | `amount`; without one, all of the charge that `source_transaction` names |
| transfer reversal, application fee refund (and its legacy twin) | `amount`, or all that is left |
| payout, top-up, treasury transfers and payments | `amount` |
| reverse a payout; reverse a received credit or debit | all of it, by look-up |
| close a dispute (and its legacy twin) | the disputed amount, given up for good |
| climate order | `amount`; one in `metric_tons` has no price in the request: unpriced |
| approve an issuing authorization | `amount`, or what the card asks for |

Stripe's own fee for an instant payout (`method=instant`) is in no answer and is not counted, like
all of its fees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, End, Lookup, Quote, Reading, Unpriced, Unreadable
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    ALONE,
    BOTH,
    NEITHER,
    Quoters,
    found_charge,
    needed_currency,
    nothing_more,
    of_stored,
    one_sum,
    path_id,
    stated,
)
from vendors.stripe.moved import (
    Kind,
    Movement,
    at_quote,
    emits,
    named_id,
    shows,
    states,
    stores,
)
from vendors.stripe.things import Unclear, check_kind, read_object, reference
from vendors.stripe.verdicts import (
    Emits,
    Settler,
    Tree,
    Verdict,
    check_reference,
    held,
    named,
)

TRANSFER: Final = Kind("transfer", "/v1/transfers/", back="amount_reversed")
REVERSAL: Final = Kind("transfer_reversal")
PAYOUT: Final = Kind("payout", "/v1/payouts/", signed=True)
TOPUP: Final = Kind("topup")
FEE: Final = Kind("application_fee", "/v1/application_fees/", back="amount_refunded")
FEE_REFUND: Final = Kind("fee_refund")
DISPUTE: Final = Kind("dispute", "/v1/disputes/")
CLIMATE_ORDER: Final = Kind("climate.order", amount=("amount_total",))
OUTBOUND_PAYMENT: Final = Kind("treasury.outbound_payment")
OUTBOUND_TRANSFER: Final = Kind("treasury.outbound_transfer")
INBOUND_TRANSFER: Final = Kind("treasury.inbound_transfer")
CREDIT_REVERSAL: Final = Kind("treasury.credit_reversal")
DEBIT_REVERSAL: Final = Kind("treasury.debit_reversal")
_RECEIVED_CREDIT: Final = Kind("treasury.received_credit", "/v1/treasury/received_credits/")
_RECEIVED_DEBIT: Final = Kind("treasury.received_debit", "/v1/treasury/received_debits/")
_AUTHORIZATION: Final = Kind(
    "issuing.authorization",
    "/v1/issuing/authorizations/",
    ("pending_request", "amount"),
    ("pending_request", "currency"),
)
_DECIDED: Final = frozenset({"lost", "won", "warning_closed", "prevented", "charge_refunded"})
"""Statuses of a dispute that can be closed no more."""


def _transfer(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """A transfer without an amount passes on all of its charge, if it is in the charge's
    currency."""
    fields = reading.fields
    if "amount" in fields or not fields.get("source_transaction"):
        return stated(fields, rates, "a transfer of")
    currency = needed_currency(fields)
    charge = found_charge(named_id(reading, "source_transaction"), found)
    if isinstance(charge, Lookup):
        return charge
    if charge.currency != currency:
        raise Unreadable("amount", f"missing, and {charge.id} is in another currency")
    amount = max(charge.amount, charge.captured_amount)
    return one_sum(amount, currency, rates, f"a transfer of all of {charge.id},")


def _climate_order(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote:
    if "metric_tons" in reading.fields:
        raise Unpriced("metric_tons has no price in the request; order by amount and currency")
    return stated(reading.fields, rates, "a climate order of")


def _close_by_charge(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """The legacy twin names the charge: the largest of its open disputes."""
    charge_id = path_id(reading)
    if not found:
        return Lookup(f"/v1/disputes?charge={charge_id}&limit=100", "what is disputed is at Stripe")
    try:
        disputes = _disputes(read_object(found[0].body), charge_id)
    except Unclear as exc:
        raise Unpriced(f"looking up the disputes of {charge_id}: {exc}") from exc
    if not disputes:
        return nothing_more(charge_id, "not disputed any more")
    largest = max(disputes, key=lambda each: each.amount)
    return of_stored(
        reading.fields, largest.currency, largest.left, None, rates, "giving up a dispute of"
    )


def _disputes(tree: Tree, charge_id: str) -> list[Movement]:
    """The open ones of a charge, all in one currency."""
    data = tree.get("data")
    if not isinstance(data, list) or tree.get("has_more") is not False:
        raise Unclear("not a whole list of disputes")
    disputes = []
    for each in data:
        if not isinstance(each, dict):
            raise Unclear("not a list of disputes")
        check_reference(charge_id, reference(each, "charge"))
        disputes.append(DISPUTE.read(each))
    if len({each.currency for each in disputes}) > 1:
        raise Unclear("disputes in several currencies")
    return [each for each in disputes if each.status not in _DECIDED]


def _approved(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    """The authorization shows sums of several requests; this one counts at its quote."""
    check_kind(tree, _AUTHORIZATION.name)
    check_reference(reading.operation.object_id, reference(tree, "id"))
    if tree.get("approved") is False:
        return Verdict(End.RELEASED, label=named(tree))
    return at_quote(reading, quote, tree)


_AUTHORIZATIONS: Final = "PostIssuingAuthorizationsAuthorization"

QUOTERS: Final[Quoters] = {
    "PostTransfers": (_transfer, BOTH),
    "PostTransfersIdReversals": (stores("a transfer reversal of", TRANSFER), ALONE),
    "PostPayouts": (states("a payout of"), BOTH),
    "PostPayoutsPayoutReverse": (stores("reversing a payout of", PAYOUT), NEITHER),
    "PostTopups": (states("a top-up of"), BOTH),
    "PostApplicationFeesIdRefunds": (stores("an application fee refund of", FEE), ALONE),
    "PostApplicationFeesIdRefund": (stores("an application fee refund of", FEE), ALONE),
    "PostDisputesDisputeClose": (
        stores("giving up a dispute of", DISPUTE, over=_DECIDED),
        NEITHER,
    ),
    "PostChargesChargeDisputeClose": (_close_by_charge, NEITHER),
    "PostClimateOrders": (_climate_order, BOTH),
    "PostTreasuryOutboundPayments": (states("an outbound payment of"), BOTH),
    "PostTreasuryOutboundTransfers": (states("an outbound transfer of"), BOTH),
    "PostTreasuryInboundTransfers": (states("an inbound transfer of"), BOTH),
    "PostTreasuryCreditReversals": (
        stores("reversing a credit of", _RECEIVED_CREDIT, "received_credit"),
        NEITHER,
    ),
    "PostTreasuryDebitReversals": (
        stores("reversing a debit of", _RECEIVED_DEBIT, "received_debit"),
        NEITHER,
    ),
    f"{_AUTHORIZATIONS}Approve": (stores("a card authorization of", _AUTHORIZATION), ALONE),
}

SETTLERS: Final[Mapping[str, Settler]] = {
    "PostTransfers": shows(TRANSFER),
    "PostTransfersIdReversals": shows(REVERSAL, "transfer"),
    "PostPayouts": shows(PAYOUT),
    "PostPayoutsPayoutReverse": shows(PAYOUT, "original_payout"),
    "PostTopups": shows(TOPUP),
    "PostApplicationFeesIdRefunds": shows(FEE_REFUND, "fee"),
    "PostApplicationFeesIdRefund": at_quote,
    "PostDisputesDisputeClose": shows(DISPUTE, "id"),
    "PostChargesChargeDisputeClose": shows(DISPUTE, "charge"),
    "PostClimateOrders": shows(CLIMATE_ORDER),
    "PostTreasuryOutboundPayments": shows(OUTBOUND_PAYMENT),
    "PostTreasuryOutboundTransfers": shows(OUTBOUND_TRANSFER),
    "PostTreasuryInboundTransfers": shows(INBOUND_TRANSFER),
    "PostTreasuryCreditReversals": shows(CREDIT_REVERSAL),
    "PostTreasuryDebitReversals": shows(DEBIT_REVERSAL),
    f"{_AUTHORIZATIONS}Approve": _approved,
}

_CLOSES: Final = Emits(("charge.dispute.closed",), held, always=False)
_FEES: Final = Emits(("application_fee.refunded",), held)

EMITS: Final[Mapping[str, Emits]] = {
    "PostTransfers": emits(TRANSFER, "transfer.created"),
    "PostTransfersIdReversals": Emits(("transfer.reversed",), held),
    "PostPayouts": emits(PAYOUT, "payout.created"),
    "PostPayoutsPayoutReverse": Emits(("payout.created", "payout.updated"), held, always=False),
    "PostTopups": emits(TOPUP, "topup.created"),
    "PostApplicationFeesIdRefunds": _FEES,
    "PostApplicationFeesIdRefund": _FEES,
    "PostDisputesDisputeClose": _CLOSES,
    "PostChargesChargeDisputeClose": _CLOSES,
    "PostClimateOrders": emits(CLIMATE_ORDER, "climate.order.created"),
    "PostTreasuryOutboundPayments": emits(OUTBOUND_PAYMENT, "treasury.outbound_payment.created"),
    "PostTreasuryOutboundTransfers": emits(OUTBOUND_TRANSFER, "treasury.outbound_transfer.created"),
    "PostTreasuryInboundTransfers": emits(INBOUND_TRANSFER, "treasury.inbound_transfer.created"),
    "PostTreasuryCreditReversals": emits(CREDIT_REVERSAL, "treasury.credit_reversal.created"),
    "PostTreasuryDebitReversals": emits(DEBIT_REVERSAL, "treasury.debit_reversal.created"),
    f"{_AUTHORIZATIONS}Approve": Emits(("issuing_authorization.updated",), held, always=False),
}
"""Where an event may come later, of no request, it says nothing when it is missing."""
