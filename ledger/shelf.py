"""A dictionary in so many drawers, so that it can be walked over a drawer at a time while it is
changed: copying a million names at once would hold the loop for ten milliseconds.

In which drawer a name lies follows from the name alone, and so does what `ledger.sweep` writes as
one piece: how many there are is a part of the journal's format. Of a million names 15 are in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar
from zlib import crc32

DRAWERS: Final = 65_536

K = TypeVar("K", str, bytes)
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """drawers: those that were ever used, by number."""

    __slots__ = ("_names", "drawers")

    def __init__(self) -> None:
        self.drawers: dict[int, dict[K, V]] = {}
        self._names = 0

    def get(self, name: K) -> V | None:
        drawer = self.drawers.get(drawer_of(name))
        return None if drawer is None else drawer.get(name)

    def put(self, name: K, value: V) -> None:
        self.fill(drawer_of(name), ((name, value),))

    def fill(self, number: int, items: Iterable[tuple[K, V]]) -> None:
        """With names that belong into this drawer."""
        drawer = self.drawers.get(number)
        if drawer is None:
            drawer = self.drawers[number] = {}
        before = len(drawer)
        drawer.update(items)
        self._names += len(drawer) - before

    def drop(self, name: K) -> None:
        """If it is there."""
        drawer = self.drawers.get(drawer_of(name))
        if drawer is not None and name in drawer:
            del drawer[name]
            self._names -= 1

    def items(self) -> Iterator[tuple[K, V]]:
        """May be changed in between."""
        for drawer in tuple(self.drawers.values()):
            yield from tuple(drawer.items())

    def __len__(self) -> int:
        return self._names


def drawer_of(name: str | bytes) -> int:
    return crc32(name.encode() if isinstance(name, str) else name) % DRAWERS
