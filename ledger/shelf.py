"""A dictionary in so many drawers, so that it can be walked over a drawer at a time while it is
changed: copying a million names at once would hold the loop for ten milliseconds.

In which drawer a name lies follows from the name alone, and so does what `ledger.sweep` writes as
one piece: how many there are is a part of the journal's format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar
from zlib import crc32

DRAWERS: Final = 2_048

K = TypeVar("K", str, bytes)
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """drawers: those that were ever used, by number."""

    __slots__ = ("drawers",)

    def __init__(self) -> None:
        self.drawers: dict[int, dict[K, V]] = {}

    def get(self, name: K) -> V | None:
        drawer = self.drawers.get(drawer_of(name))
        return None if drawer is None else drawer.get(name)

    def put(self, name: K, value: V) -> None:
        self.drawers.setdefault(drawer_of(name), {})[name] = value

    def drop(self, name: K) -> None:
        """If it is there."""
        self.drawers.get(drawer_of(name), {}).pop(name, None)

    def items(self) -> Iterator[tuple[K, V]]:
        """May be changed in between."""
        for drawer in tuple(self.drawers.values()):
            yield from tuple(drawer.items())

    def __len__(self) -> int:
        return sum(map(len, self.drawers.values()))


def drawer_of(name: str | bytes) -> int:
    return crc32(name.encode() if isinstance(name, str) else name) % DRAWERS
