"""Ids that sort by time: a prefix, 48 bits of milliseconds, 80 bits of chance, in Crockford's
base32."""

from __future__ import annotations

import os
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


def make_id(prefix: str, now_us: int) -> str:
    """`vk_` + 26 characters. Later ids sort after earlier ones, to the millisecond."""
    number = (now_us // 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return prefix + "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -10, -10))


def made_at_us(identifier: str) -> int:
    """When the id was made, to the millisecond. Raises ValueError for anything else."""
    number = 0
    for char in identifier.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(char)
    return (number >> 80) * 1000
