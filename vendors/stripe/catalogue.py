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
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final

from vendors.contract import Money, Operation
from vendors.pathtree import PathTree

_READS: Final = frozenset({"GET", "HEAD"})
_UNLISTED: Final = "in no catalogue of Stripe's writing operations"


class Catalogue:
    """Rows by method and path. Built once."""

    __slots__ = ("_exact", "_trees", "rows")

    def __init__(self, data: dict[str, Any]) -> None:
        self.rows = tuple(_operation(row, data["classes"]) for row in data["operations"])
        self._exact = {(r.method, r.pattern): r for r in self.rows if "{" not in r.pattern}
        self._trees: dict[str, PathTree] = {}
        for row in self.rows:
            tree = self._trees.setdefault(row.method, PathTree())
            tree.plant(row.pattern.split("/")[1:], row)

    def find(self, method: str, path: str) -> Operation:
        if method in _READS:
            return self._read(method, path)
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        tree = self._trees.get(method)
        found = None if tree is None else tree.find(path.split("/")[1:])
        if found is None:
            return Operation("", method, path, Money.UNPRICED, _UNLISTED)
        row, object_id = found
        return Operation(row.name, method, row.pattern, row.money, row.note, object_id)

    def _read(self, method: str, path: str) -> Operation:
        """Free, but for the few that show a credential."""
        found = self._trees["GET"].find(path.split("/")[1:])
        if found is None:
            return Operation("", method, path, Money.FREE)
        return replace(found[0], method=method)


def _operation(row: list[str], classes: dict[str, list[str]]) -> Operation:
    name, method, pattern, kind, _source, *why = row
    money, note = classes[kind]
    return Operation(name, method, pattern, Money(money), "; ".join((note, *why)))


_DATA: Final = json.loads(files(__package__).joinpath("operations.json").read_text("utf-8"))
CATALOGUE: Final = Catalogue(_DATA)
GUARDED: Final = {name: frozenset(fields) for name, fields in _DATA["guard"].items()}
"""Free operations -> parameters of theirs that move money (root names)."""
