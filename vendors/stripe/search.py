"""What became of a call in doubt, by reading only: its object, or the events that it left behind.

A call about an object (an intent that is confirmed, an invoice that is paid) is looked into by
reading the object. A call that makes something is looked for among Stripe's events of the types
that it would leave: an event names the idempotency key of the request behind it. Stripe forgets a
key after a day and carries out the next request that has it, so of those with our key the first
request since the call is that very call. One that came a day later may be another's: pages are read
on, and where nothing else is found (our clock may have been wrong) the call stays in doubt.

That no event names it says that the call never ran where three things hold: its success always
leaves one of these events; every event since a minute before the call was read, and says which
request it is of; and Stripe gave no answer at all (after a 5xx it may still carry the call out).
Events tell nothing of a call that is being carried out at this moment: whoever asks waits until
none can be, and asks with the account header of the call, since each account has its own events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from vendors.contract import Answer, Doubt, End, Findings, Lookup, Outcome, Quote
from vendors.stripe import billing, charges, credit, intents, outflows, refunds
from vendors.stripe.settle import object_lookup, reread
from vendors.stripe.things import Unclear, check_kind, read_object, text
from vendors.stripe.verdicts import Emits, Tree, held, outcome_of

EMITS: Final[Mapping[str, Emits]] = {
    **intents.EMITS,
    **charges.EMITS,
    **refunds.EMITS,
    **outflows.EMITS,
    **credit.EMITS,
    **billing.EMITS,
}
"""Operation -> by which events a call of it can be found again."""

PAGES_MAX: Final = 5
_EARLIER_S: Final = 60
"""Our clock and Stripe's may differ by so much."""
_MEMORY_S: Final = 24 * 3_600
"""Within it Stripe carries out one request for a key; after it the same key is another's."""
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Event:
    """key: the idempotency key of the request behind it, '' if it was of none that had one. tells:
    does it say? created_s: when, by Stripe's clock. about: the object as it was then."""

    id: str
    type: str
    key: str
    request_id: str
    tells: bool
    created_s: int
    about: Tree


def search(doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
    """found: answers (status 200) to the look-ups asked for so far. None: there is no way."""
    if doubt.object_id:
        return _ask_object(doubt, found)
    emits = EMITS.get(doubt.operation)
    if emits is None or not doubt.vendor_key:
        return None
    try:
        return _ask_events(doubt, emits, found)
    except Unclear as exc:
        return Findings((), True, False, f"the list of events: {exc}")


def _ask_object(doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
    """What it has come to says all, once nothing more can become of it."""
    if not found:
        return object_lookup(doubt.object_id)
    outcome = reread(doubt.object_id, doubt.rate, doubt.amount_micros, found[0])
    if outcome.end is End.IN_DOUBT:
        return Findings((), True, False, f"{doubt.object_id}: {outcome.why}")
    over = outcome.end in (End.SETTLED, End.RELEASED)
    return Findings((outcome,), True, over, f"{doubt.object_id} as it is now")


def _ask_events(doubt: Doubt, emits: Emits, found: Sequence[Answer]) -> Lookup | Findings:
    if not found:
        return _page(doubt, emits, "")
    events: list[_Event] = []
    more = False
    for answer in found:
        more = _read_page(answer, events)
    ours = [each for each in events if each.key == doubt.vendor_key and each.type in emits.types]
    first = min(ours, key=lambda each: each.created_s, default=None)
    late = first is None or first.created_s > doubt.at_us // _US + _MEMORY_S
    if late and more and len(found) < PAGES_MAX:
        return _page(doubt, emits, events[-1].id)
    if first is not None and late:
        return Findings((), True, False, f"{first.id} may be of a later call with the same key")
    if first is not None:
        until_s = first.created_s + _MEMORY_S
        of = [each for each in ours if each.created_s < until_s]
        best = min(of, key=lambda each: emits.types.index(each.type))
        how = f"{best.id} ({best.type}) names the call's idempotency key"
        return Findings((_outcome(doubt, emits, best),), True, True, how)
    whole = emits.always and not more and all(each.tells for each in events)
    how = f"none of {len(events)} events names the call's idempotency key"
    return Findings((), True, whole and doubt.answered is None, how)


def _page(doubt: Doubt, emits: Emits, after: str) -> Lookup:
    since = doubt.at_us // _US - _EARLIER_S
    types = "".join(f"&types%5B%5D={each}" for each in emits.types)
    onwards = f"&starting_after={after}" if after else ""
    target = f"/v1/events?limit=100&created%5Bgte%5D={since}{types}{onwards}"
    return Lookup(target, "which request each event is of")


def _read_page(answer: Answer, events: list[_Event]) -> bool:
    """Adds a page's events, and says whether there are more. Raises Unclear."""
    tree = read_object(answer.body)
    data, more = tree.get("data"), tree.get("has_more")
    if not isinstance(data, list) or not isinstance(more, bool) or (more and not data):
        raise Unclear("not a list")
    events.extend(map(_read_event, data))
    return more


def _read_event(tree: object) -> _Event:
    """Before 2017-05-25 `request` was the request's id alone; it is null where Stripe itself was
    the cause."""
    if not isinstance(tree, dict):
        raise Unclear("not a list of objects")
    check_kind(tree, "event")
    request, data, created = tree.get("request"), tree.get("data"), tree.get("created")
    about = data.get("object") if isinstance(data, dict) else None
    of = request if isinstance(request, dict) else {}
    key, request_id = of.get("idempotency_key"), of.get("id")
    return _Event(
        _event_id(tree),
        text(tree, "type"),
        key if isinstance(key, str) else "",
        request_id if isinstance(request_id, str) else "",
        request is None or isinstance(request, dict),
        created if isinstance(created, int) else 0,
        about if isinstance(about, dict) else {},
    )


def _event_id(tree: Tree) -> str:
    """One that can go into the next page's query."""
    event_id = text(tree, "id")
    if _ID.fullmatch(event_id) is None:
        raise Unclear("an event without an id of Stripe's")
    return event_id


def _outcome(doubt: Doubt, emits: Emits, event: _Event) -> Outcome:
    """The call ran. What its object does not say clearly counts at what was held."""
    currency = "usd" if doubt.rate is None else doubt.rate.currency
    quote = Quote(doubt.amount_micros, "", currency, 0, doubt.rate)
    verdict = held(quote, event.about)
    if doubt.rate is not None:
        with suppress(Unclear):
            verdict = emits.reader(quote, event.about)
    return outcome_of(verdict, event.about, event.request_id)
