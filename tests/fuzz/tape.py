"""How a target takes its input apart: a few choices from the front, the rest as it is; and what a
target is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

SEPARATOR = b"\xff"
"""Between texts of one input: it is in no UTF-8."""


class Tape:
    """Bytes that are used up from the front. One that is empty goes on with zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int) -> int:
        """One byte, or two where one cannot say all."""
        width = 1 if below <= 256 else 2
        taken = self._data[self._at : self._at + width]
        self._at += width
        return int.from_bytes(taken) % below

    def flag(self) -> bool:
        return bool(self.number(2))

    def sizes(self) -> bytes:
        """Of pieces, as `cut` takes them: up to seven."""
        count = self.number(8)
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def rest(self) -> bytes:
        return self._data[self._at :]

    def texts(self, count: int) -> list[bytes]:
        """The rest in so many parts; the last ones are empty if it has fewer."""
        parts = self.rest().split(SEPARATOR, count - 1)
        return parts + [b""] * (count - len(parts))


def cut(data: bytes, sizes: bytes) -> Iterator[bytes]:
    """Pieces of these sizes, over and over; whole if there are none. A size is one more than its
    byte."""
    at, turn = 0, 0
    while at < len(data):
        size = 1 + sizes[turn % len(sizes)] if sizes else len(data)
        yield data[at : at + size]
        at, turn = at + size, turn + 1


@dataclass(frozen=True, slots=True)
class Target:
    """One parser under any bytes. run: raises only what is a defect. bytes_max: longer inputs find
    nothing new."""

    name: str
    run: Callable[[bytes], None]
    bytes_max: int = 2_048
