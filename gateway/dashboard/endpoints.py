"""What a key may call, in plain words: the choices when one is made, and an entry read back.

The words of the vendors that ship are data, in `endpoints.json`. A vendor of another package has
none: there the roots of its paths are offered, and an entry reads as the name of its operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import orjson

from vendors.contract import Money, Operation, Vendor

COSTS: Final = {
    Money.PRICED: "costs money",
    Money.UNPRICED: "has no price",
    Money.MINTS: "hands out access",
}
_VERBS: Final = {
    "GET": "Read",
    "HEAD": "Look at the headers of",
    "POST": "Create or change",
    "PUT": "Replace",
    "PATCH": "Change",
    "DELETE": "Delete",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One choice. entry: as an allowlist has it. costs: a word on money, '' of what is free. body:
    of an example, None without. python, node: the call in the vendor's SDK, '' where it has
    none of its own."""

    entry: str
    words: str
    costs: str = ""
    body: Any = None
    python: str = ""
    node: str = ""
    is_known: bool = False
    """Has somebody written words for it?"""


@dataclass(frozen=True, slots=True)
class Group:
    """common: shown open, before all others."""

    title: str
    endpoints: Sequence[Endpoint]
    common: bool = False


def title_of(vendor: str) -> str:
    """The vendor's name as people write it."""
    told = _DATA.get(vendor)
    return vendor.capitalize() if told is None else str(told["title"])


def groups_of(vendor: Vendor) -> Sequence[Group]:
    """What to choose from, what is chosen most first."""
    told = _DATA.get(vendor.name)
    if told is None:
        return [Group(f"Everything {title_of(vendor.name)} has", _roots(vendor), common=True)]
    first = Group("Often used", _rows(vendor, told["common"]), common=True)
    return [first, *(Group(name, _rows(vendor, rows)) for name, rows in told["groups"].items())]


def endpoint_of(vendor: Vendor | None, vendor_name: str, entry: str) -> Endpoint:
    """An entry of a list, with words. vendor: None while it is not set up here."""
    row = _KNOWN.get((vendor_name, entry))
    words = _guess(vendor, entry) if row is None else str(row["words"])
    return _endpoint(vendor, vendor_name, {**(row or {}), "entry": entry, "words": words})


def operation_of(vendor: Vendor, entry: str) -> Operation:
    """What the vendor takes an entry for; a wildcard stands for any name."""
    method, _, path = entry.partition(" ")
    segments = ["x" if part in ("*", "**") else part for part in path.split("/")[1:]]
    product = ""
    if segments[0] in vendor.products:
        product, *segments = segments
    return vendor.operation(method, "/" + "/".join(segments), product)


def call_words(call: Mapping[str, Any]) -> str:
    """A call of the audit log in plain words where there are some: `Charge a customer`. Else its
    operation, or method and path; of a call nobody knows any more, its id."""
    if "method" not in call:
        return str(call["id"])
    method, segments = call["method"], call["path"].split("/")
    for known, words in _BY_SHAPE.get((call["vendor"], method, len(segments)), ()):
        if all(mine in ("*", theirs) for mine, theirs in zip(known, segments, strict=True)):
            return words
    return str(call["operation"] or f"{method} {call['path']}")


def costs_of(vendor: Vendor, entry: str) -> str:
    if entry.endswith("/**") and not entry.startswith(("GET ", "HEAD ")):
        return COSTS[Money.PRICED]
    return COSTS.get(operation_of(vendor, entry).money, "")


def _guess(vendor: Vendor | None, entry: str) -> str:
    method, _, path = entry.partition(" ")
    verb = _VERBS.get(method, method)
    if path.endswith("/**"):
        return f"{verb} anything below {path[:-3] or '/'}"
    name = "" if vendor is None else operation_of(vendor, entry).name
    return name or f"{verb} {path}"


def _rows(vendor: Vendor, rows: Sequence[Mapping[str, Any]]) -> list[Endpoint]:
    return [_endpoint(vendor, vendor.name, row) for row in rows]


def _endpoint(vendor: Vendor | None, vendor_name: str, row: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        row["entry"],
        row["words"],
        "" if vendor is None else costs_of(vendor, row["entry"]),
        row.get("body"),
        row.get("python", ""),
        row.get("node", ""),
        (vendor_name, row["entry"]) in _KNOWN,
    )


def _roots(vendor: Vendor) -> list[Endpoint]:
    """All that can be known of a vendor's paths without words for them."""
    roots = [f"/{root}" for root in sorted(vendor.bare_roots)] or [""]
    paths = [path for root in roots for path in (root, f"{root}/**") if path]
    entries = [f"{method} {path}" for path in paths for method in ("GET", "POST")]
    return [endpoint_of(vendor, vendor.name, entry) for entry in entries]


_DATA: Final[Mapping[str, Any]] = {
    name: told
    for name, told in orjson.loads(
        files(__package__).joinpath("endpoints.json").read_bytes()
    ).items()
    if name != "about"
}
_KNOWN: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = {
    (name, row["entry"]): row
    for name, told in _DATA.items()
    for rows in (told["common"], *told["groups"].values())
    for row in rows
}


def _by_shape() -> Mapping[tuple[str, str, int], list[tuple[list[str], str]]]:
    """Entries by vendor, method and number of segments, those that are written out first."""
    found: dict[tuple[str, str, int], list[tuple[list[str], str]]] = {}
    for (vendor, entry), row in sorted(_KNOWN.items(), key=lambda item: item[0][1].count("*")):
        method, _, path = entry.partition(" ")
        if not path.endswith("**"):
            segments = path.split("/")
            found.setdefault((vendor, method, len(segments)), []).append((segments, row["words"]))
    return found


_BY_SHAPE: Final = _by_shape()
