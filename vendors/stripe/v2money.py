"""Money in `/v2`: outbound payments, payout intents, inbound transfers.

`/v2` writes an amount as `{"value": 1200, "currency": "usd"}`, its value an integer or its digits
in quotes. A payout intent may want a confirmation (asked for, or demanded by rules): until then it
stands, and is read again, since a person may cancel it; confirming it asks Stripe for its amount.
Stripe's fees (`estimated_fees`) are not counted, like all of its fees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, End, Lookup, Quote, Reading, Unreadable
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    NEITHER,
    Quoter,
    Quoters,
    amount_of,
    look_up,
    needed_currency,
    nothing_more,
    one_sum,
    path_id,
    total_quote,
)
from vendors.stripe.moved import Kind, shows
from vendors.stripe.things import Unclear
from vendors.stripe.verdicts import (
    Rereaders,
    Settler,
    Tree,
    Verdict,
    aside,
    check_id,
    named,
    rate_of,
)

_VALUE: Final = ("amount", "value")
_CURRENCY: Final = ("amount", "currency")
_PREFIX: Final = "v2.money_management."
_INTENTS: Final = "/v2/money_management/payout_intents/"

OUTBOUND_PAYMENT: Final = Kind(f"{_PREFIX}outbound_payment", "", _VALUE, _CURRENCY, digits=True)
INBOUND_TRANSFER: Final = Kind(f"{_PREFIX}inbound_transfer", "", _VALUE, _CURRENCY, digits=True)
PAYOUT_INTENT: Final = Kind(f"{_PREFIX}payout_intent", _INTENTS, _VALUE, _CURRENCY, digits=True)
_WAITS: Final = "requires_action"
_PAID_OUT: Final = frozenset({"pending", "processing", "posted"})


def _states(what: str) -> Quoter:
    def quoter(
        reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        amount = amount_of(reading.fields, "amount[value]")
        if amount is None:
            raise Unreadable("amount[value]", "missing")
        currency = needed_currency(reading.fields, "amount[currency]")
        return one_sum(amount, currency, rates, what, "amount[value]")

    return quoter


def _confirm(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    why = "the amount of the payout intent is at Stripe"
    intent = look_up(_INTENTS, path_id(reading), why, PAYOUT_INTENT.read, found)
    if isinstance(intent, Lookup):
        return intent
    if intent.status != _WAITS:
        return nothing_more(intent.id, intent.status)
    return total_quote(intent.id, intent.currency, intent.amount, 0, rates, kept)


def _cancel(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """Belongs to the intent, so that its answer can free what is held."""
    currency = "usd" if kept is None else kept.currency
    return Quote(0, "canceling frees money", currency, 0, kept, path_id(reading))


def _settle_intent(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    if quote.rate is None or aside(reading, quote):
        check_id(quote, PAYOUT_INTENT.read(tree).id)
        return Verdict(End.SETTLED, label=named(tree))
    return of_payout_intent(quote, tree)


def of_payout_intent(quote: Quote, tree: Tree) -> Verdict:
    """What a payout intent means for all that is held for it. Raises Unclear."""
    intent = PAYOUT_INTENT.read(tree)
    check_id(quote, intent.id)
    micros = rate_of(quote, intent.currency).to_micros(intent.amount)
    if intent.status == "canceled":
        return Verdict(End.RELEASED, 0, 0, intent.id, intent.id)
    if intent.status == _WAITS:
        return Verdict(End.STANDING, 0, micros, intent.id, intent.id)
    if intent.status not in _PAID_OUT:
        raise Unclear("the payout intent has a status that is not known")
    return Verdict(End.SETTLED, micros, 0, intent.id, intent.id)


_MONEY: Final = "PostV2MoneyManagement"

QUOTERS: Final[Quoters] = {
    f"{_MONEY}OutboundPayments": (_states("an outbound payment of"), NEITHER),
    f"{_MONEY}InboundTransfers": (_states("an inbound transfer of"), NEITHER),
    f"{_MONEY}PayoutIntents": (_states("a payout intent of"), NEITHER),
    f"{_MONEY}PayoutIntentsIdConfirm": (_confirm, NEITHER),
    f"{_MONEY}PayoutIntentsIdCancel": (_cancel, NEITHER),
}
SETTLERS: Final[Mapping[str, Settler]] = {
    f"{_MONEY}OutboundPayments": shows(OUTBOUND_PAYMENT),
    f"{_MONEY}InboundTransfers": shows(INBOUND_TRANSFER),
    f"{_MONEY}PayoutIntents": _settle_intent,
    f"{_MONEY}PayoutIntentsIdConfirm": _settle_intent,
    f"{_MONEY}PayoutIntentsIdCancel": _settle_intent,
}
REREADERS: Final[Rereaders] = {"pyi_": (_INTENTS, of_payout_intent)}
