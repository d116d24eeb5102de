"""Stripe's catalogue: for each method and path, which operation it is and what it does with money.

The rows live in operations.json, one a line, with their sources. A path without a parameter is
found in a dict, any other by walking a tree of its segments: a literal segment goes before a
parameter, and when its branch ends nowhere the parameter's is tried (`/v1/invoices/create_preview`
beside `/v1/invoices/{invoice}`). One tree serves all of Stripe's hosts, so that no host is a way
around a price.

A read is free unless it is listed (the few that show a credential are), any other unlisted call is
unpriced.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from vendors.contract import Money, Operation

_READS: Final = frozenset({"GET", "HEAD"})
_UNLISTED: Final = "in no catalogue of Stripe's writing operations"


@dataclass(slots=True)
class _Node:
    """One place in the tree: by next segment, by any segment, and the row that ends here."""

    literal: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    row: Operation | None = None


class Catalogue:
    """Rows by method and path. Built once."""

    __slots__ = ("_exact", "_trees", "rows")

    def __init__(self, data: dict[str, Any]) -> None:
        self.rows = tuple(_operation(row, data["classes"]) for row in data["operations"])
        self._exact = {(r.method, r.pattern): r for r in self.rows if "{" not in r.pattern}
        self._trees: dict[str, _Node] = {}
        for row in self.rows:
            _plant(self._trees.setdefault(row.method, _Node()), row)

    def find(self, method: str, path: str) -> Operation:
        if method in _READS:
            return self._read(method, path)
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        tree = self._trees.get(method)
        found = None if tree is None else _walk(tree, path.split("/"), 1)
        if found is None:
            return Operation("", method, path, Money.UNPRICED, _UNLISTED)
        row, object_id = found
        return Operation(row.name, method, row.pattern, row.money, row.note, object_id)

    def _read(self, method: str, path: str) -> Operation:
        """Free, but for the few that show a credential."""
        found = _walk(self._trees["GET"], path.split("/"), 1)
        if found is None:
            return Operation("", method, path, Money.FREE)
        return replace(found[0], method=method)


def _operation(row: list[str], classes: dict[str, list[str]]) -> Operation:
    name, method, pattern, kind, _source, *why = row
    money, note = classes[kind]
    return Operation(name, method, pattern, Money(money), "; ".join((note, *why)))


def _plant(node: _Node, row: Operation) -> None:
    for segment in row.pattern.split("/")[1:]:
        if segment.startswith("{"):
            if node.parameter is None:
                node.parameter = _Node()
            node = node.parameter
        else:
            node = node.literal.setdefault(segment, _Node())
    node.row = row


def _walk(node: _Node, segments: list[str], i: int) -> tuple[Operation, str | None] | None:
    """The row and the last segment that stands for a parameter."""
    if i == len(segments):
        return None if node.row is None else (node.row, None)
    segment = segments[i]
    literal = node.literal.get(segment)
    if literal is not None and (found := _walk(literal, segments, i + 1)) is not None:
        return found
    if node.parameter is None or not segment:
        return None
    found = _walk(node.parameter, segments, i + 1)
    return None if found is None else (found[0], found[1] or segment)


_DATA: Final = json.loads(Path(__file__).with_name("operations.json").read_text("utf-8"))
CATALOGUE: Final = Catalogue(_DATA)
GUARDED: Final = {name: frozenset(fields) for name, fields in _DATA["guard"].items()}
"""Free operations -> parameters of theirs that move money (root names)."""
