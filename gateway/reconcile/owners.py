"""Whose a budget is: the vendor account that its keys spend at, and its issuer's budget.

A hold names its budget and no more; the keys that were made for the budget know the rest.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.vault.registry import Registry


class Owner(NamedTuple):
    """vendor, account: empty for a budget without a key. parent_id: its issuer's budget."""

    vendor: str = ""
    account: str = ""
    parent_id: int | None = None


class Owners:
    """Living: what was found is kept."""

    __slots__ = ("_known", "_registry")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[int, Owner] = {}

    def of(self, account_id: int) -> Owner:
        owner = self._known.get(account_id)
        if owner is not None:
            return owner
        key = self._registry.of_account(account_id)
        if key is None:
            return Owner()
        owner = Owner(key.terms.vendor, key.terms.account, key.parent_id)
        return self._known.setdefault(account_id, owner)

    def parent(self, account_id: int) -> int | None:
        return self.of(account_id).parent_id
