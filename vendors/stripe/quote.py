"""The most a call to Stripe can cost, before it leaves: the door to the quoters of every topic.

A call that names its amount and currency is priced from them. Where the amount, or only the
currency, is stored at Stripe, the object is looked up with the real key first. What each operation
comes to is told where its topic is: intents.py, charges.py, refunds.py, billing/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, Lookup, Quote, Reading, Unreadable
from vendors.rates import Rate, Rates
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
from vendors.stripe.asked import Quoter, Quoters

FIGURES: Final = frozenset(
    {"amount", "amount_to_capture", "amount_to_confirm", "currency", "refund_amount"}
)
"""Parameters that carry the price. One that an operation does not take is refused, not ignored."""

QUOTERS: Final[Quoters] = {
    **intents.QUOTERS,
    **charges.QUOTERS,
    **refunds.QUOTERS,
    **outflows.QUOTERS,
    **credit.QUOTERS,
    **terminal.QUOTERS,
    **v2money.QUOTERS,
    **definitions.QUOTERS,
    **billing.QUOTERS,
}
"""Operation -> how it is priced, and which of the figures are its own parameters."""

_CLOSED: Final[Mapping[str, tuple[Quoter, frozenset[str]]]] = {
    name: (quoter, FIGURES - own) for name, (quoter, own) in QUOTERS.items()
}


def quote(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """For PRICED operations. Raises Unreadable, Unpriced, RuleRefused."""
    quoter, foreign = _CLOSED[reading.operation.name]
    if not foreign.isdisjoint(reading.fields):
        name = min(foreign & reading.fields.keys())
        raise Unreadable(name, "not a parameter of this operation")
    return quoter(reading, rates, found, kept)
