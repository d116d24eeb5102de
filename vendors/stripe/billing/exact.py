"""Exact numbers: decimals of a request and of Stripe's answers as fractions, never as floats.

Stripe takes unit amounts and quantities with up to 12 decimals, in the currency's smallest unit.
What a request says is read as strictly as any amount (no exponent, no sign but `-`, no leading
zero); what Stripe shows is either a JSON integer or such a text. Sums are fractions until the end
and are then rounded up once. Nothing larger than Stripe can charge gets through, so that the books'
63 bits hold.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import Any, Final

from vendors.contract import Unreadable
from vendors.money import ceil_div
from vendors.stripe.things import FIGURE_MAX, Unclear
from vendors.stripe.verdicts import Tree

_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,11}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,12})?", re.ASCII)


def whole(field: str, text: str) -> int:
    """Zero or more. Raises Unreadable."""
    if _WHOLE.fullmatch(text) is None:
        raise Unreadable(field, "write a whole number of at most 12 digits")
    return int(text)


def decimal(field: str, text: str) -> Fraction:
    """May be negative, has up to 12 decimals. Raises Unreadable."""
    if _DECIMAL.fullmatch(text) is None:
        raise Unreadable(field, "write a decimal number with at most 12 digits before and after")
    return Fraction(text)


def round_up(value: Fraction) -> int:
    """A cost in minor units. Raises Unclear for more than Stripe can charge; below zero is zero:
    what lowers an invoice frees nothing here."""
    minor = max(0, ceil_div(value.numerator, value.denominator))
    if minor >= FIGURE_MAX:
        raise Unclear("the amounts come to more than Stripe can charge")
    return minor


def read_exact(body: bytes) -> Tree:
    """A JSON object whose numbers with a fraction stay text. Raises Unclear."""
    try:
        tree = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as exc:
        raise Unclear("the answer is not JSON") from exc
    if not isinstance(tree, dict):
        raise Unclear("the answer is not a JSON object")
    return tree


def figure(tree: Tree, name: str) -> int:
    """An amount that cannot be negative. Raises Unclear."""
    value = signed(tree, name)
    if value < 0:
        raise Unclear(f"{name} is negative")
    return value


def signed(tree: Tree, name: str) -> int:
    """An amount that a credit can make negative. Raises Unclear."""
    value = tree.get(name)
    if type(value) is not int or abs(value) >= FIGURE_MAX:
        raise Unclear(f"{name} is not a plausible amount")
    return value


def fraction(name: str, value: Any) -> Fraction:
    """A number that Stripe shows as an integer or as decimal text, zero or more. Raises Unclear."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or _DECIMAL.fullmatch(text) is None or text.startswith("-"):
        raise Unclear(f"{name} is not a plausible number")
    return Fraction(text)


def branch(tree: Tree, name: str) -> Tree:
    """An object inside; empty where it is null, missing or something else."""
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Tree]:
    """The objects of a list, or of one of Stripe's list objects that shows all it has; none for
    null. Raises Unclear."""
    if isinstance(value, dict):
        if value.get("has_more") is not False:
            raise Unclear("a list is longer than what is shown of it")
        value = value.get("data")
    members = [] if value is None else value
    if not isinstance(members, list) or not all(isinstance(each, dict) for each in members):
        raise Unclear("a list cannot be read")
    return members
