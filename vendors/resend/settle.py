"""What Resend's answer to a call means for the books.

| answer | books |
| --- | --- |
| 2xx to a mail | settled at its recipients; with `scheduled_at` it stands until it has gone |
| 2xx to a batch | settled at its recipients; those of the mails in `errors` were not sent |
| 2xx to a cancel | the mail's hold is released |
| 2xx to a broadcast | settled at the contacts that were counted |
| 4xx with Resend's error | released; 409 and 424 stay in doubt |
| 3xx, 5xx, anything unreadable | in doubt |

No answer shows a price, and none says that it is a replay. A retry has no quote of its own: it is
settled at the rate that the first call's hold remembers, or at all of that hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from vendors.contract import Answer, End, Outcome, Quote, Reading
from vendors.resend.answers import UUID, Unclear, read_error, read_id, read_object
from vendors.resend.quote import path_id
from vendors.resend.reading import recipients_per_mail
from vendors.resend.recipients import count

Settler = Callable[[Reading, Quote, dict[str, Any]], Outcome]

_NEVER_RELEASES: Final = frozenset({409, 424})
_WAITING: Final = frozenset({"scheduled", "queued"})
CANCELED: Final = "canceled"


def settle(reading: Reading, quote: Quote, answer: Answer) -> Outcome:
    """Never raises: what cannot be read is IN_DOUBT, with a why."""
    label = reading.operation.object_id or ""
    try:
        if 200 <= answer.status < 300:
            return SETTLERS[reading.operation.name](reading, quote, read_object(answer))
        return _refused(answer, label)
    except Unclear as exc:
        return Outcome(End.IN_DOUBT, why=str(exc), label=label)


def reread(object_id: str, counted_micros: int, answer: Answer) -> Outcome:
    """What a scheduled mail says of itself. It counts once it is anything but waiting or canceled:
    a bounce is a mail too. An answer that is not the mail (a 404 too) is IN_DOUBT, with a why."""
    try:
        event = _event(object_id, answer)
    except Unclear as exc:
        return Outcome(End.IN_DOUBT, why=str(exc), label=object_id)
    if event in _WAITING:
        return Outcome(End.IN_DOUBT, why=f"the mail is still {event}", label=object_id)
    if event == CANCELED:
        return Outcome(End.RELEASED, object_id=object_id, label=object_id)
    return Outcome(End.SETTLED, counted_micros, object_id=object_id, label=object_id)


def _event(object_id: str, answer: Answer) -> str:
    if answer.status != 200:
        raise Unclear(f"HTTP {answer.status} to a read")
    tree = read_object(answer)
    if read_id(tree).lower() != object_id:
        raise Unclear("the answer is about another mail")
    event = tree.get("last_event")
    if not isinstance(event, str) or not event:
        raise Unclear("the mail does not say what became of it")
    return event


def _refused(answer: Answer, label: str) -> Outcome:
    if not 400 <= answer.status < 500:
        raise Unclear(f"HTTP {answer.status} says nothing about what was sent")
    name = read_error(answer)
    if answer.status in _NEVER_RELEASES:
        raise Unclear(f"HTTP {answer.status} {name[:60]}: another call decides")
    return Outcome(End.RELEASED, label=label)


def _mail(reading: Reading, quote: Quote, tree: dict[str, Any]) -> Outcome:
    email_id = read_id(tree).lower()
    recipients = count(reading.fields)
    if recipients:
        micros, units = _cost(quote, recipients)
    else:  # answered before its last byte had left: nobody knows yet whom it names
        micros, units = quote.amount_micros, None
    if reading.fields.get("scheduled_at") and UUID.fullmatch(email_id) is not None:
        return Outcome(End.STANDING, 0, micros, email_id, label=email_id, units=units)
    return Outcome(End.SETTLED, micros, label=email_id, units=units)


def _batch(reading: Reading, quote: Quote, tree: dict[str, Any]) -> Outcome:
    """Its mails are too many to be remembered one by one, so scheduled ones settle at once."""
    made, failed = tree.get("data"), tree.get("errors") or []
    if not isinstance(made, list) or not isinstance(failed, list):
        raise Unclear("the answer to the batch does not list its mails")
    recipients = recipients_per_mail(reading.body)
    refused = {_index(error, len(recipients)) for error in failed}
    if len(refused) != len(failed) or len(made) + len(refused) != len(recipients):
        raise Unclear("the answer to the batch has not one entry for each of its mails")
    ids = [read_id(mail) if isinstance(mail, dict) else "" for mail in made]
    if "" in ids:
        raise Unclear("the answer to the batch shows no ids")
    sent = sum(n for i, n in enumerate(recipients) if i not in refused)
    micros, units = _cost(quote, sent)
    return Outcome(End.SETTLED, micros, label=ids[0] if ids else "", units=units)


def _index(error: Any, length: int) -> int:
    index = error.get("index") if isinstance(error, dict) else None
    if type(index) is not int or not 0 <= index < length:
        raise Unclear("the batch's errors do not say which mails they are about")
    return index


def _cost(quote: Quote, recipients: int) -> tuple[int, int | None]:
    """Micros, and units where they are fewer than held. At the rate of the hold; one without a rate
    was a fixed one, and counts in full."""
    if quote.rate is None:
        return quote.amount_micros, None
    return quote.rate.to_micros(recipients), recipients if recipients < quote.units else None


def _cancel(reading: Reading, quote: Quote, tree: dict[str, Any]) -> Outcome:
    email_id = path_id(reading).lower()
    if read_id(tree).lower() != email_id:
        raise Unclear("the answer is about another mail")
    return Outcome(End.RELEASED, object_id=email_id, label=email_id)


def _at_quote(reading: Reading, quote: Quote, tree: dict[str, Any]) -> Outcome:
    """A broadcast, or a change that costs nothing."""
    return Outcome(End.SETTLED, quote.amount_micros, label=read_id(tree))


SETTLERS: Final[Mapping[str, Settler]] = {
    "emails/send": _mail,
    "emails/send-batch": _batch,
    "emails/update": _at_quote,
    "emails/cancel": _cancel,
    "broadcasts/create": _at_quote,
    "broadcasts/update": _at_quote,
    "broadcasts/send": _at_quote,
}
