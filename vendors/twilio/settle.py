"""What Twilio's answer to a call means for the books.

| answer | books |
| --- | --- |
| 2xx with a message or a call | pending at the quote, or settled if its price is final |
| 2xx to a cancel | the message is free if it says `canceled`, else it stays as it is |
| 2xx to a check of a code | the fee if it says `approved`, else nothing |
| 2xx to anything else that has a price | settled at the quote |
| 404 to a look-up with packages | settled: Twilio bills the question, not the answer |
| 4xx, 5xx with Twilio's error | released; 409 and 424 stay in doubt |
| anything else | in doubt |

The answer must be about this call: a message of another account, or an id that is none, keeps the
hold, with a why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from vendors.contract import Answer, End, Outcome, Quote, Reading
from vendors.twilio.catalogue import KINDS
from vendors.twilio.prices import Prices
from vendors.twilio.quote import hidden
from vendors.twilio.things import (
    Tree,
    Unclear,
    call_cost,
    is_call,
    join_id,
    message_cost,
    read_tree,
    split_id,
)
from vendors.twilio.xmltree import is_xml, read_xml

Settler = Callable[[Reading, Quote, Tree, Prices], Outcome]

_NEVER_RELEASES: Final = frozenset({409, 424})
_ACCOUNT_PLACE: Final = 3
_XML_ERROR: Final = b"<RestException>"


def settle(reading: Reading, quote: Quote, answer: Answer, prices: Prices) -> Outcome:
    """Never raises: what cannot be read is IN_DOUBT, with a why."""
    try:
        outcome = _judge(reading, quote, answer, prices)
    except Unclear as exc:
        label = reading.operation.object_id or ""
        outcome = Outcome(End.IN_DOUBT, why=str(exc), label=label)
    return replace(outcome, request_id=request_id(answer))


def reread(object_id: str, answer: Answer, prices: Prices) -> Outcome:
    """What a message or a call says of itself when it is read again. IN_DOUBT: the books stay as
    they are."""
    split = split_id(object_id)
    sid = object_id if split is None else split[0]
    try:
        if split is None:
            raise Unclear("neither a message nor a call")
        if answer.status != 200:
            raise Unclear(f"HTTP {answer.status} to a read")
        tree = read_tree(answer.body)
        if tree.get("sid") != sid:
            raise Unclear("the answer is about another object")
        outcome = of_thing(tree, sid, split[1], prices)
        if outcome is None:
            raise Unclear("not priced yet")
    except Unclear as exc:
        outcome = Outcome(End.IN_DOUBT, why=str(exc), label=sid)
    return replace(outcome, request_id=request_id(answer))


def of_thing(tree: Tree, sid: str, unseen_micros: int, prices: Prices) -> Outcome | None:
    """A message or a call at its final price, and what that leaves out; None: not known yet. Raises
    Unclear."""
    if is_call(sid):
        cost = call_cost(tree, unseen_micros)
    else:
        cost = message_cost(tree, unseen_micros, prices)
    if cost is None:
        return None
    end = End.SETTLED if cost else End.RELEASED
    return Outcome(end, cost, object_id=join_id(sid, unseen_micros), label=sid)


def pending(sid: str, unseen_micros: int, held_micros: int) -> Outcome:
    """Counts at what is held until its price is known."""
    object_id = join_id(sid, unseen_micros)
    return Outcome(End.PENDING, standing_micros=held_micros, object_id=object_id, label=sid)


def request_id(answer: Answer) -> str:
    return answer.headers.get(b"twilio-request-id", b"").decode("latin-1")


def _judge(reading: Reading, quote: Quote, answer: Answer, prices: Prices) -> Outcome:
    status, kind = answer.status, KINDS.get(reading.operation.name, "")
    if status >= 400:
        if kind == "lookup" and status == 404 and quote.amount_micros:
            return Outcome(End.SETTLED, quote.amount_micros)
        return _refused(reading, answer)
    if not 200 <= status < 300:
        raise Unclear(f"HTTP {status} says nothing about the money")
    settler = SETTLERS.get(kind)
    if settler is None:
        return Outcome(End.SETTLED, quote.amount_micros)
    tree = read_xml(answer.body) if is_xml(answer.body) else read_tree(answer.body)
    return settler(reading, quote, tree, prices)


def _refused(reading: Reading, answer: Answer) -> Outcome:
    """Twilio's own refusal says that nothing ran, a 5xx too. Raises Unclear."""
    status = answer.status
    if status in _NEVER_RELEASES:
        raise Unclear(f"HTTP {status}: another call, or another system, decides")
    if not (status < 500 and _XML_ERROR in answer.body):
        code = read_tree(answer.body).get("code")
        if not isinstance(code, int) or isinstance(code, bool):
            raise Unclear(f"HTTP {status} without an error of Twilio's")
    return Outcome(End.RELEASED, label=reading.operation.object_id or "")


def _made(reading: Reading, quote: Quote, tree: Tree, prices: Prices) -> Outcome:
    """A message or a call; a participant of a conference names its call apart. One that had no
    price (the key gave it a hold) counts at that: further legs are in no answer."""
    sid = tree.get("call_sid" if "call_sid" in tree else "sid")
    if not isinstance(sid, str) or split_id(sid) != (sid, 0):
        raise Unclear("the answer names no message and no call")
    if is_call(sid) is not (KINDS[reading.operation.name] == "call"):
        raise Unclear("the answer is about something else")
    _check_account(reading, tree)
    unseen = hidden(reading, prices)
    if unseen is None:
        return Outcome(End.SETTLED, quote.amount_micros, label=sid)
    final = of_thing(tree, sid, unseen, prices)
    return final or pending(sid, unseen, quote.amount_micros)


def _message_change(reading: Reading, quote: Quote, tree: Tree, prices: Prices) -> Outcome:
    """Only a cancel that says so frees what the message holds; one that came too late, or that
    emptied it, gives back what it held itself, which is nothing."""
    sid = reading.operation.object_id or ""
    if tree.get("sid") != sid:
        raise Unclear("the answer is about another message")
    _check_account(reading, tree)
    if quote.object_id is not None and tree.get("status") == "canceled":
        return Outcome(End.RELEASED, object_id=sid, label=sid)
    return Outcome(End.RELEASED, label=sid)


def _call_change(reading: Reading, quote: Quote, tree: Tree, prices: Prices) -> Outcome:
    return Outcome(End.SETTLED, quote.amount_micros, label=reading.operation.object_id or "")


def _success(reading: Reading, quote: Quote, tree: Tree, prices: Prices) -> Outcome:
    """The check of a code bills where the code was right. Every other success is one when Twilio
    says yes, or later on somebody's phone."""
    label = tree.get("sid")
    label = label if isinstance(label, str) else ""
    if reading.operation.name != "verify.v2.CreateVerificationCheck":
        return Outcome(End.SETTLED, quote.amount_micros, label=label)
    status = tree.get("status")
    if not isinstance(status, str):
        raise Unclear("the check has no status")
    if status == "approved":
        return Outcome(End.SETTLED, quote.amount_micros, label=label)
    return Outcome(End.RELEASED, label=label)


def _check_account(reading: Reading, tree: Tree) -> None:
    if tree.get("account_sid") != reading.path.split("/")[_ACCOUNT_PLACE]:
        raise Unclear("the answer is about another account")


SETTLERS: Final[Mapping[str, Settler]] = {
    "message": _made,
    "message_change": _message_change,
    "call": _made,
    "call_change": _call_change,
    "verification_success": _success,
}
"""By class of the catalogue; any other class with a price is settled at its quote."""
