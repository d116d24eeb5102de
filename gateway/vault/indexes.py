"""What keys are found by besides their ids: their secrets and their budgets. Each of a million keys
stands in both, so it is as little as will do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gateway.vault.keys import Key
from gateway.vault.secrets import mark

_RUN_SHIFT: Final = 10
_RUN: Final = 1 << _RUN_SHIFT


class BySecret:
    """By the mark of a secret's hash, which takes a third of what the hash does. Where two keys
    have one mark (of a million, in one house of 140,000) the later one lies under its whole hash;
    nobody is found whose own hash is another. known: wakes a key by its id."""

    __slots__ = ("_by_mark", "_known", "_twins")

    def __init__(self, known: Callable[[str], Key]) -> None:
        self._known = known
        self._by_mark: dict[int, str | Key] = {}
        self._twins: dict[bytes, str | Key] = {}

    def claim(self, its_mark: int, key_id: str) -> bool:
        """False if another key has it: then this one is to be put in by `add_twin`."""
        return self._by_mark.setdefault(its_mark, key_id) is key_id

    def add_twin(self, hashed: bytes, key_id: str) -> None:
        self._twins[hashed] = key_id

    def add(self, hashed: bytes, key_id: str) -> None:
        if not self.claim(mark(hashed), key_id):
            self.add_twin(hashed, key_id)

    def find(self, hashed: bytes) -> Key | None:
        """The key with this hash; it stays awake."""
        its_mark = mark(hashed)
        found = self._by_mark.get(its_mark)
        if isinstance(found, str):
            found = self._known(found)
            if found.digest == hashed:
                self._by_mark[its_mark] = found
        if found is None or found.digest == hashed:
            return found
        twin = self._twins.get(hashed)
        if isinstance(twin, str):
            twin = self._twins[hashed] = self._known(twin)
        return twin


class ByBudget:
    """By the account in the ledger. Accounts' ids follow each other, so a list for each run of
    them takes an eighth of what a dictionary would."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: dict[int, list[str | list[str] | None]] = {}

    def join(self, account_id: int, key_id: str) -> None:
        run = self._runs.get(account_id >> _RUN_SHIFT)
        if run is None:
            run = self._runs[account_id >> _RUN_SHIFT] = [None] * _RUN
        place = account_id & _RUN - 1
        others = run[place]
        if isinstance(others, list):
            others.append(key_id)
        else:
            run[place] = key_id if others is None else [others, key_id]

    def ids(self, account_id: int) -> Sequence[str]:
        """Of the keys that spend from it, in the order in which they joined."""
        run = self._runs.get(account_id >> _RUN_SHIFT)
        found = None if run is None else run[account_id & _RUN - 1]
        if isinstance(found, list):
            return found
        return () if found is None else (found,)

    def all_ids(self) -> Iterator[str]:
        """In the order of the accounts: nearly that in which the keys were made."""
        for number in sorted(self._runs):
            for found in self._runs[number]:
                if isinstance(found, str):
                    yield found
                elif found is not None:
                    yield from found
