"""Lists with cursors and filters, and the small operations that every resource has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from bench.sandbox.stripe import errors, params
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

LIST: Final[params.Spec] = {
    "created": params.any_value,
    "ending_before": params.text,
    "expand": params.array,
    "limit": params.limit,
    "starting_after": params.text,
}
PLAIN: Final[params.Spec] = {"expand": params.array}


def lister(
    kind: str, *filters: str, url: str | None = None
) -> Callable[[World, tuple[str, ...], Obj], Obj]:
    """A list operation over one kind; filters are members that must equal a parameter."""

    def operation(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
        wanted = {name: given[name] for name in filters if name in given}
        found = (
            item
            for item in world.newest_first(kind)
            if not item.get("deleted")
            and all(item.get(name) == value for name, value in wanted.items())
            and created_in(item["created"], given.get("created"))
        )
        return page(found, given, url or f"/v1/{kind}s", kind)

    return operation


def getter(kind: str) -> Callable[[World, tuple[str, ...], Obj], Obj]:
    """An operation that answers the one object its path names."""
    return lambda world, ids, given: world.get(kind, ids[0])


def fresh(url: str, data: list[Obj] | None = None) -> Obj:
    """A list inside another object: all of it, newest first or as it was made."""
    return _list(data or [], False, url)


def described(old: Obj, given: Obj, names: Iterable[str] = ()) -> Obj:
    """What an update changes: the named members that were given, and the metadata."""
    changes = {name: given[name] for name in names if name in given}
    if "metadata" in given:
        changes["metadata"] = params.merged(old["metadata"], given["metadata"])
    return changes


def spec(*filters: str) -> params.Spec:
    return {**LIST, **dict.fromkeys(filters, params.text)}


def created_in(created: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return created == params.integer("created", wanted)
    tests: dict[str, Callable[[int, int], bool]] = {
        "gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__
    }  # fmt: skip
    for word, value in params.mapping("created", wanted).items():
        if word not in tests:
            raise errors.unknown(f"created[{word}]")
        if not tests[word](created, params.integer(f"created[{word}]", value)):
            return False
    return True


def page(newest_first: Iterable[Obj], given: Obj, url: str, kind: str) -> Obj:
    """One page of a list: `limit`, `starting_after` (older than) or `ending_before` (newer)."""
    limit: int = given.get("limit", 10)
    after, before = given.get("starting_after"), given.get("ending_before")
    items = iter(newest_first)
    if before is not None:
        newer = _until(items, before, kind, "ending_before")
        return _list(newer[-limit:], len(newer) > limit, url)
    if after is not None:
        _until(items, after, kind, "starting_after")
    data = list(islice(items, limit + 1))
    return _list(data[:limit], len(data) > limit, url)


def _until(items: Iterable[Obj], cursor: str, kind: str, param: str) -> list[Obj]:
    """Everything newer than the cursor; the cursor itself is taken from the iterator."""
    passed: list[Obj] = []
    for item in items:
        if item["id"] == cursor:
            return passed
        passed.append(item)
    raise errors.no_such(kind, cursor, param, 400)


def _list(data: list[Obj], has_more: bool, url: str) -> Obj:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
