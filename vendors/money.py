"""USD as people write it, and as the books keep it: an int of micro-USD.

Text in, micros out, and back again, in integer arithmetic alone. Six decimals are exact; anything
finer is refused, never rounded. `ceil_div` is the one place where a cost is rounded, and it rounds
up.
"""

from __future__ import annotations

import re
from typing import Final

MICROS_PER_USD: Final = 1_000_000

_MICROS_PER_CENT: Final = 10_000
_CENTS: Final = tuple(f".{cents:02}" for cents in range(100))
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,6}))?")


def parse_usd(text: str) -> int:
    """`500`, `500.00` and `0.0009` to micros. Raises ValueError for a sign, an exponent, spaces, a
    leading zero, more than 6 decimals or more than 12 digits before the point."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError("write USD as digits with at most 6 decimals, such as 500 or 0.25")
    whole, decimals = match.groups()
    return int(whole) * MICROS_PER_USD + int((decimals or "").ljust(6, "0"))


def show_usd(micros: int) -> str:
    """2 to 6 decimals, zeros trimmed beyond two: `500.00`, `0.0009`, `-1.50`."""
    if micros < 0:
        return "-" + show_usd(-micros)
    whole = micros // MICROS_PER_USD
    rest = micros - whole * MICROS_PER_USD
    if rest % _MICROS_PER_CENT:
        return f"{whole}.{rest:06}".rstrip("0")
    return str(whole) + _CENTS[rest // _MICROS_PER_CENT]  # most are: this runs five times a call


def show_minor(minor: int, exponent: int) -> str:
    """An amount in a currency's smallest unit as people write it: (1200, 2) is `12.00`."""
    if exponent == 0:
        return str(minor)
    if exponent == 2:
        return str(minor // 100) + _CENTS[minor % 100]
    whole, rest = divmod(minor, 10**exponent)
    return f"{whole}.{rest:0{exponent}d}"


def ceil_div(numerator: int, denominator: int) -> int:
    """Division that rounds up. denominator: above zero."""
    return -(-numerator // denominator)
