"""A vendor's operations as a tree of path segments: which of them is this path?

A literal segment goes before a parameter, and when its branch ends nowhere the parameter's is tried
(`/v1/invoices/create_preview` beside `/v1/invoices/{invoice}`). A parameter is never an empty
segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vendors.contract import Operation

Found = tuple[Operation, str | None]
"""The operation, and the last segment that stands for a parameter."""


@dataclass(slots=True)
class _Node:
    """One place: by next segment, by any segment, and the operation that ends here."""

    literal: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    row: Operation | None = None


class PathTree:
    """Grows while it is planted, then only answers."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Node()

    def plant(self, segments: Sequence[str], row: Operation) -> None:
        """segments: of the pattern, without the empty one before the first slash."""
        node = self._root
        for segment in segments:
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        node.row = row

    def find(self, segments: Sequence[str]) -> Found | None:
        return _walk(self._root, segments, 0)


def _walk(node: _Node, segments: Sequence[str], i: int) -> Found | None:
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


def starred(method: str, pattern: str, product: str = "") -> str:
    """A row as an entry of an allowlist names it: `POST /v1/charges/*/capture`."""
    segments = ["*" if "{" in part else part for part in pattern.split("/")[1:]]
    return f"{method} /{'/'.join([*filter(None, [product]), *segments])}"
