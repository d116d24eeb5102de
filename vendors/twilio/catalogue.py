"""Twilio's catalogue: for each method, path and host, which operation it is and what it does with
money.

The rows live in operations.json, one a line, with their sources: every operation that writes, and
every read that costs or hands out access. Each product has a tree of path segments of its own; a
literal segment goes before a parameter, and when its branch ends nowhere the parameter's is tried.

The 2010 API answers in the format that the path ends in, so `.json`, `.xml`, `.csv` and nothing are
one operation. Reads are matched more loosely than writes, since an unlisted read is free: any
ending, any case of letters, HEAD like GET, any version of the 2010 API on any host and behind any
prefix (`/api/2010-04-01/…`, where products are paths of one host), and what costs on a product's
host costs on the main one too.

An unlisted read is free, any other unlisted call is unpriced.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from vendors.contract import Money, Operation
from vendors.pathtree import Found, PathTree

_READS: Final = frozenset({"GET", "HEAD"})
_UNLISTED: Final = "in no catalogue of Twilio's writing operations"
_ENDING: Final = re.compile(r"\.(?:json|xml|csv)\Z", re.ASCII)
_DATED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_VERSION: Final = "2010-04-01"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file. product: '' for the main host."""

    operation: Operation
    product: str
    kind: str


class Catalogue:
    """Rows by method, path and product. Built once."""

    __slots__ = ("_trees", "rows")

    def __init__(self, data: dict[str, Any]) -> None:
        self.rows = tuple(_row(listed, data["classes"]) for listed in data["operations"])
        self._trees: dict[tuple[str, str], PathTree] = {}
        for row in self.rows:
            self._plant(row.operation, row.product)
            if row.operation.method == "GET":
                self._plant(row.operation, "")

    def find(self, method: str, path: str, product: str) -> Operation:
        """Never fails."""
        if method in _READS:
            found = self._find_read(path, product)
            unlisted = Operation("", method, path, Money.FREE)
        else:
            found = self._walk(method, product, _segments(path, product))
            unlisted = Operation("", method, path, Money.UNPRICED, _UNLISTED)
        if found is None:
            return unlisted
        row, object_id = found
        if row.pattern.rpartition("{")[2].startswith("AccountSid}"):
            object_id = None
        return Operation(row.name, method, row.pattern, row.money, row.note, object_id)

    def _find_read(self, path: str, product: str) -> Found | None:
        segments = path.casefold().split("/")[1:]
        segments[-1] = segments[-1].partition(".")[0]
        if not segments[-1] and len(segments) > 1:
            segments.pop()
        dated = (i for i, segment in enumerate(segments) if _DATED.fullmatch(segment) is not None)
        for i in dated:
            found = self._walk("GET", "", [_VERSION, *segments[i + 1 :]])
            if found is not None:
                return found
        return self._walk("GET", product, segments)

    def _walk(self, method: str, product: str, segments: list[str]) -> Found | None:
        tree = self._trees.get((method, product))
        return None if tree is None else tree.find(segments)

    def _plant(self, row: Operation, product: str) -> None:
        segments = _segments(row.pattern, product)
        if row.method == "GET":
            segments = [s if s.startswith("{") else s.casefold() for s in segments]
        self._trees.setdefault((row.method, product), PathTree()).plant(segments, row)


def _row(listed: list[str], classes: dict[str, list[str]]) -> Row:
    name, method, product, pattern, kind, _source, *why = listed
    money, note = classes[kind]
    operation = Operation(name, method, pattern, Money(money), "; ".join((note, *why)))
    return Row(operation, product, kind)


def _segments(path: str, product: str) -> list[str]:
    """The main host's endings say in which format to answer, and nothing else."""
    return (path if product else _ENDING.sub("", path)).split("/")[1:]


_DATA: Final[dict[str, Any]] = json.loads(
    files(__package__).joinpath("operations.json").read_text("utf-8")
)
CATALOGUE: Final = Catalogue(_DATA)
KINDS: Final = {row.operation.name: row.kind for row in CATALOGUE.rows}
"""Operation -> its class in the file (`message`, `lookup`, `later`, …)."""
PARAMETERS: Final = frozenset(
    name for listed in _DATA["parameters"].values() for name in listed.split()
)
"""Every parameter of the operations with a price."""


@lru_cache(maxsize=1024)
def find(method: str, path: str, product: str) -> Operation:
    """`CATALOGUE.find`, remembered: an account's callers use few paths."""
    return CATALOGUE.find(method, path, product)
