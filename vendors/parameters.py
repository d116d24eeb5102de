"""What a request says, as pairs of name and value, wherever it says so: in its query, in a form
body that nobody prices, or in a JSON tree.

Members of a tree get the names that forms have for them (`items[0][price]`), so that a rule on a
named field holds for each way of saying it. What a name means is the vendor's own business."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl

from vendors import form
from vendors.contract import Unreadable
from vendors.form import PAIRS_MAX, Pair

NAME_CHARS_MAX: Final = 1_000
"""The longest that a vendor knows are under 200. Each member of an object repeats the names around
it, so without an end a body of 1 MiB becomes gigabytes."""
_QUERY: Final = re.compile(r"[!-~]*", re.ASCII)


def query_pairs(query: str) -> tuple[str, list[Pair]]:
    """The query as it is sent on, and what it says. Raises Unreadable."""
    if not query:
        return "", []
    if _QUERY.fullmatch(query) is None or "#" in query:
        raise Unreadable("query", "characters that a query cannot hold")
    raw = query.encode("ascii")
    pairs = form.read_pairs(raw)
    return (form.encode(pairs).decode("ascii") if form.ambiguous(raw) else query), pairs


def loose_pairs(text: str) -> list[Pair]:
    """Of an operation that nobody prices, for the rules on named fields: the last one wins."""
    return parse_qsl(text, keep_blank_values=True) if text else []


def tree_pairs(tree: Any) -> list[Pair]:
    """A JSON tree. Raises Unreadable for one of too many members, of too long names, or with text
    that is no Unicode (a lone surrogate)."""
    pairs = list(islice(_flatten(tree, ""), PAIRS_MAX + 1))
    if len(pairs) > PAIRS_MAX:
        raise Unreadable("body", f"more than {PAIRS_MAX} parameters")
    for name, value in pairs:
        _check_unicode(name, value)
    return pairs


def check_length(name: str) -> None:
    if len(name) > NAME_CHARS_MAX:
        raise Unreadable(form.shown(name), f"a name of more than {NAME_CHARS_MAX} characters")


def _check_unicode(name: str, value: str) -> None:
    try:
        (name + value).encode()
    except UnicodeEncodeError as exc:
        raise Unreadable(form.shown(name), "not valid Unicode") from exc


def _flatten(value: Any, name: str) -> Iterator[Pair]:
    """Objects become brackets, lists indexes, true and false words, null the empty string. An empty
    object or list says nothing, as in the vendors' SDKs."""
    check_length(name)
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _flatten(member, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from _flatten(member, f"{name}[{i}]")
    elif value is None:
        yield name, ""
    else:
        yield name, value if isinstance(value, str) else str(value).lower()
