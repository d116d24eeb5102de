"""What one recipient costs: a small dated table, which an operator can replace by the terms of a
contract of their own.

A table says one number, so the hold can remember it as a rate: one recipient is one "minor unit",
and the rate says how many micro-USD it is worth. What was held at one price is settled at it, also
when the table has changed in between.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from vendors.contract import MediaTypeRefused, PriceTableMistake, Unreadable
from vendors.money import show_usd
from vendors.rates import Rate
from vendors.strict_json import read_json

MICROS_MAX: Final = 1_000_000
"""A dollar for an e-mail is a slip of the pen, whatever the contract."""

_MEMBERS: Final = frozenset({"about", "date", "recipient_micros", "sources"})
_NEEDED: Final = ("date", "recipient_micros")
_WHOLE: Final = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Prices:
    """date: of the table, `2026-10-31`. rate: of one recipient. shown: its price in USD, for
    people."""

    date: str
    rate: Rate
    shown: str


def read_prices(table: str) -> Prices:
    """A table in the format of prices.json. Raises PriceTableMistake: which member, and what it
    must be."""
    tree = _tree(table)
    for name in tree:
        if name not in _MEMBERS:
            raise PriceTableMistake(f"{name[:40]!r}: not a member of a table of Resend's prices")
    for name in _NEEDED:
        if name not in tree:
            raise PriceTableMistake(f"{name}: missing")
    micros = _micros(tree["recipient_micros"])
    return Prices(_date(tree["date"]), Rate("usd", 0, micros, 1), show_usd(micros))


def _tree(table: str) -> dict[str, Any]:
    try:
        tree = read_json(table.encode("utf-8", "surrogatepass"))
    except (Unreadable, MediaTypeRefused) as exc:
        raise PriceTableMistake(str(exc)) from None
    if not isinstance(tree, dict):
        raise PriceTableMistake("the table must be a JSON object")
    return tree


def _micros(value: Any) -> int:
    """Numbers come as their digits. Zero is refused: what costs nothing is never counted."""
    if isinstance(value, str) and _WHOLE.fullmatch(value) and int(value) <= MICROS_MAX:
        return int(value)
    raise PriceTableMistake(
        f"recipient_micros: must be a whole number of micro-USD from 1 to {MICROS_MAX}"
    )


def _date(value: Any) -> str:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return datetime.date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise PriceTableMistake("date: must be a day written as 2026-10-31")


SHIPPED: Final = read_prices(files(__package__).joinpath("prices.json").read_text("utf-8"))
