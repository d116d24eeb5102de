"""Other currencies in USD: a dated table of rates with a safety margin, as exact fractions.

The table says how many units of a currency one USD buys, as decimal text. From it comes a `Rate`:
how many micro-USD one *minor* unit (a cent, a yen) costs, margin included, as a fraction of two
ints. Money is multiplied first, divided last, and rounded up once. A rate is written down with the
hold it was used for (`str(rate)`) and read back (`Rate.parse`), so that hold and settlement always
use the same one.

A table goes stale: when it is older than `age_max_days` it prices USD only. What day it is the
gateway tells with `at(now_us)`, which costs nothing while the day stays the same. A table that was
never told the day counts as stale: better no than a guess. USD needs no table, has no margin and is
never stale.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from vendors.money import ceil_div

_DAY_US: Final = 86_400_000_000
_SHIPPED: Final = files(__package__).joinpath("rates.json")
_RATE: Final = re.compile(r"([a-z]{3}) ([0-9]) ([1-9][0-9]{0,26})/([1-9][0-9]{0,26})", re.ASCII)
_UNITS: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_MARGIN: Final = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,3})?", re.ASCII)


class RatesMistake(ValueError):
    """A table or a margin that cannot be used. The text says where and why."""


class CurrencyUnknown(LookupError):
    """The table has no rate for this currency."""


class RatesTooOld(Exception):
    """The table is older than allowed. The text says how old."""


@dataclass(frozen=True, slots=True)
class Rate:
    """numerator / denominator: micro-USD that one minor unit of the currency costs at most.
    exponent: decimals of the currency at the vendor (2: amounts are cents)."""

    currency: str
    exponent: int
    numerator: int
    denominator: int

    def to_micros(self, minor: int) -> int:
        """minor: an amount in the smallest unit. Rounds up."""
        return ceil_div(minor * self.numerator, self.denominator)

    @classmethod
    def parse(cls, text: str) -> Rate:
        """What `str` wrote. Raises ValueError for anything else."""
        match = _RATE.fullmatch(text)
        if match is None:
            raise ValueError(f"not a rate: {text[:80]!r}")
        currency, exponent, numerator, denominator = match.groups()
        return cls(currency, int(exponent), int(numerator), int(denominator))

    def __str__(self) -> str:
        """`eur 2 2920000/255`: at most 60 ASCII characters."""
        return f"{self.currency} {self.exponent} {self.numerator}/{self.denominator}"


USD: Final = Rate("usd", 2, 10_000, 1)
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()


class Rates:
    """The table as it stands on one day. Immutable but for a memory of the rates it has worked
    out."""

    __slots__ = (
        "_latest",
        "_made",
        "_today",
        "_usd_per_unit",
        "age_days",
        "age_max_days",
        "date",
        "stale",
    )

    def __init__(
        self,
        usd_per_unit: Mapping[str, Fraction],
        date: datetime.date,
        age_max_days: int,
        today: int | None = None,
    ) -> None:
        """usd_per_unit: by lower-case currency code, margin included. today: days since 1970-01-01;
        None: nobody has told it yet, so the table counts as stale and age_days is None."""
        self._usd_per_unit = usd_per_unit
        self._made: dict[tuple[str, int], Rate] = {}
        self._latest: Rates | None = None
        self._today = today
        self.date = date
        self.age_max_days = age_max_days
        self.age_days = None if today is None else today - (date.toordinal() - _EPOCH)
        self.stale = self.age_days is None or self.age_days > age_max_days

    @classmethod
    def load(cls, path: str | Path | None, margin_percent: str, age_max_days: int) -> Rates:
        """path: a table in our format; None or '': the one that ships. Raises RatesMistake."""
        table_at: Path | Traversable = Path(path) if path else _SHIPPED
        margin = _read_margin(margin_percent)
        try:
            table = json.loads(table_at.read_text("utf-8"))
            date = datetime.date.fromisoformat(table["date"])
            units = dict(table["units_per_usd"])
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise RatesMistake(f"{table_at}: not a table of rates ({exc})") from exc
        return cls(
            {c: _per_unit(table_at, c, u, margin) for c, u in units.items()}, date, age_max_days
        )

    def at(self, now_us: int) -> Rates:
        """The table as it stands at this moment (budget time, microseconds since 1970-01-01
        UTC)."""
        return self.on(now_us // _DAY_US)

    def on(self, day: int) -> Rates:
        """The table as it stands on this day (days since 1970-01-01 UTC); the last one is
        remembered."""
        if day == self._today:
            return self
        if self._latest is None or self._latest._today != day:
            self._latest = Rates(self._usd_per_unit, self.date, self.age_max_days, day)
        return self._latest

    def currencies(self) -> frozenset[str]:
        return frozenset(self._usd_per_unit) | {"usd"}

    def rate(self, currency: str, exponent: int) -> Rate:
        """currency: lower case. exponent: its decimals at the vendor. Raises CurrencyUnknown,
        RatesTooOld."""
        if currency == "usd" and exponent == USD.exponent:
            return USD
        rate = self.fixed(currency, exponent)
        if self.stale:
            raise RatesTooOld(
                f"the exchange rates are of {self.date}, older than the {self.age_max_days} days "
                "they may be: only USD is priced until they are refreshed"
            )
        return rate

    def fixed(self, currency: str, exponent: int) -> Rate:
        """The same, from a stale table too: never for a quote. Raises CurrencyUnknown."""
        if currency == "usd" and exponent == USD.exponent:
            return USD
        made = self._made.get((currency, exponent))
        if made is None:
            per_unit = self._usd_per_unit.get(currency)
            if per_unit is None:
                raise CurrencyUnknown(currency)
            made = self._made[currency, exponent] = _make_rate(currency, exponent, per_unit)
        return made


def _read_margin(text: str) -> Fraction:
    if _MARGIN.fullmatch(text) is None:
        raise RatesMistake(
            "rates_margin_percent: write a number from 0 to 99.999, such as 2 or 2.5"
        )
    return 1 + Fraction(text) / 100


def _per_unit(path: Path | Traversable, currency: str, units: Any, margin: Fraction) -> Fraction:
    if not (isinstance(units, str) and _UNITS.fullmatch(units) and Fraction(units) > 0):
        raise RatesMistake(f"{path}: the rate of {currency!r} is not a decimal number in quotes")
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha() and currency.islower()):
        raise RatesMistake(f"{path}: {currency!r} is not a currency code in lower case")
    return margin / Fraction(units)


def _make_rate(currency: str, exponent: int, per_unit: Fraction) -> Rate:
    """Units of at most 24 digits and a margin of at most 5 keep it within the 60 characters that a
    hold has room for."""
    ratio = per_unit * 1_000_000 / 10**exponent
    return Rate(currency, exponent, ratio.numerator, ratio.denominator)
