"""Card readers: a reader is told to carry out a payment intent or a refund, and answers later.

A call that makes a reader run an intent is priced as confirming that intent is, and belongs to the
intent. The answer is the reader, not the intent: so all that can still move stands, until the
intent is read again. A tip that the payer adds at the reader is Stripe's to declare: it counts when
the intent shows it. A refund on a reader is priced as any other; the answer shows none, so it
counts at its quote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, End, Lookup, Quote, Reading
from vendors.rates import Rate, Rates
from vendors.stripe import intents
from vendors.stripe.asked import ALONE, NEITHER, Quoters, look_up
from vendors.stripe.moved import at_quote, named_id
from vendors.stripe.refunds import quote_refund
from vendors.stripe.things import Unclear, check_kind, read_intent, reference
from vendors.stripe.verdicts import Leftover, Settler, Tree, Verdict, check_reference

_READER: Final = "terminal.reader"


def _run_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    intent_id = named_id(reading, "payment_intent")
    why = "the amount of the intent is at Stripe"
    intent = look_up("/v1/payment_intents/", intent_id, why, read_intent, found)
    if isinstance(intent, Lookup):
        return intent
    return intents.quote_of(intent, intent.total, rates, kept)


def _running(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    """All that the look-up found can still move. A retry has no look-up, and learns nothing of the
    intent from a reader."""
    _check_reader(reading, tree)
    if quote.object_id is None:
        return Verdict(End.SETTLED, label=reading.fields.get("payment_intent", ""))
    if not quote.amount_minor:
        raise Unclear("a reader does not say what has become of the intent")
    standing = quote.amount_micros - quote.before_micros
    end = End.STANDING if standing else End.SETTLED
    return Verdict(end, quote.before_micros, standing, quote.object_id, quote.object_id)


def _refunding(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    _check_reader(reading, tree)
    return at_quote(reading, quote, tree)


def _check_reader(reading: Reading, tree: Tree) -> None:
    check_kind(tree, _READER)
    check_reference(reading.operation.object_id, reference(tree, "id"))


_ON_READER: Final = "PostTerminalReadersReader"
_RUNS: Final = (f"{_ON_READER}ProcessPaymentIntent", f"{_ON_READER}ConfirmPaymentIntent")

QUOTERS: Final[Quoters] = {
    **dict.fromkeys(_RUNS, (_run_intent, NEITHER)),
    f"{_ON_READER}RefundPayment": (quote_refund, ALONE),
}
SETTLERS: Final[Mapping[str, Settler]] = {
    **dict.fromkeys(_RUNS, _running),
    f"{_ON_READER}RefundPayment": _refunding,
}
LEFTOVERS: Final[Mapping[str, Leftover]] = dict.fromkeys(_RUNS, intents.leftover)
