"""The vendors that are set up here, as the readers of bodies see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownVendor:
    """accounts: the names of its accounts. key_terms: which of the terms that only some vendors
    know a key of it may have (`vendors.contract.Vendor.key_terms`)."""

    accounts: Collection[str]
    key_terms: frozenset[str] = frozenset()


Known = Mapping[str, KnownVendor]
"""By the vendor's name."""


def home(accounts: Collection[str]) -> str | None:
    """The account of a key that names none: `default`, or the only one."""
    if "default" in accounts:
        return "default"
    return next(iter(accounts)) if len(accounts) == 1 else None
