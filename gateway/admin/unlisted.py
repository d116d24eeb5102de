"""Entries of an allowlist that no operation of the vendor's catalogue answers to: a slip of the
pen, most of the time, so that who makes the key is told, with the nearest one.

Nothing is refused for it: a vendor has new operations before a catalogue does, and `allow_unpriced`
is for those. Reads are not looked at, since catalogues list few of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from gateway.vault.allowlist import DEEP, ONE, Entry
from gateway.vault.terms import Terms
from vendors.contract import Vendor

_READS: Final = frozenset({"GET", "HEAD"})
_NEAR: Final = 0.6


def warnings(terms: Terms, vendor: Vendor) -> list[str]:
    """One line for each such entry."""
    listed = _parsed(tuple(vendor.listed()))
    if not listed:
        return []
    meant = {str(entry) for allowed, _ in terms.allow_unpriced for entry in allowed.entries}
    entries = (Entry.parse(text) for text in terms.allowed.entries if text not in meant)
    return [_told(entry, vendor) for entry in entries if not _is_listed(entry, listed, vendor)]


def _is_listed(entry: Entry, listed: Sequence[Entry], vendor: Vendor) -> bool:
    """Does it allow an operation that is listed, or is it one with an object's id written out?"""
    if entry.method in _READS or entry.segments[-1] == DEEP:
        return True
    if any(entry.contains(each) for each in listed):
        return True
    head, *rest = ["x" if part == ONE else part for part in entry.segments]
    product = head if head in vendor.products else ""
    path = "/" + "/".join(rest if product else [head, *rest])
    return bool(vendor.operation(entry.method, path, product).name)


def _told(entry: Entry, vendor: Vendor) -> str:
    near = _nearest(str(entry), vendor.listed())
    hint = f"; did you mean {near}?" if near else ""
    return f"{entry}: no operation of {vendor.name} that is known here{hint}"


def _nearest(entry: str, listed: Iterable[str]) -> str:
    """Of the same method before any other."""
    method = entry.partition(" ")[0] + " "
    for among in ([each for each in listed if each.startswith(method)], list(listed)):
        if close := difflib.get_close_matches(entry, among, n=1, cutoff=_NEAR):
            return close[0]
    return ""


@lru_cache(maxsize=16)
def _parsed(listed: tuple[str, ...]) -> tuple[Entry, ...]:
    return tuple(map(Entry.parse, listed))
