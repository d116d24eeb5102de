"""Money that moves once, as Stripe shows it: transfers, payouts, reversals, fees, disputes, grants.

Their objects differ in little but names: where the amount is, what of it went back already, whether
a minus tells the direction. A `Kind` says that as data, and from a kind come the three things its
operations need: a quoter that looks one up, a settler of an answer that shows one, and a reader for
one that is found again in an event. Direction makes no difference to a cap: an amount counts as it
is without its sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from vendors.contract import Answer, End, Lookup, Quote, Reading, Unreadable
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    Quoter,
    amount_of,
    checked_id,
    look_up,
    nothing_more,
    of_stored,
    path_id,
    stated,
)
from vendors.stripe.things import FIGURE_MAX, Unclear, check_kind, figure, reference, text
from vendors.stripe.verdicts import (
    Emits,
    Settler,
    Tree,
    Verdict,
    check_reference,
    held,
    rate_of,
)

OVER: Final = frozenset({"failed", "canceled"})
"""What has come to this has moved nothing."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One object of a kind. amount, back: minor units of `currency` (lower case); back: of the
    amount, what went back already."""

    id: str
    currency: str
    amount: int
    back: int
    status: str

    @property
    def left(self) -> int:
        return max(0, self.amount - self.back)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of object says how much moves. name: its `object`. path: where one is read by
    its id. amount, currency: members, from outside in. back: the member that says what went back.
    signed: a minus is a direction. digits: amounts may be digits in quotes, as `/v2` writes
    them."""

    name: str
    path: str = ""
    amount: tuple[str, ...] = ("amount",)
    currency: tuple[str, ...] = ("currency",)
    back: str = ""
    signed: bool = False
    digits: bool = False

    def read(self, tree: Tree) -> Movement:
        """Raises Unclear."""
        check_kind(tree, self.name)
        status = tree.get("status")
        return Movement(
            text(tree, "id"),
            text(*_within(tree, self.currency)).lower(),
            self._amount(*_within(tree, self.amount)),
            figure(tree, self.back) if self.back else 0,
            status if isinstance(status, str) else "",
        )

    def _amount(self, tree: Tree, name: str) -> int:
        value = tree.get(name)
        if self.signed and type(value) is int and -FIGURE_MAX < value < 0:
            return -value
        if self.digits and isinstance(value, str) and value.isascii() and value.isdecimal():
            return figure({name: int(value[:20])}, name)
        return figure(tree, name)


def _within(tree: Tree, path: tuple[str, ...]) -> tuple[Tree, str]:
    """The object that holds the last member of the path."""
    value: Any = tree
    for name in path[:-1]:
        value = value.get(name)
        if not isinstance(value, dict):
            raise Unclear(f"{name} is missing")
    return value, path[-1]


def states(what: str) -> Quoter:
    """Amount and currency are in the request. what: `a payout of`."""

    def quoter(
        reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        return stated(reading.fields, rates, what)

    return quoter


def stores(
    what: str, kind: Kind, field: str | None = None, over: frozenset[str] = frozenset()
) -> Quoter:
    """The currency is at Stripe, and so is the amount unless the request names one (where it may:
    `quote.QUOTERS` says so). field: the parameter that names the object, None: the path does.
    over: statuses in which nothing can move any more."""

    def quoter(
        reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        asked = amount_of(reading.fields, "amount")
        object_id = path_id(reading) if field is None else named_id(reading, field)
        why = "how much there is to move is at Stripe"
        stored = look_up(kind.path, object_id, why, kind.read, found)
        if isinstance(stored, Lookup):
            return stored
        if stored.status in over:
            return nothing_more(stored.id, stored.status)
        return of_stored(reading.fields, stored.currency, stored.left, asked, rates, what)

    return quoter


def named_id(reading: Reading, field: str) -> str:
    """An id that a parameter must name."""
    value = reading.fields.get(field)
    if value is None:
        raise Unreadable(field, "missing")
    return checked_id(field, value)


def shows(kind: Kind, about: str = "") -> Settler:
    """A settler for answers of this kind. about: the member that names the object of the path."""

    def settler(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
        if quote.rate is None:  # what it was about is through
            return at_quote(reading, quote, tree)
        if about:
            check_reference(reading.operation.object_id, reference(tree, about))
        return counted(kind, quote, tree)

    return settler


def counted(kind: Kind, quote: Quote, tree: Tree) -> Verdict:
    """What one object of the kind means for the hold it was made under. Raises Unclear."""
    movement = kind.read(tree)
    rate = rate_of(quote, movement.currency)
    if movement.status in OVER:
        return Verdict(End.RELEASED, label=movement.id)
    return Verdict(End.SETTLED, rate.to_micros(movement.amount), label=movement.id)


def at_quote(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    """The answer does not show what moved: it counts at its quote."""
    return held(quote, tree)


def emits(kind: Kind, *types: str) -> Emits:
    """Found again by events of these types, whose object is of this kind."""
    return Emits(types, partial(counted, kind))
