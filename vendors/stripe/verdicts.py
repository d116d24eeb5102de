"""What the settlers of every topic share: the verdict, its tables' shapes, and the careful checks.

A settler reads one kind of answer (an intent, a refund, a transfer) and gives a `Verdict`; whatever
it cannot vouch for is `Unclear`, which the door (settle.py) turns into IN_DOUBT with the why. The
shapes of the tables that a topic adds to are here too, so that topics know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vendors.contract import End, GivesBack, Outcome, Quote, Reading
from vendors.rates import Rate
from vendors.stripe.things import Unclear

Tree = Mapping[str, Any]
"""A JSON object of Stripe's."""


class Verdict(NamedTuple):
    """An Outcome's money, before the facts that every answer has are added. why: set by the door,
    and by a reader that knows the object and still learns nothing new from it (IN_DOUBT)."""

    end: End
    settled_micros: int = 0
    standing_micros: int = 0
    object_id: str | None = None
    label: str = ""
    gives_back: GivesBack | None = None
    why: str = ""


Settler = Callable[[Reading, Quote, Tree], Verdict]
"""The books after a 2xx: request, quote, the answer's object. Raises Unclear."""
Leftover = Callable[[Reading, Quote, Tree], Verdict | None]
"""What a refusal leaves behind (an intent that lives on): request, quote, Stripe's `error` object.
None: nothing, the call is released. Raises Unclear."""
Reader = Callable[[Quote, Tree], Verdict]
"""What an object says when it is read again. quote: its id, its hold's rate and currency, and in
amount_micros what it counts for now. Raises Unclear."""
Rereaders = Mapping[str, tuple[str, Reader]]
"""An id's beginning up to its first underscore (`re_`) -> the path that ids of it are read under
(`/v1/refunds/`), and the reader."""


@dataclass(frozen=True, slots=True)
class Emits:
    """By which events a call can be found again. types: at most 20, those that tell the most first.
    reader: what an event's object means for a hold (quote: its rate and amount, no object). always:
    a call that succeeds leaves one of them, whatever its parameters."""

    types: tuple[str, ...]
    reader: Reader
    always: bool = True


def aside(reading: Reading, quote: Quote) -> bool:
    """The path names an object and the quote belongs to none: this call cannot have moved it."""
    return quote.object_id is None and reading.operation.object_id is not None


def check_id(quote: Quote, object_id: str) -> None:
    if quote.object_id is not None and quote.object_id != object_id:
        raise Unclear("the answer is about another object")


def check_reference(asked: str | None, named: str) -> None:
    """Two names of one object, where both are known."""
    if asked and named and asked != named:
        raise Unclear("the answer is about another object")


def rate_of(quote: Quote, currency: str) -> Rate:
    """The rate that the hold was made at."""
    if quote.rate is None or quote.currency != currency:
        raise Unclear("the answer is in another currency")
    return quote.rate


def both_micros(rate: Rate, settled: int, standing: int) -> tuple[int, int]:
    """Both in micros, their sum rounded up once, so that it is what the quote of the whole was."""
    settled_micros = rate.to_micros(settled)
    return settled_micros, rate.to_micros(settled + standing) - settled_micros


def named(tree: Tree) -> str:
    """The object's own id; '' if it has none."""
    name = tree.get("id")
    return name if isinstance(name, str) else ""


def held(quote: Quote, tree: Tree) -> Verdict:
    """The object does not show what moved: all that was held for it counts."""
    return Verdict(End.SETTLED, quote.amount_micros, label=named(tree))


def outcome_of(
    verdict: Verdict, tree: Tree, request_id: str = "", *, replayed: bool = False
) -> Outcome:
    """A verdict with the facts around it. tree: the object that it was read from."""
    livemode = tree.get("livemode")
    return Outcome(
        verdict.end,
        verdict.settled_micros,
        verdict.standing_micros,
        verdict.object_id,
        verdict.why,
        verdict.label,
        livemode if isinstance(livemode, bool) else None,
        request_id,
        replayed,
        verdict.gives_back,
    )
