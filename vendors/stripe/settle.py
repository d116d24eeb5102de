"""What Stripe's answer to a call means for the books.

| answer | books |
| --- | --- |
| 2xx with an intent | received is settled; what can move without us stands; `canceled` frees |
| 2xx with a charge | captured is settled; an uncaptured or pending one stands; `failed` frees |
| 2xx with a refund | settled unless `failed` or `canceled`; at `succeeded` it may give back |
| 4xx | released; 409 and 424 stay in doubt; an intent in the error's body is booked as above |
| 3xx, 5xx, anything unreadable | in doubt |

A figure in another currency, of another object, negative or no number keeps the hold: in doubt,
with a why. An answer about an object speaks for the whole object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from vendors.contract import Answer, End, GivesBack, Outcome, Quote, Reading
from vendors.rates import Rate
from vendors.stripe.things import (
    Intent,
    Unclear,
    read_charge,
    read_intent,
    read_object,
    read_refund,
)

_WAITING: Final = frozenset(
    {
        *("requires_payment_method", "requires_confirmation", "requires_action", "processing"),
        *("requires_capture", "requires_source", "requires_source_action"),
    }
)
"""The last two are the names of API versions before 2019-02-11."""
_REFUND_COUNTS: Final = frozenset({"pending", "requires_action", "succeeded"})
_REFUND_OVER: Final = frozenset({"failed", "canceled"})
_NEVER_RELEASES: Final = frozenset({409, 424})


class Verdict(NamedTuple):
    """An Outcome's money, before the facts that every answer has are added."""

    end: End
    settled_micros: int = 0
    standing_micros: int = 0
    object_id: str | None = None
    label: str = ""
    gives_back: GivesBack | None = None


Settler = Callable[[Reading, Quote, Mapping[str, Any]], Verdict]


def settle(reading: Reading, quote: Quote, answer: Answer) -> Outcome:
    """Never raises: what cannot be read is IN_DOUBT, with a why."""
    tree: Mapping[str, Any] = {}
    try:
        tree = _tree(answer)
        verdict = _judge(reading, quote, answer.status, tree)
    except Unclear as exc:
        label = _named(tree) or reading.operation.object_id or ""
        return _outcome(answer, tree, Verdict(End.IN_DOUBT, label=label), str(exc))
    return _outcome(answer, tree, verdict)


def reread(object_id: str, rate: Rate | None, answer: Answer) -> Outcome:
    """What an object says of itself when it is read again. rate: of its hold. An answer that is not
    the object (a 404 too) is IN_DOUBT, with a why: the books stay as they are."""
    quote = Quote(0, "", "usd" if rate is None else rate.currency, 0, rate, object_id)
    tree: Mapping[str, Any] = {}
    try:
        if rate is None:
            raise Unclear("its hold remembers no rate")
        if answer.status != 200:
            raise Unclear(f"HTTP {answer.status} to a read")
        tree = read_object(answer.body)
        verdict = (_of_intent if object_id.startswith("pi_") else _of_charge)(quote, tree)
    except Unclear as exc:
        return _outcome(answer, tree, Verdict(End.IN_DOUBT, label=object_id), str(exc))
    return _outcome(answer, tree, verdict)


def _outcome(answer: Answer, tree: Mapping[str, Any], verdict: Verdict, why: str = "") -> Outcome:
    headers, livemode = answer.headers, tree.get("livemode")
    return Outcome(
        verdict.end,
        verdict.settled_micros,
        verdict.standing_micros,
        verdict.object_id,
        why,
        verdict.label,
        livemode if isinstance(livemode, bool) else None,
        headers.get(b"request-id", b"").decode("latin-1"),
        headers.get(b"idempotent-replayed", b"").lower() == b"true",
        verdict.gives_back,
    )


def _tree(answer: Answer) -> Mapping[str, Any]:
    """The answer's object. Raises Unclear for what nobody may read money from."""
    if not (200 <= answer.status < 300 or 400 <= answer.status < 500):
        raise Unclear(f"HTTP {answer.status} says nothing about the money")
    return read_object(answer.body)


def _judge(reading: Reading, quote: Quote, status: int, tree: Mapping[str, Any]) -> Verdict:
    """A call that belongs to no object although its path names one cannot have moved anything."""
    settler = SETTLERS[reading.operation.name]
    aside = quote.object_id is None and reading.operation.object_id is not None
    if status >= 400:
        keeps = settler is _intent and not aside
        return _refused(keeps, reading, quote, status, tree)
    if aside and settler is not _refund:
        return Verdict(End.SETTLED, label=_named(tree))
    return settler(reading, quote, tree)


def _refused(
    keeps: bool, reading: Reading, quote: Quote, status: int, tree: Mapping[str, Any]
) -> Verdict:
    """keeps: an intent that the error carries is the one this call was about, or had just made."""
    error = tree.get("error")
    if not isinstance(error, dict):
        raise Unclear(f"HTTP {status} without Stripe's error object")
    if status in _NEVER_RELEASES:
        raise Unclear(f"HTTP {status}: another call, or another system, decides")
    left = error.get("payment_intent")
    if not keeps or left is None or quote.rate is None:
        return Verdict(End.RELEASED, label=reading.operation.object_id or "")
    if not isinstance(left, dict):
        raise Unclear("the refusal names a payment intent and does not show it")
    return _of_intent(quote, left)


def _intent(reading: Reading, quote: Quote, tree: Mapping[str, Any]) -> Verdict:
    return _of_intent(quote, tree)


def _of_intent(quote: Quote, tree: Mapping[str, Any]) -> Verdict:
    intent = read_intent(tree)
    _check_id(quote, intent.id)
    if quote.rate is None:
        return _uncounted(intent)
    rate = _rate(quote, intent.currency)
    if not intent.over and intent.status not in _WAITING:
        raise Unclear("the payment intent has a status that is not known")
    settled, standing = _micros(rate, intent.received, intent.standing)
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


def _charge(reading: Reading, quote: Quote, tree: Mapping[str, Any]) -> Verdict:
    return _of_charge(quote, tree)


def _of_charge(quote: Quote, tree: Mapping[str, Any]) -> Verdict:
    charge = read_charge(tree)
    _check_id(quote, charge.id)
    rate = _rate(quote, charge.currency)
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


def _refund(reading: Reading, quote: Quote, tree: Mapping[str, Any]) -> Verdict:
    """The legacy twin may answer with the whole charge: then the refund counts at its quote."""
    if tree.get("object") == "charge" and reading.operation.object_id is not None:
        charge = read_charge(tree)
        if charge.id != reading.operation.object_id:
            raise Unclear("the answer is about another object")
        return Verdict(End.SETTLED, quote.amount_micros, label=charge.id)
    refund = read_refund(tree)
    asked = reading.operation.object_id or reading.fields.get("charge")
    _check_reference(asked, refund.charge_id)
    _check_reference(reading.fields.get("payment_intent"), refund.intent_id)
    rate = _rate(quote, refund.currency)
    if refund.status in _REFUND_OVER:
        return Verdict(End.RELEASED, label=refund.id)
    if refund.status not in _REFUND_COUNTS:
        raise Unclear("the refund has a status that is not known")
    micros = rate.to_micros(refund.amount)
    back = None
    if refund.status == "succeeded":
        objects = tuple(filter(None, (refund.intent_id, refund.charge_id)))
        back = GivesBack(objects, refund.id, micros)
    return Verdict(End.SETTLED, micros, label=refund.id, gives_back=back)


def _micros(rate: Rate, settled: int, standing: int) -> tuple[int, int]:
    """Both in micros, their sum rounded up once, so that it is what the quote of the whole was."""
    settled_micros = rate.to_micros(settled)
    return settled_micros, rate.to_micros(settled + standing) - settled_micros


def _check_id(quote: Quote, object_id: str) -> None:
    if quote.object_id is not None and quote.object_id != object_id:
        raise Unclear("the answer is about another object")


def _check_reference(asked: str | None, named: str) -> None:
    if asked and named and asked != named:
        raise Unclear("the answer is about another object")


def _rate(quote: Quote, currency: str) -> Rate:
    if quote.rate is None or quote.currency != currency:
        raise Unclear("the answer is in another currency")
    return quote.rate


def _named(tree: Mapping[str, Any]) -> str:
    name = tree.get("id")
    return name if isinstance(name, str) else ""


SETTLERS: Final[Mapping[str, Settler]] = {
    "PostPaymentIntents": _intent,
    "PostPaymentIntentsIntent": _intent,
    "PostPaymentIntentsIntentConfirm": _intent,
    "PostPaymentIntentsIntentVerifyMicrodeposits": _intent,
    "PostPaymentIntentsIntentCapture": _intent,
    "PostPaymentIntentsIntentIncrementAuthorization": _intent,
    "PostPaymentIntentsIntentCancel": _intent,
    "PostPaymentIntentsIntentApplyCustomerBalance": _intent,
    "PostCharges": _charge,
    "PostChargesChargeCapture": _charge,
    "PostRefunds": _refund,
    "PostChargesChargeRefund": _refund,
    "PostChargesChargeRefunds": _refund,
}
