"""The largest amount that an answer shows: what an unpriced operation is booked at, at least.

Every object of the answer is looked at, but for `metadata`, which is the caller's own text. A
figure is worth its amount in the currency of its own object, or of the nearest one around it, by
the table as it is, stale or not: this only ever adds to a hold that was fixed beforehand. Without a
currency that can be read it counts as USD.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from vendors.contract import Answer
from vendors.rates import USD, CurrencyUnknown, Rate, Rates
from vendors.stripe.currencies import EXPONENTS
from vendors.stripe.things import FIGURE_MAX, Unclear, read_object

_FIGURES: Final = frozenset(
    {
        *("amount", "amount_captured", "amount_due", "amount_paid", "amount_received"),
        *("amount_remaining", "amount_total", "total", "unit_amount", "value"),
    }
)
_DEPTH_MAX: Final = 20
_MICROS_MAX: Final = 10**17
"""What a unit amount times a quantity is cut at: the books keep 63 bits."""


def shown_micros(answer: Answer, rates: Rates) -> int:
    """0 if the answer shows no amount, or is no JSON object."""
    try:
        tree = read_object(answer.body)
    except Unclear:
        return 0
    shown = (rate.to_micros(minor) for minor, rate in _figures(tree, rates, USD, 0))
    return min(max(shown, default=0), _MICROS_MAX)


def _figures(value: Any, rates: Rates, rate: Rate, depth: int) -> Iterator[tuple[int, Rate]]:
    """Every amount with its rate; a unit amount times the quantity beside it."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, list):
        for member in value:
            yield from _figures(member, rates, rate, depth + 1)
    if not isinstance(value, dict):
        return
    rate = _rate_of(value, rates, rate)
    for name in _FIGURES & value.keys():
        if (minor := _minor(value[name])) is not None:
            yield minor, rate
    times = _minor(value.get("quantity"))
    for name, member in value.items():
        if name == "metadata":
            continue
        for minor, its in _figures(member, rates, rate, depth + 1):
            yield minor * max(1, times or 1), its


def _rate_of(value: dict[str, Any], rates: Rates, around: Rate) -> Rate:
    code = value.get("currency")
    if not isinstance(code, str) or code.lower() not in EXPONENTS:
        return around
    try:
        return rates.fixed(code.lower(), EXPONENTS[code.lower()])
    except CurrencyUnknown:
        return around


def _minor(value: Any) -> int | None:
    """`/v2` writes an amount as `{"value": "1200", "currency": …}`, its numbers perhaps as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 13:
        value = int(value)
    return value if type(value) is int and 0 <= value < FIGURE_MAX else None
