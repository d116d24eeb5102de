"""What a refund can cost: money that goes back to a payer is money leaving, and counts.

A refund names its charge, its payment intent (then it is of the latest charge), or a customer's
cash balance; the legacy twins name the charge in their path. The currency is the charge's, so it is
always looked up. An amount that is left out means all that is left, and must be named while another
call could still make that more (an intent that is not through): between the look-up and the refund
it would. A refund of a charge that was never captured moves no money, but the answer does not tell
it from one that does, so it counts like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import (
    Answer,
    End,
    GivesBack,
    Lookup,
    Quote,
    Reading,
    Unpriced,
    Unreadable,
)
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    BOTH,
    Fields,
    Quoters,
    amount_of,
    check_found,
    checked_id,
    found_charge,
    of_stored,
    path_id,
    stated,
)
from vendors.stripe.things import (
    Refund,
    Unclear,
    read_charge,
    read_intent,
    read_object,
    read_refund,
)
from vendors.stripe.verdicts import (
    Emits,
    Rereaders,
    Settler,
    Tree,
    Verdict,
    check_id,
    check_reference,
    held,
    rate_of,
)

_WHAT: Final = "a refund of"
_COUNTS: Final = frozenset({"pending", "requires_action", "succeeded"})
_OVER: Final = frozenset({"failed", "canceled"})


def quote_refund(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """By charge, by intent (its latest charge), or out of a customer's cash balance."""
    fields = reading.fields
    charge_id, intent_id = fields.get("charge"), fields.get("payment_intent")
    if charge_id and intent_id:
        raise Unreadable("payment_intent", "name a charge or a payment intent, not both")
    if charge_id:
        return _refund_charge(fields, checked_id("charge", charge_id), rates, found)
    if intent_id:
        return _refund_intent(fields, checked_id("payment_intent", intent_id), rates, found)
    if fields.get("origin") == "customer_balance":
        return stated(fields, rates, "a refund from a customer's balance of")
    raise Unreadable("charge", "missing: name the charge or the payment intent to refund")


def quote_refund_by_path(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """The legacy twins, under the charge's path."""
    for name in ("charge", "payment_intent"):
        if name in reading.fields:
            raise Unreadable(name, "the path names the charge already")
    return _refund_charge(reading.fields, path_id(reading), rates, found)


def _refund_charge(
    fields: Fields, charge_id: str, rates: Rates, found: Sequence[Answer]
) -> Quote | Lookup:
    asked = amount_of(fields, "amount")
    charge = found_charge(charge_id, found)
    if isinstance(charge, Lookup):
        return charge
    if asked is None and charge.intent_id and not charge.over:
        raise _still_grows(charge.intent_id)
    return of_stored(fields, charge.currency, charge.refundable, asked, rates, _WHAT)


def _refund_intent(
    fields: Fields, intent_id: str, rates: Rates, found: Sequence[Answer]
) -> Quote | Lookup:
    asked = amount_of(fields, "amount")
    if not found:
        target = f"/v1/payment_intents/{intent_id}?expand%5B%5D=latest_charge"
        return Lookup(target, "the currency of a refund, and what is left to refund, are at Stripe")
    try:
        tree = read_object(found[0].body)
        intent = read_intent(tree)
        latest = tree.get("latest_charge")
        left = read_charge(latest).refundable if isinstance(latest, dict) else intent.received
    except Unclear as exc:
        raise Unpriced(f"looking up {intent_id}: {exc}") from exc
    check_found(intent.id, intent_id)
    if asked is None and not intent.over:
        raise _still_grows(intent_id)
    return of_stored(fields, intent.currency, left, asked, rates, _WHAT)


def _still_grows(intent_id: str) -> Unreadable:
    why = f"missing: what there is to refund of {intent_id} may still grow; name what you mean"
    return Unreadable("amount", why)


def settle_refund(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    """The legacy twin may answer with the whole charge: then the refund counts at its quote."""
    if tree.get("object") == "charge" and reading.operation.object_id is not None:
        charge = read_charge(tree)
        if charge.id != reading.operation.object_id:
            raise Unclear("the answer is about another object")
        return Verdict(End.SETTLED, quote.amount_micros, label=charge.id)
    refund = read_refund(tree)
    asked = reading.operation.object_id or reading.fields.get("charge")
    check_reference(asked, refund.charge_id)
    check_reference(reading.fields.get("payment_intent"), refund.intent_id)
    return _counted(quote, refund)


def of_refund(quote: Quote, tree: Tree) -> Verdict:
    """A refund that is read again. One that is still under way says nothing new. Raises Unclear."""
    refund = read_refund(tree)
    check_id(quote, refund.id)
    if refund.status in _COUNTS and refund.status != "succeeded":
        raise Unclear(f"the refund is still {refund.status}")
    return _counted(quote, refund)._replace(object_id=refund.id)


def _counted(quote: Quote, refund: Refund) -> Verdict:
    """One that came to nothing is nothing in any currency."""
    if refund.status in _OVER:
        return Verdict(End.RELEASED, label=refund.id)
    rate = rate_of(quote, refund.currency)
    if refund.status not in _COUNTS:
        raise Unclear("the refund has a status that is not known")
    micros = rate.to_micros(refund.amount)
    back = None
    if refund.status == "succeeded":
        objects = tuple(filter(None, (refund.intent_id, refund.charge_id)))
        back = GivesBack(objects, refund.id, micros)
    return Verdict(End.SETTLED, micros, label=refund.id, gives_back=back)


def _found(quote: Quote, tree: Tree) -> Verdict:
    """In an event: the refund itself, or what was refunded."""
    if tree.get("object") != "refund":
        return held(quote, tree)
    return _counted(quote, read_refund(tree))


QUOTERS: Final[Quoters] = {
    "PostRefunds": (quote_refund, BOTH),
    "PostChargesChargeRefund": (quote_refund_by_path, BOTH),
    "PostChargesChargeRefunds": (quote_refund_by_path, BOTH),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, settle_refund)
REREADERS: Final[Rereaders] = {
    "re_": ("/v1/refunds/", of_refund),
    "pyr_": ("/v1/refunds/", of_refund),
}
EMITS: Final[Mapping[str, Emits]] = dict.fromkeys(
    QUOTERS,
    Emits(
        ("refund.created", "charge.refunded", "customer_cash_balance_transaction.created"), _found
    ),
)
"""The last type is for a refund out of a customer's balance."""
