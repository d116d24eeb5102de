"""Bracket names as Stripe reads them (like Rack), each parameter under one canonical name, or a no.

`items[][price]=a&items[][quantity]=2&items[][price]=b` is two items: an element ends when a name in
it comes again. `expand[]=a&expand[]=b` is a list. Both get indexes here (`items[0][price]`,
`expand[1]`), as the official SDKs write them. Source: stripe-mock a7c7c338,
param/nestedtypeassembler.

Refused, because two parsers may differ on it or because it dresses up as a parameter that moves
money:
- any name that is not `root[part]…` in the lower-case snake case of Stripe's parameters; inside
  `metadata` keys are free text without brackets, `;` and control characters;
- a name that comes twice; a name used as a value and as a list or map; lists written both ways;
  more than one `[]` in a name;
- a list or map where a parameter that decides a price must be one value (`amount[]=1`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vendors.contract import Unreadable
from vendors.form import Pair, shown

SINGLE: Final = frozenset(
    {
        *("amount", "amount_to_capture", "amount_to_confirm", "application_fee", "currency"),
        *("application_fee_amount", "capture", "capture_method", "charge", "confirm", "customer"),
        *("confirmation_method", "final_capture", "on_behalf_of", "origin", "payment_intent"),
        *("credit_amount", "metric_tons", "out_of_band_amount", "received_credit"),
        *("received_debit", "refund_amount", "source_transaction"),
        *("refund_application_fee", "reverse_transfer"),
        *("transfer_data[amount]", "transfer_data[destination]"),
    }
)
"""Parameters that decide a price, or whose money moves: one value each, never a list or a map."""

SINGLE_BUT_AMOUNT: Final = SINGLE - {"amount"}
"""For the one operation of `/v1` whose amount is a map (`amount[monetary][value]`)."""

DEPTH_MAX: Final = 20
"""Brackets in one name. Without an end, a long name costs time by the square of its length."""

_SINGLE_PARTS: Final = frozenset({"capture_method"})
"""The same for a part at any depth (`payment_method_options[card][capture_method]`)."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\[[a-z0-9_]*\])*", re.ASCII)
_METADATA: Final = re.compile(
    r"(?:metadata|[a-z][a-z0-9_]*(?:\[[a-z0-9_]*\])*\[metadata\])\[[^\[\];\x00-\x1f\x7f-\x9f]+\]"
)
_VALUE, _MAP, _LIST = "value", "map", "list"


def gather(pairs: Iterable[Pair], single: frozenset[str] = SINGLE) -> dict[str, str]:
    """Canonical name -> value. pairs: query first, then body, as Stripe joins them. single: what
    must be one value. Raises Unreadable."""
    gathering = _Gathering(single)
    for name, value in pairs:
        gathering.add(name, value)
    return gathering.fields


class _Gathering:
    """What has been read so far. kinds: canonical name -> value, map or list; sizes: elements of a
    list."""

    __slots__ = ("_kinds", "_single", "_sizes", "fields")

    def __init__(self, single: frozenset[str]) -> None:
        self._single = single
        self.fields: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def add(self, name: str, value: str) -> None:
        canonical = self._canonical(name) if "[" in name else _plain(name)
        if canonical in self.fields:
            raise Unreadable(shown(name), "comes more than once")
        self._mark(canonical, _VALUE, name)
        self.fields[canonical] = value

    def _canonical(self, name: str) -> str:
        if _NAME.fullmatch(name) is None and _METADATA.fullmatch(name) is None:
            raise Unreadable(shown(name), "not a parameter name of Stripe's")
        root, _, rest = name.partition("[")
        parts = rest[:-1].split("][")
        if len(parts) > DEPTH_MAX:
            raise Unreadable(shown(name), f"nested deeper than {DEPTH_MAX}")
        if parts.count("") > 1:
            raise Unreadable(shown(name), "more than one '[]'; write indexes")
        for i, part in enumerate(parts):
            self._mark(root, _MAP if part else _LIST, name)
            root = f"{root}[{part}]" if part else self._element(root, parts[i + 1 :], name)
        return root

    def _element(self, base: str, parts: list[str], name: str) -> str:
        """The list's element that this name belongs to: the last one, or a new one."""
        self._mark(f"{base}[]", _MAP if parts else _VALUE, name)
        size = self._sizes.get(base, 0)
        last = f"{base}[{size - 1}]"
        if size and parts and "".join((last, *(f"[{p}]" for p in parts))) not in self.fields:
            return last
        self._sizes[base] = size + 1
        return f"{base}[{size}]"

    def _mark(self, canonical: str, kind: str, name: str) -> None:
        """Raises Unreadable when the name was used as something else, or may only be one value."""
        if self._kinds.setdefault(canonical, kind) is not kind:
            raise Unreadable(
                shown(name), "used both as a value and as a list or map, or as two kinds of list"
            )
        if kind is not _VALUE and (
            canonical in self._single or canonical.rpartition("[")[2].rstrip("]") in _SINGLE_PARTS
        ):
            raise Unreadable(shown(name), "must be one value, not a list or a map")


def _plain(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise Unreadable(shown(name), "not a parameter name of Stripe's")
    return name
