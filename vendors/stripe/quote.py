"""The most a call to Stripe can cost, before it leaves.

A call that names its amount and currency is priced from them. Where the amount, or only the
currency, is stored at Stripe, the object is looked up with the real key first. For payment intents
and charges the quote is the most the *object* can have cost in total afterwards; the gateway takes
off what it holds for it already. What had moved before is `before_micros`.

| operation | quote |
| --- | --- |
| create an intent | `amount`, confirmed or not: its client secret can confirm it without us |
| update | the new total, or the present one if that is more; nothing without a money field |
| confirm, verify | the stored amount, or `amount_to_confirm` if that is more |
| capture | received so far + what is asked for (overcapture is legal) + what stays capturable |
| increment | `amount` is the new total |
| cancel | nothing more |
| apply a customer's balance | what is asked for, or all that remains |
| create a charge | `amount`, captured or not |
| capture a charge | what is asked for, or all |
| refund | `amount`, or all that is not refunded yet |

An object that is through (succeeded, canceled, captured, failed) cannot move more: the quote is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vendors.contract import Answer, Lookup, Quote, Reading, Unpriced, Unreadable
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    amount_of,
    check_asked,
    check_currency,
    found_charge,
    found_intent,
    needed_amount,
    path_id,
    shown,
    stated,
)
from vendors.stripe.currencies import check_multiple, known, rate_for
from vendors.stripe.refunds import quote_refund, quote_refund_by_path
from vendors.stripe.things import Charge, Intent

Quoter = Callable[[Reading, Rates, Sequence[Answer], Rate | None], Quote | Lookup]

_FIGURES: Final = frozenset({"amount", "amount_to_capture", "amount_to_confirm", "currency"})
"""Parameters that carry the price. One that an operation does not take is refused, not ignored."""


def quote(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """For PRICED operations. Raises Unreadable, Unpriced, RuleRefused."""
    quoter, own = QUOTERS[reading.operation.name]
    for name in _FIGURES - own:
        if name in reading.fields:
            raise Unreadable(name, "not a parameter of this operation")
    return quoter(reading, rates, found, kept)


def _create_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote:
    return stated(reading.fields, rates, "a payment intent of")


def _create_charge(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote:
    return stated(reading.fields, rates, "a charge of")


def _update_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    fields = reading.fields
    amount, code = amount_of(fields, "amount"), fields.get("currency")
    if amount is None and code is None and "confirm" not in fields:
        return Quote(0, "no money field changes")
    intent = found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    if intent.over:
        return _nothing(intent)
    currency = known("currency", code or intent.currency)
    total = max(amount or intent.total, intent.received)
    check_multiple("amount", currency, total)
    if currency == intent.currency:
        total = max(total, intent.total)  # a refused update leaves it as it was
    return _total(intent.id, currency, total, intent.received, rates, kept)


def _confirm_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = amount_of(reading.fields, "amount_to_confirm")
    intent = found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    check_asked("amount_to_confirm", asked, intent.currency)
    return _of_intent(intent, max(intent.total, intent.received + (asked or 0)), rates, kept)


def _capture_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """`amount_to_capture=0` (give the rest back) is priced as if it were left out."""
    fields = reading.fields
    asked = None
    if fields.get("amount_to_capture") != "0":
        asked = amount_of(fields, "amount_to_capture")
    intent = found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    check_asked("amount_to_capture", asked, intent.currency)
    total = intent.total
    if asked is not None:
        total = intent.received + asked
        keeps_rest = fields.get("final_capture", "true") != "true"
        if keeps_rest or intent.status != "requires_capture":
            total = max(total, intent.total)
    return _of_intent(intent, total, rates, kept)


def _increment_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = needed_amount(reading.fields)
    intent = found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    check_asked("amount", asked, intent.currency)
    return _of_intent(intent, max(asked, intent.total), rates, kept)


def _cancel_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote:
    """Belongs to the intent, so that its answer can free what is held. Moves nothing, so no
    lookup."""
    currency = "usd" if kept is None else kept.currency
    return Quote(0, "canceling frees money", currency, 0, kept, path_id(reading))


def _apply_balance(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = amount_of(reading.fields, "amount")
    intent = found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    check_currency(reading.fields, intent.currency)
    check_asked("amount", asked, intent.currency)
    return _of_intent(intent, max(intent.total, intent.received + (asked or 0)), rates, kept)


def _capture_charge(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = amount_of(reading.fields, "amount")
    charge = found_charge(path_id(reading), found)
    if isinstance(charge, Lookup):
        return charge
    if charge.intent_id:
        raise Unpriced(f"the charge belongs to {charge.intent_id}: capture that instead")
    if charge.over:
        return _nothing(charge)
    check_asked("amount", asked, charge.currency)
    return _total(charge.id, charge.currency, asked or charge.amount, 0, rates, kept)


def _of_intent(intent: Intent, total: int, rates: Rates, kept: Rate | None) -> Quote:
    if intent.over:
        return _nothing(intent)
    return _total(intent.id, intent.currency, total, intent.received, rates, kept)


def _nothing(thing: Intent | Charge) -> Quote:
    """Belongs to no object: what has moved is no business of this call."""
    return Quote(0, f"{thing.id} is {thing.status} and cannot move more")


def _total(
    object_id: str, currency: str, total: int, before: int, rates: Rates, kept: Rate | None
) -> Quote:
    """What the object comes to, and what of it had moved before; both in minor units."""
    currency = known("currency", currency)
    rate = rate_for(currency, rates, kept)
    amount_micros = rate.to_micros(total)
    before_micros = amount_micros - rate.to_micros(total - before)
    how = f"{object_id} comes to {shown(total, currency)} in all"
    return Quote(amount_micros, how, currency, total, rate, object_id, before_micros)


_BOTH: Final = frozenset({"amount", "currency"})
_ALONE: Final = frozenset({"amount"})

QUOTERS: Final[Mapping[str, tuple[Quoter, frozenset[str]]]] = {
    "PostPaymentIntents": (_create_intent, _BOTH),
    "PostPaymentIntentsIntent": (_update_intent, _BOTH),
    "PostPaymentIntentsIntentConfirm": (_confirm_intent, frozenset({"amount_to_confirm"})),
    "PostPaymentIntentsIntentVerifyMicrodeposits": (_confirm_intent, frozenset()),
    "PostPaymentIntentsIntentCapture": (_capture_intent, frozenset({"amount_to_capture"})),
    "PostPaymentIntentsIntentIncrementAuthorization": (_increment_intent, _ALONE),
    "PostPaymentIntentsIntentCancel": (_cancel_intent, frozenset()),
    "PostPaymentIntentsIntentApplyCustomerBalance": (_apply_balance, _BOTH),
    "PostCharges": (_create_charge, _BOTH),
    "PostChargesChargeCapture": (_capture_charge, _ALONE),
    "PostRefunds": (quote_refund, _BOTH),
    "PostChargesChargeRefund": (quote_refund_by_path, _BOTH),
    "PostChargesChargeRefunds": (quote_refund_by_path, _BOTH),
}
"""Operation -> how it is priced, and which of the figures are its own parameters."""
