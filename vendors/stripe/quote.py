"""The most a call to Stripe can cost, before it leaves.

A call that names its amount and currency is priced from them. Where the amount, or only the
currency, is stored at Stripe, the object is looked up with the real key first. For payment intents
and charges the quote is the most the *object* can have cost in total afterwards; the gateway takes
off what it holds for it already. What had moved before is `before_micros`.

| operation | quote |
| --- | --- |
| create an intent | `amount`, confirmed or not: its client secret can confirm it without us |
| update | the new total; nothing when no money field is named |
| confirm | the stored amount, or `amount_to_confirm` if that is more |
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

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vendors.contract import Answer, Lookup, Quote, Reading, Unpriced, Unreadable
from vendors.money import show_minor
from vendors.rates import Rate, Rates
from vendors.stripe.currencies import EXPONENTS, check_multiple, known, rate_for
from vendors.stripe.things import (
    Charge,
    Intent,
    Unclear,
    read_charge,
    read_intent,
    read_object,
)

Fields = Mapping[str, str]
Quoter = Callable[[Reading, Rates, Sequence[Answer], Rate | None], Quote | Lookup]

_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
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
    return _stated(reading.fields, rates, "a payment intent of")


def _create_charge(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote:
    return _stated(reading.fields, rates, "a charge of")


def _update_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    fields = reading.fields
    amount, code = _amount(fields, "amount"), fields.get("currency")
    if amount is None and code is None and "confirm" not in fields:
        return Quote(0, "no money field changes")
    before = 0
    if amount is None or code is None:
        intent = _found_intent(reading, found)
        if isinstance(intent, Lookup):
            return intent
        if intent.over:
            return _nothing(intent)
        amount, code = amount or intent.total, code or intent.currency
        before = intent.received
    currency = known("currency", code)
    check_multiple("amount", currency, amount)
    return _total(_path_id(reading), currency, max(amount, before), before, rates, kept)


def _confirm_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = _amount(reading.fields, "amount_to_confirm")
    intent = _found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    _check_asked("amount_to_confirm", asked, intent.currency)
    return _of_intent(intent, max(intent.total, intent.received + (asked or 0)), rates, kept)


def _capture_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """`amount_to_capture=0` (give the rest back) is priced as if it were left out."""
    fields = reading.fields
    asked = None
    if fields.get("amount_to_capture") != "0":
        asked = _amount(fields, "amount_to_capture")
    intent = _found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    _check_asked("amount_to_capture", asked, intent.currency)
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
    asked = _needed_amount(reading.fields)
    intent = _found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    _check_asked("amount", asked, intent.currency)
    return _of_intent(intent, max(asked, intent.total), rates, kept)


def _cancel_intent(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote:
    """Belongs to the intent, so that its answer can free what is held. Moves nothing, so no
    lookup."""
    currency = "usd" if kept is None else kept.currency
    return Quote(0, "canceling frees money", currency, 0, kept, _path_id(reading))


def _apply_balance(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = _amount(reading.fields, "amount")
    intent = _found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    _check_currency(reading.fields, intent.currency)
    _check_asked("amount", asked, intent.currency)
    return _of_intent(intent, max(intent.total, intent.received + (asked or 0)), rates, kept)


def _capture_charge(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = _amount(reading.fields, "amount")
    charge = _found_charge(_path_id(reading), found)
    if isinstance(charge, Lookup):
        return charge
    if charge.intent_id:
        raise Unpriced(f"the charge belongs to {charge.intent_id}: capture that instead")
    if charge.over:
        return _nothing(charge)
    _check_asked("amount", asked, charge.currency)
    return _total(charge.id, charge.currency, asked or charge.amount, 0, rates, kept)


def _refund(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """By charge, by intent (its latest charge), or out of a customer's cash balance."""
    fields = reading.fields
    charge_id, intent_id = fields.get("charge"), fields.get("payment_intent")
    if charge_id and intent_id:
        raise Unreadable("payment_intent", "name a charge or a payment intent, not both")
    if charge_id:
        return _refund_charge(fields, _id("charge", charge_id), rates, found)
    if intent_id:
        return _refund_intent(fields, _id("payment_intent", intent_id), rates, found)
    if fields.get("origin") == "customer_balance":
        return _stated(fields, rates, "a refund from a customer's balance of")
    raise Unreadable("charge", "missing: name the charge or the payment intent to refund")


def _refund_by_path(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """The legacy twins, under the charge's path."""
    for name in ("charge", "payment_intent"):
        if name in reading.fields:
            raise Unreadable(name, "the path names the charge already")
    return _refund_charge(reading.fields, _path_id(reading), rates, found)


def _refund_charge(
    fields: Fields, charge_id: str, rates: Rates, found: Sequence[Answer]
) -> Quote | Lookup:
    asked = _amount(fields, "amount")
    charge = _found_charge(charge_id, found)
    if isinstance(charge, Lookup):
        return charge
    return _back(fields, charge.currency, charge.refundable, asked, rates)


def _refund_intent(
    fields: Fields, intent_id: str, rates: Rates, found: Sequence[Answer]
) -> Quote | Lookup:
    asked = _amount(fields, "amount")
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
    _check_found(intent.id, intent_id)
    return _back(fields, intent.currency, left, asked, rates)


def _back(fields: Fields, currency: str, left: int, asked: int | None, rates: Rates) -> Quote:
    """Money that goes back to a payer: what is asked for, or all that is left."""
    currency = known("currency", currency)
    _check_currency(fields, currency)
    _check_asked("amount", asked, currency)
    amount = left if asked is None else asked
    rate = rate_for(currency, rates, None)
    how = f"a refund of {_shown(amount, currency)}{' (all that is left)' if asked is None else ''}"
    return Quote(rate.to_micros(amount), how, currency, amount, rate)


def _stated(fields: Fields, rates: Rates, what: str) -> Quote:
    """Amount and currency are in the request."""
    amount = _needed_amount(fields)
    currency = fields.get("currency")
    if currency is None:
        raise Unreadable("currency", "missing")
    currency = known("currency", currency)
    check_multiple("amount", currency, amount)
    rate = rate_for(currency, rates, None)
    how = f"{what} {_shown(amount, currency)}"
    return Quote(rate.to_micros(amount), how, currency, amount, rate)


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
    how = f"{object_id} comes to {_shown(total, currency)} in all"
    return Quote(amount_micros, how, currency, total, rate, object_id, before_micros)


def _found_intent(reading: Reading, found: Sequence[Answer]) -> Intent | Lookup:
    intent_id = _path_id(reading)
    if not found:
        return Lookup(f"/v1/payment_intents/{intent_id}", "the amount of the intent is at Stripe")
    try:
        intent = read_intent(read_object(found[0].body))
    except Unclear as exc:
        raise Unpriced(f"looking up {intent_id}: {exc}") from exc
    _check_found(intent.id, intent_id)
    return intent


def _found_charge(charge_id: str, found: Sequence[Answer]) -> Charge | Lookup:
    if not found:
        return Lookup(f"/v1/charges/{charge_id}", "the amount of the charge is at Stripe")
    try:
        charge = read_charge(read_object(found[0].body))
    except Unclear as exc:
        raise Unpriced(f"looking up {charge_id}: {exc}") from exc
    _check_found(charge.id, charge_id)
    return charge


def _check_found(found_id: str, asked_id: str) -> None:
    if found_id != asked_id:
        raise Unpriced(f"looking up {asked_id} found another object")


def _amount(fields: Fields, name: str) -> int | None:
    """None: not given. Raises Unreadable for anything but 1 to 12 digits that begin with 1 to 9."""
    text = fields.get(name)
    if text is None:
        return None
    if _AMOUNT.fullmatch(text) is None:
        raise Unreadable(name, "write a whole number above zero in the currency's smallest unit")
    return int(text)


def _needed_amount(fields: Fields) -> int:
    amount = _amount(fields, "amount")
    if amount is None:
        raise Unreadable("amount", "missing")
    return amount


def _check_asked(field: str, asked: int | None, currency: str) -> None:
    if asked is not None:
        check_multiple(field, currency, asked)


def _check_currency(fields: Fields, currency: str) -> None:
    """Where a currency is only repeated, it must be the object's."""
    code = fields.get("currency")
    if code is not None and known("currency", code) != currency:
        raise Unreadable("currency", "not the currency of what is stored at Stripe")


def _path_id(reading: Reading) -> str:
    return _id("id", reading.operation.object_id or "")


def _id(field: str, text: str) -> str:
    """An id that can be put into the path of a lookup."""
    if _ID.fullmatch(text) is None:
        raise Unreadable(field, "not an id of Stripe's")
    return text


def _shown(amount: int, currency: str) -> str:
    return f"{show_minor(amount, EXPONENTS[currency])} {currency.upper()}"


_BOTH: Final = frozenset({"amount", "currency"})
_ALONE: Final = frozenset({"amount"})

QUOTERS: Final[Mapping[str, tuple[Quoter, frozenset[str]]]] = {
    "PostPaymentIntents": (_create_intent, _BOTH),
    "PostPaymentIntentsIntent": (_update_intent, _BOTH),
    "PostPaymentIntentsIntentConfirm": (_confirm_intent, frozenset({"amount_to_confirm"})),
    "PostPaymentIntentsIntentCapture": (_capture_intent, frozenset({"amount_to_capture"})),
    "PostPaymentIntentsIntentIncrementAuthorization": (_increment_intent, _ALONE),
    "PostPaymentIntentsIntentCancel": (_cancel_intent, frozenset()),
    "PostPaymentIntentsIntentApplyCustomerBalance": (_apply_balance, _BOTH),
    "PostCharges": (_create_charge, _BOTH),
    "PostChargesChargeCapture": (_capture_charge, _ALONE),
    "PostRefunds": (_refund, _BOTH),
    "PostChargesChargeRefund": (_refund_by_path, _BOTH),
    "PostChargesChargeRefunds": (_refund_by_path, _BOTH),
}
"""Operation -> how it is priced, and which of the figures are its own parameters."""
