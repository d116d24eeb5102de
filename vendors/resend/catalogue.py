"""Resend's catalogue: for each method and path, which operation it is and what it does with money.

The rows live in operations.json, one a line, with their sources; all reads are in it too, since a
few of them show a secret. A path without a parameter is found in a dict. Any other is held against
the few rows of its method and length, those with the fewest parameters first, so that a literal
segment goes before a parameter (`/contacts/imports/{id}` before `/contacts/{contact_id}/segments`).

An unlisted GET or HEAD is free, any other unlisted call is unpriced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from vendors.contract import Money, Operation

_READS: Final = frozenset({"GET", "HEAD"})
_UNLISTED: Final = "in no catalogue of Resend's operations"

Template = tuple[str | None, ...]
"""A path's segments; None stands for a parameter."""


class Catalogue:
    """Rows by method and path. Built once."""

    __slots__ = ("_exact", "_templates", "rows")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.rows = tuple(_operation(row, data["classes"]) for row in data["operations"])
        self._exact: dict[tuple[str, str], Operation] = {}
        self._templates: dict[tuple[str, int], list[tuple[Template, Operation]]] = {}
        for row in sorted(self.rows, key=lambda row: row.pattern.count("{")):
            template = _template(row.pattern)
            if None in template:
                alike = self._templates.setdefault((row.method, len(template)), [])
                alike.append((template, row))
            else:
                self._exact[row.method, row.pattern] = row

    def find(self, method: str, path: str) -> Operation:
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        segments = path.split("/")
        for template, row in self._templates.get((method, len(segments)), ()):
            if _fits(template, segments):
                last = max(i for i, literal in enumerate(template) if literal is None)
                return Operation(row.name, method, row.pattern, row.money, row.note, segments[last])
        if method in _READS:
            return Operation("", method, path, Money.FREE)
        return Operation("", method, path, Money.UNPRICED, _UNLISTED)

    def roots(self) -> frozenset[str]:
        """First segments of all paths: Resend has no version in front of them."""
        return frozenset(row.pattern.split("/")[1] for row in self.rows)


def _operation(row: list[str], classes: Mapping[str, list[str]]) -> Operation:
    name, method, pattern, kind, _source, *why = row
    money, note = classes[kind]
    return Operation(name, method, pattern, Money(money), "; ".join((note, *why)))


def _template(pattern: str) -> Template:
    return tuple(None if s.startswith("{") else s for s in pattern.split("/"))


def _fits(template: Template, segments: list[str]) -> bool:
    """A parameter is never an empty segment."""
    return all(
        segment == literal if literal is not None else segment
        for literal, segment in zip(template, segments, strict=True)
    )


_DATA: Final = json.loads(files(__package__).joinpath("operations.json").read_text("utf-8"))
CATALOGUE: Final = Catalogue(_DATA)
NAMES: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(members.split()) for name, members in _DATA["names"].items()
}
"""Priced operations -> what their bodies may say at the top level, as far as it is known."""
ONLY: Final = frozenset(_DATA["only"])
"""Those whose bodies may say nothing else."""
