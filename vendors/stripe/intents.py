"""Payment intents: what a call to one can cost, and what an answer about one means.

The quote is the most the *intent* can have cost in total afterwards; the gateway takes off what it
holds for it already. What had moved before is `before_micros`. An intent that is not through counts
in full, confirmed or not: its client secret can confirm it without us.

| operation | quote |
| --- | --- |
| create | `amount`, confirmed or not |
| update | the new total, or the present one if that is more; nothing without a money field;
| | another currency is refused while the intent is counted in its own: a hold keeps its rate |
| confirm, verify | the stored amount, or `amount_to_confirm` if that is more |
| capture | received so far + what is asked for (overcapture is legal) + what stays capturable |
| increment | `amount` is the new total |
| cancel | nothing more |
| apply a customer's balance | what is asked for, or all that remains |

An answer's `amount_received` is settled, what can still move without us stands. A refusal whose
error shows an intent leaves that intent as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, End, Lookup, Quote, Reading, RuleRefused
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    ALONE,
    BOTH,
    NEITHER,
    Quoters,
    amount_of,
    check_asked,
    check_currency,
    found_intent,
    needed_amount,
    nothing_more,
    path_id,
    stated,
    total_quote,
)
from vendors.stripe.currencies import check_multiple, known
from vendors.stripe.things import Intent, Unclear, read_intent
from vendors.stripe.verdicts import (
    Emits,
    Leftover,
    Rereaders,
    Settler,
    Tree,
    Verdict,
    aside,
    both_micros,
    check_id,
    named,
    rate_of,
)

_WAITING: Final = frozenset(
    {
        *("requires_payment_method", "requires_confirmation", "requires_action", "processing"),
        *("requires_capture", "requires_source", "requires_source_action"),
    }
)
"""The last two are the names of API versions before 2019-02-11."""


def _create(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
    return stated(reading.fields, rates, "a payment intent of")


def _update(
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
        return nothing_more(intent.id, intent.status)
    currency = known("currency", code or intent.currency)
    if kept is not None and kept.currency != currency:
        why = f"{intent.id} is counted in {kept.currency}; cancel it, and create one in {currency}"
        raise RuleRefused("currency", why)
    total = max(amount or intent.total, intent.received)
    check_multiple("amount", currency, total)
    if currency == intent.currency:
        total = max(total, intent.total)  # a refused update leaves it as it was
    return total_quote(intent.id, currency, total, intent.received, rates, kept)


def _confirm(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = amount_of(reading.fields, "amount_to_confirm")
    intent = found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    check_asked("amount_to_confirm", asked, intent.currency)
    return quote_of(intent, max(intent.total, intent.received + (asked or 0)), rates, kept)


def _capture(
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
    return quote_of(intent, total, rates, kept)


def _increment(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    asked = needed_amount(reading.fields)
    intent = found_intent(reading, found)
    if isinstance(intent, Lookup):
        return intent
    check_asked("amount", asked, intent.currency)
    return quote_of(intent, max(asked, intent.total), rates, kept)


def _cancel(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
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
    return quote_of(intent, max(intent.total, intent.received + (asked or 0)), rates, kept)


def quote_of(intent: Intent, total: int, rates: Rates, kept: Rate | None) -> Quote:
    """total: the most that the intent can come to, in minor units."""
    if intent.over:
        return nothing_more(intent.id, intent.status)
    return total_quote(intent.id, intent.currency, total, intent.received, rates, kept)


def _settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    if aside(reading, quote):
        return Verdict(End.SETTLED, label=named(tree))
    return of_intent(quote, tree)


def of_intent(quote: Quote, tree: Tree) -> Verdict:
    """What an intent means for all that is held for it. Raises Unclear."""
    intent = read_intent(tree)
    check_id(quote, intent.id)
    if quote.rate is None:
        return _uncounted(intent)
    rate = rate_of(quote, intent.currency)
    if not intent.over and intent.status not in _WAITING:
        raise Unclear("the payment intent has a status that is not known")
    settled, standing = both_micros(rate, intent.received, intent.standing)
    if standing:
        end = End.STANDING
    else:
        end = End.SETTLED if settled or intent.status == "succeeded" else End.RELEASED
    return Verdict(end, settled, standing, intent.id, intent.id)


def _uncounted(intent: Intent) -> Verdict:
    """A cancel of an intent that holds nothing here: whatever moved, moved without us."""
    if intent.status == "canceled" and intent.received == 0:
        return Verdict(End.RELEASED, 0, 0, intent.id, intent.id)
    return Verdict(End.SETTLED, label=intent.id)


def leftover(reading: Reading, quote: Quote, error: Tree) -> Verdict | None:
    """The intent that the error carries is the one this call was about, or had just made."""
    left = error.get("payment_intent")
    if aside(reading, quote) or left is None or quote.rate is None:
        return None
    if not isinstance(left, dict):
        raise Unclear("the refusal names a payment intent and does not show it")
    if "currency" in reading.fields and read_intent(left).currency != quote.currency:
        return None  # it was to change its currency and did not; nothing here counts it
    return of_intent(quote, left)


_INTENT: Final = "PostPaymentIntentsIntent"

QUOTERS: Final[Quoters] = {
    "PostPaymentIntents": (_create, BOTH),
    _INTENT: (_update, BOTH),
    f"{_INTENT}Confirm": (_confirm, frozenset({"amount_to_confirm"})),
    f"{_INTENT}VerifyMicrodeposits": (_confirm, NEITHER),
    f"{_INTENT}Capture": (_capture, frozenset({"amount_to_capture"})),
    f"{_INTENT}IncrementAuthorization": (_increment, ALONE),
    f"{_INTENT}Cancel": (_cancel, NEITHER),
    f"{_INTENT}ApplyCustomerBalance": (_apply_balance, BOTH),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, _settle)
LEFTOVERS: Final[Mapping[str, Leftover]] = dict.fromkeys(QUOTERS, leftover)
REREADERS: Final[Rereaders] = {"pi_": ("/v1/payment_intents/", of_intent)}
EMITS: Final[Mapping[str, Emits]] = {
    "PostPaymentIntents": Emits(("payment_intent.created",), of_intent)
}
