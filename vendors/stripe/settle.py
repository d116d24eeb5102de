"""What Stripe's answer to a call means for the books: the door to the settlers of every topic.

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

from collections.abc import Mapping
from typing import Final

from vendors.contract import Answer, End, Lookup, Outcome, Quote, Reading
from vendors.rates import Rate
from vendors.stripe import (
    billing,
    charges,
    credit,
    definitions,
    intents,
    outflows,
    refunds,
    terminal,
    v2money,
)
from vendors.stripe.asked import look_at
from vendors.stripe.things import Unclear, read_object
from vendors.stripe.verdicts import Leftover, Rereaders, Settler, Tree, Verdict, named, outcome_of

SETTLERS: Final[Mapping[str, Settler]] = {
    **intents.SETTLERS,
    **charges.SETTLERS,
    **refunds.SETTLERS,
    **outflows.SETTLERS,
    **credit.SETTLERS,
    **terminal.SETTLERS,
    **v2money.SETTLERS,
    **definitions.SETTLERS,
    **billing.SETTLERS,
}
LEFTOVERS: Final[Mapping[str, Leftover]] = {
    **intents.LEFTOVERS,
    **terminal.LEFTOVERS,
    **billing.LEFTOVERS,
}
REREADERS: Final[Rereaders] = {
    **intents.REREADERS,
    **charges.REREADERS,
    **refunds.REREADERS,
    **v2money.REREADERS,
    **billing.REREADERS,
}

_NEVER_RELEASES: Final = frozenset({409, 424})


def settle(reading: Reading, quote: Quote, answer: Answer) -> Outcome:
    """Never raises: what cannot be read is IN_DOUBT, with a why."""
    tree: Tree = {}
    try:
        tree = _tree(answer)
        verdict = _judge(reading, quote, answer.status, tree)
    except Unclear as exc:
        label = named(tree) or reading.operation.object_id or ""
        verdict = Verdict(End.IN_DOUBT, label=label, why=str(exc))
    return _outcome(answer, tree, verdict)


def object_lookup(object_id: str) -> Lookup | None:
    """How an object that holds money is read again; None for an id that is none of such an
    object."""
    known = REREADERS.get(_beginning(object_id))
    return None if known is None else look_at(known[0] + object_id, "what it has come to")


def reread(object_id: str, rate: Rate | None, counted_micros: int, answer: Answer) -> Outcome:
    """What an object says of itself when it is read again. rate: of its hold. An answer that is not
    the object (a 404 too) is IN_DOUBT, with a why: the books stay as they are."""
    currency = "usd" if rate is None else rate.currency
    quote = Quote(counted_micros, "", currency, 0, rate, object_id)
    tree: Tree = {}
    try:
        if rate is None:
            raise Unclear("its hold remembers no rate")
        if answer.status != 200:
            raise Unclear(f"HTTP {answer.status} to a read")
        tree = read_object(answer.body)
        verdict = read_again(quote, object_id, tree)
    except Unclear as exc:
        verdict = Verdict(End.IN_DOUBT, label=object_id, why=str(exc))
    return _outcome(answer, tree, verdict)


def read_again(quote: Quote, object_id: str, tree: Tree) -> Verdict:
    """quote: as `verdicts.Reader` wants it. Raises Unclear."""
    known = REREADERS.get(_beginning(object_id))
    if known is None:
        raise Unclear("no object that holds money")
    return known[1](quote, tree)


def _beginning(object_id: str) -> str:
    return object_id[: object_id.find("_") + 1]


def _outcome(answer: Answer, tree: Tree, verdict: Verdict) -> Outcome:
    headers = answer.headers
    request_id = headers.get(b"request-id", b"").decode("latin-1")
    replayed = headers.get(b"idempotent-replayed", b"").lower() == b"true"
    return outcome_of(verdict, tree, request_id, replayed=replayed)


def _tree(answer: Answer) -> Tree:
    """The answer's object. Raises Unclear for what nobody may read money from."""
    if not (200 <= answer.status < 300 or 400 <= answer.status < 500):
        raise Unclear(f"HTTP {answer.status} says nothing about the money")
    return read_object(answer.body)


def _judge(reading: Reading, quote: Quote, status: int, tree: Tree) -> Verdict:
    if status >= 400:
        return _refused(reading, quote, status, tree)
    return SETTLERS[reading.operation.name](reading, quote, tree)


def _refused(reading: Reading, quote: Quote, status: int, tree: Tree) -> Verdict:
    error = tree.get("error")
    if not isinstance(error, dict):
        raise Unclear(f"HTTP {status} without Stripe's error object")
    if status in _NEVER_RELEASES:
        raise Unclear(f"HTTP {status}: another call, or another system, decides")
    leftover = LEFTOVERS.get(reading.operation.name)
    left = None if leftover is None else leftover(reading, quote, error)
    return left or Verdict(End.RELEASED, label=reading.operation.object_id or "")
