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
        """Newest keys are looked at first: a budget that is not known yet was made a moment ago."""
        owner = self._known.get(account_id)
        if owner is not None:
            return owner
        for key in self._registry.all_keys():
            terms = key.terms
            self._known[key.account_id] = Owner(terms.vendor, terms.account, key.parent_id)
            if key.account_id == account_id:
                break
        return self._known.setdefault(account_id, Owner())

    def parent(self, account_id: int) -> int | None:
        return self.of(account_id).parent_id
