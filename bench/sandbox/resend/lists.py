"""Paged lists: `{"object": "list", "has_more", "data"}`, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bench.sandbox.resend.errors import invalid
from bench.sandbox.wire import Obj

LIMIT_MAX: Final = 100
LIMIT_DEFAULT: Final = 20


def page(newest_first: Iterable[Obj], query: Mapping[str, str]) -> Obj:
    """after: items older than that id; before: newer ones. Raises for a cursor nobody knows."""
    limit = _limit(query)
    items = list(newest_first)
    if "after" in query and "before" in query:
        raise invalid("The `after` and `before` parameters cannot be used together.")
    if "after" in query:
        items = items[_index(items, query["after"]) + 1 :]
    elif "before" in query:
        newer = items[: _index(items, query["before"])]
        return {"object": "list", "has_more": len(newer) > limit, "data": newer[-limit:]}
    return {"object": "list", "has_more": len(items) > limit, "data": items[:limit]}


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(LIMIT_DEFAULT))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LIMIT_MAX:
        raise invalid(f"The `limit` parameter must be 1 to {LIMIT_MAX}.")
    return int(text)


def _index(items: list[Obj], cursor: str) -> int:
    for number, item in enumerate(items):
        if item["id"] == cursor:
            return number
    raise invalid("The pagination cursor is not known.")
