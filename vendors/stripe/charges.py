"""Charges, the API before payment intents: money taken, or a hold on a card.

Creating one is priced from the request, captured or not. Capturing one asks Stripe first: what is
named, or all of it. A charge that belongs to an intent is captured through the intent, which is
what remembers. Of an answer, what is captured is settled, what is held or pending stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, End, Lookup, Quote, Reading, Unpriced
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    ALONE,
    BOTH,
    Quoters,
    amount_of,
    check_asked,
    found_charge,
    nothing_more,
    path_id,
    stated,
    total_quote,
)
from vendors.stripe.things import Unclear, read_charge
from vendors.stripe.verdicts import (
    Emits,
    Rereaders,
    Settler,
    Tree,
    Verdict,
    aside,
    check_id,
    named,
    rate_of,
)


def _create(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
    return stated(reading.fields, rates, "a charge of")


def _capture(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = amount_of(reading.fields, "amount")
    charge = found_charge(path_id(reading), found)
    if isinstance(charge, Lookup):
        return charge
    if charge.intent_id:
        raise Unpriced(f"the charge belongs to {charge.intent_id}: capture that instead")
    if charge.over:
        return nothing_more(charge.id, charge.status)
    check_asked("amount", asked, charge.currency)
    return total_quote(charge.id, charge.currency, asked or charge.amount, 0, rates, kept)


def _settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    if aside(reading, quote):
        return Verdict(End.SETTLED, label=named(tree))
    return of_charge(quote, tree)


def of_charge(quote: Quote, tree: Tree) -> Verdict:
    """What a charge means for all that is held for it. Raises Unclear."""
    charge = read_charge(tree)
    check_id(quote, charge.id)
    rate = rate_of(quote, charge.currency)
    if charge.status == "failed":
        return Verdict(End.RELEASED, 0, 0, charge.id, charge.id)
    if charge.status not in ("succeeded", "pending"):
        raise Unclear("the charge has a status that is not known")
    if charge.captured and charge.status == "succeeded":
        moved = rate.to_micros(charge.captured_amount)
        return Verdict(End.SETTLED, moved, 0, charge.id, charge.id)
    given_back = not charge.captured and charge.refunded >= charge.amount
    standing = 0 if given_back else rate.to_micros(charge.amount)
    end = End.STANDING if standing else End.RELEASED
    return Verdict(end, 0, standing, charge.id, charge.id)


QUOTERS: Final[Quoters] = {
    "PostCharges": (_create, BOTH),
    "PostChargesChargeCapture": (_capture, ALONE),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, _settle)
REREADERS: Final[Rereaders] = {
    "ch_": ("/v1/charges/", of_charge),
    "py_": ("/v1/charges/", of_charge),
}
EMITS: Final[Mapping[str, Emits]] = {
    "PostCharges": Emits(("charge.succeeded", "charge.pending", "charge.failed"), of_charge)
}
