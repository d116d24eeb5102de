"""Prices that take several look-ups, told in the order they are made.

A plan is a generator: it yields a `Lookup` whenever the price is at Stripe, is sent the answer, and
returns the `Quote`. `quoter` turns it into what the contract asks for: each time the gateway comes
with one answer more, the plan is run again from the beginning with all of them. It is pure, so it
takes the same way.

    def _finalize(ask: Asking) -> Steps[Quote]:
        invoice = yield from found_invoice(ask, "in_1")
        return of_total(ask, invoice, invoice.total)

Whatever a look-up shows that cannot be read makes the call unpriced, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from vendors.contract import Answer, Lookup, Quote, Reading, Unpriced
from vendors.rates import Rate, Rates
from vendors.stripe.asked import Fields, Quoter, path_id, shown
from vendors.stripe.billing.exact import read_exact
from vendors.stripe.currencies import known, rate_for
from vendors.stripe.things import Unclear
from vendors.stripe.verdicts import Tree

_T = TypeVar("_T")
Steps = Generator[Lookup, Answer, _T]
"""Yields look-ups, is sent their answers, returns a value."""

_INDEX: Final = re.compile(r"\[(?:0|[1-9][0-9]{0,4})\]", re.ASCII)
_FREE_TEXT: Final = re.compile(
    r"(?:metadata|[a-z_]+_data\[metadata\]|[a-z_]+\[.*\]\[metadata\])\[[^\[\]]*\]", re.DOTALL
)
_ELEMENT: Final = re.compile(r"([a-z_]+)\[(0|[1-9][0-9]{0,4})\]", re.ASCII)
"""An index with a leading zero is none, so that no element hides behind another; `admit` refuses
it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a plan is asked. kept: the rate of the object's earlier hold."""

    reading: Reading
    rates: Rates
    kept: Rate | None

    @property
    def fields(self) -> Fields:
        return self.reading.fields


Plan = Callable[[Asking], Steps[Quote]]


def quoter(plan: Plan) -> Quoter:
    """A plan as the table of quoters wants it."""

    def quote(
        reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        steps = plan(Asking(reading, rates, kept))
        try:
            lookup = next(steps)
            for answer in found:
                lookup = steps.send(answer)
        except StopIteration as stop:
            made: Quote = stop.value
            return made
        except Unclear as exc:
            raise Unpriced(f"what Stripe shows gives no price: {exc}") from exc
        return lookup

    return quote


def look(target: str, why: str, kind: str, object_id: str = "") -> Steps[Tree]:
    """The object at a path, of the kind and with the id that were asked for. Raises Unclear."""
    answer = yield Lookup(target, why)
    tree = read_exact(answer.body)
    if tree.get("object") != kind:
        raise Unclear(f"looking up {object_id or kind} found no {kind}")
    if object_id and tree.get("id") != object_id:
        raise Unclear(f"looking up {object_id} found another object")
    return tree


def plain_quote(ask: Asking, currency: str, minor: int, what: str) -> Quote:
    """A call that belongs to no object yet: so much, in minor units."""
    currency = known("currency", currency)
    rate = rate_for(currency, ask.rates, ask.kept)
    return Quote(rate.to_micros(minor), f"{what} {shown(minor, currency)}", currency, minor, rate)


def freeing(reading: Reading, kept: Rate | None, how: str, object_id: str = "") -> Quote:
    """Costs nothing and belongs to an object (the path's, unless another is named), so that its
    answer can free what is held for it."""
    currency = "usd" if kept is None else kept.currency
    return Quote(0, how, currency, 0, kept, object_id or path_id(reading))


def frees(how: str) -> Quoter:
    """The quoter of an operation that can only free its object. Moves nothing, so no look-up."""

    def quote(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
        return freeing(reading, kept, how)

    return quote


def template(name: str) -> str:
    """`items[0][price]` -> `items[][price]`."""
    return _INDEX.sub("[]", name)


def admit(fields: Fields, priced: Collection[str], harmless: Collection[str]) -> None:
    """Every parameter must be one whose part in the price is known. priced: templates. harmless:
    templates too, all that is below them included; metadata is, everywhere. Raises Unpriced, naming
    one that is neither."""
    for name in fields:
        if template(name) not in priced and not free_text(name) and not under(name, harmless):
            raise Unpriced(f"nobody can say what {name} does to the amount")


def free_text(name: str) -> bool:
    """Is it the caller's own text: `metadata[a]`, also inside an element or a part that is no list
    (`items[0][metadata][a]`, `subscription_data[metadata][a]`)? In the place of a list's index the
    word is no such thing: nobody knows what `items[metadata][price]` adds to the list."""
    return _FREE_TEXT.fullmatch(name) is not None


def under(name: str, parts: Collection[str]) -> bool:
    """Is its template, or that of something around it, one of these?"""
    part = template(name)
    while part not in parts:
        part, bracket, _ = part.rpartition("[")
        if not bracket:
            return False
    return True


def true(fields: Fields, name: str) -> bool:
    """Anything but `false` and nothing counts as true."""
    return fields.get(name, "") not in ("", "false")


def elements(fields: Fields, root: str) -> list[str]:
    """`line_items` -> [`line_items[0]`, `line_items[1]`], in order."""
    found = {
        int(match[2]): match[0]
        for name in fields
        if (match := _ELEMENT.match(name)) is not None and match[1] == root
    }
    return [found[i] for i in sorted(found)]


def within(base: str, name: str) -> str:
    """The name of a part: (`items[0]`, `price`) -> `items[0][price]`, ('', `price`) -> `price`."""
    if not base:
        return name
    root, bracket, rest = name.partition("[")
    return f"{base}[{root}]{bracket}{rest}"


def path_part(ask: Asking, i: int) -> str:
    """Segment i of the path, counted from 0 at `v1`."""
    return ask.reading.path.split("/")[i + 1]
