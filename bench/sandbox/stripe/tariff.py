"""What a quantity of a price costs: unit amounts, packages, tiers. Pure.

Unit amounts may have twelve decimals of a minor unit, so sums are exact fractions and only a whole
line is rounded, halves away from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from bench.sandbox.wire import Obj

HALF: Final = Fraction(1, 2)


def rounded(value: Fraction) -> int:
    """The nearest whole minor unit."""
    whole = int(abs(value) + HALF)
    return whole if value >= 0 else -whole


def line_amount(price: Obj, quantity: Fraction, tiers: Sequence[Obj] = ()) -> int:
    """Minor units for so many of a price. tiers: those of a tiered price, in order."""
    if price["billing_scheme"] == "tiered":
        graduated = price["tiers_mode"] == "graduated"
        return rounded((_graduated if graduated else _volume)(quantity, tiers))
    return rounded(_packages(price, quantity) * unit_of(price))


def unit_of(price: Obj) -> Fraction:
    """One unit; a price whose payer chooses the amount has none."""
    return Fraction(price["unit_amount_decimal"] or 0)


def _packages(price: Obj, quantity: Fraction) -> Fraction:
    package = price["transform_quantity"]
    if package is None:
        return quantity
    whole, rest = divmod(quantity, package["divide_by"])
    return Fraction(whole + (1 if rest and package["round"] == "up" else 0))


def _volume(quantity: Fraction, tiers: Sequence[Obj]) -> Fraction:
    """All of it at the price of the tier that it reaches."""
    for tier in tiers:
        if tier["up_to"] is None or quantity <= tier["up_to"]:
            return quantity * _unit(tier) + _flat(tier)
    raise ValueError("the last tier has an end")


def _graduated(quantity: Fraction, tiers: Sequence[Obj]) -> Fraction:
    """Each part at the price of its own tier; a tier that is entered costs its flat amount."""
    total, below = Fraction(0), Fraction(0)
    for number, tier in enumerate(tiers):
        if quantity <= below and number:
            break
        top = quantity if tier["up_to"] is None else min(quantity, Fraction(tier["up_to"]))
        total += (top - below) * _unit(tier) + _flat(tier)
        below = top
    return total


def _unit(tier: Obj) -> Fraction:
    return Fraction(tier["unit_amount_decimal"] or 0)


def _flat(tier: Obj) -> Fraction:
    return Fraction(tier["flat_amount_decimal"] or 0)
