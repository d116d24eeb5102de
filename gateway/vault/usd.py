"""USD as JSON brings it: a number or a string with at most 6 decimals becomes micros.

JSON numbers arrive as the text that was sent (`Figure`), so that 0.1 is a tenth and not the binary
number next to it. The arithmetic is `vendors.money`'s, where `show_usd` leads back.
"""

from __future__ import annotations

import re
from typing import Any, Final

from vendors.money import MICROS_PER_USD, parse_usd, show_usd

USD_MAX: Final = 1_000_000_000
"""The largest amount that is taken; sums of thousands of such still fit 64 bits of micros."""

_SCIENTIFIC: Final = re.compile(r"([0-9])(?:\.([0-9]{1,20}))?[eE]([+-]?[0-9]{1,2})", re.ASCII)


_FORM: Final = "must be USD in plain digits with at most 6 decimals, such as 500 or 0.25"


class Figure(str):
    """A JSON number with a fraction or an exponent, as it was written. Not a string of the
    sender's."""

    __slots__ = ()


def read_usd(value: Any) -> int:
    """Micros. Raises ValueError saying what is wrong."""
    if type(value) is int:
        micros = value * MICROS_PER_USD
        if micros < 0:
            raise ValueError("must not be negative")
    elif isinstance(value, str):
        text = _written_out(value) if isinstance(value, Figure) else value
        try:
            micros = parse_usd(text)
        except ValueError:
            raise ValueError(_FORM) from None
    else:
        raise ValueError(_FORM)
    if micros > USD_MAX * MICROS_PER_USD:
        raise ValueError(f"must be at most {USD_MAX} USD")
    return micros


def usd_or_none(micros: int | None) -> str | None:
    return None if micros is None else show_usd(micros)


def _written_out(figure: str) -> str:
    """Without an exponent and without zeros at the end: `1e-05`, as some encoders write small
    numbers, becomes `0.00001`."""
    match = _SCIENTIFIC.fullmatch(figure)
    if match is not None:
        digits, point = match[1] + (match[2] or ""), 1 + int(match[3])
        if point <= 0:
            figure = "0." + "0" * -point + digits
        else:
            digits = digits.ljust(point, "0")
            figure = f"{digits[:point]}.{digits[point:]}"
    whole, _, decimals = figure.partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole
