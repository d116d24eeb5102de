"""The ledger's sums without its durability: what quotes hold and outcomes book, for one key; and
what moved at the vendor meanwhile, in the same micros.

An object (a payment intent, a message without a price) counts once until it is through, everything
else by the call; `gateway.call.objects` has the same rules for several keys.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vendors.contract import End, Outcome, Quote
from vendors.rates import USD, Rate, Rates
from vendors.stripe.currencies import EXPONENTS

_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_TABLE: Final = Rates.load(None, "2", 30)
RATES: Final = _TABLE.on(_TABLE.date.toordinal() - _EPOCH)
"""The table that ships, as fresh as on its first day."""
MICROS: Final = Rate("usd_micros", 6, 1, 1)


@dataclass(frozen=True, slots=True)
class Moved:
    """One movement of money at the vendor. subject: the object as it was then."""

    kind: str
    subject: Mapping[str, Any]
    amount: int

    @property
    def micros(self) -> int:
        return rate_of(self.subject["currency"]).to_micros(self.amount)


def rate_of(currency: str) -> Rate:
    """As every quote converts it."""
    if currency == "usd_micros":
        return MICROS
    if currency == "usd":
        return USD
    return RATES.rate(currency, EXPONENTS[currency])


@dataclass(slots=True)
class Thing:
    """What the books count for one object that is not through. base: what it cost before."""

    base_micros: int
    settled_micros: int
    standing_micros: int
    rate: Rate | None

    @property
    def counted(self) -> int:
        return self.settled_micros + self.standing_micros


@dataclass(slots=True)
class Books:
    """over_micros: what has ended. things: objects that hold money, by id; ended: those that did,
    and what they came to. units: what counts against a cap on calls."""

    over_micros: int = 0
    things: dict[str, Thing] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    units: int = 0

    @property
    def counted(self) -> int:
        return self.over_micros + sum(thing.counted for thing in self.things.values())

    @property
    def standing(self) -> int:
        return sum(thing.standing_micros for thing in self.things.values())

    def hold(self, quote: Quote) -> int:
        """What the quote asks for on top of what its object counts for already."""
        known = self.things.get(quote.object_id or "")
        if known is None:
            return max(0, quote.amount_micros - quote.before_micros)
        return max(0, quote.amount_micros - known.base_micros - known.counted)

    def room(self, quote: Quote) -> int:
        """What may move during the call: the hold, and what of the object stands already. An
        object's money is rounded up once, its parts each: that is one micro."""
        known = self.things.get(quote.object_id or "")
        return self.hold(quote) + (known.standing_micros + 1 if known else 0)

    def book(self, quote: Quote, outcome: Outcome) -> int:
        """What the outcome means, as the gateway books it. Returns by how much more is counted."""
        before = self.counted
        known = self.things.get(quote.object_id or "")
        self.units += quote.units if outcome.units is None else outcome.units
        if outcome.end is End.RELEASED and (outcome.object_id is None or known is None):
            self.units -= quote.units
            return 0
        base = known.base_micros if known else quote.before_micros
        self._put(quote.object_id, outcome, base, known.rate if known else quote.rate)
        return self.counted - before

    def reread(self, object_id: str, outcome: Outcome) -> None:
        thing = self.things[object_id]
        self._put(object_id, outcome, thing.base_micros, thing.rate)

    def _put(self, held: str | None, outcome: Outcome, base: int, rate: Rate | None) -> None:
        if held is not None:
            self.things.pop(held, None)
        settled = max(0, outcome.settled_micros - base)
        standing = max(0, outcome.standing_micros - max(0, base - outcome.settled_micros))
        if standing and outcome.object_id:
            self.things[outcome.object_id] = Thing(base, settled, standing, rate)
        else:
            self.over_micros += settled + standing
            if outcome.object_id:
                self.ended[outcome.object_id] += settled + standing
