"""The beginning of a long list in some order, a piece at a time: sorting a million keys at once
would keep calls waiting for a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice
from typing import Final, TypeVar

PIECE: Final = 1_024
"""Sorted, or taken from what is sorted, before calls have their turn: half a millisecond."""

T = TypeVar("T")


async def first_of(found: Sequence[T], rank: Callable[[T], float], count: int) -> list[T]:
    """The first of all by rank, lowest first; those that are equal as they come."""
    runs = []
    for first in range(0, len(found), PIECE):
        piece = found[first : first + PIECE]
        runs.append(sorted((rank(item), place) for place, item in enumerate(piece, first)))
        await asyncio.sleep(0)
    merged = merge(*runs)
    taken: list[T] = []
    while some := list(islice(merged, min(PIECE, count - len(taken)))):
        taken += (found[place] for _, place in some)
        await asyncio.sleep(0)
    return taken
