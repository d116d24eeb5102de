"""All vault keys of the house: found by their id, their secret or their budget, and most of them
asleep.

Of a million keys nearly all lie in the books as the bytes of their records; a key is made of its
record when it is first asked for. Once a call bore it, it stays, and so do the newest. While
anybody holds a key, there is no second object for it.

Whoever goes over all keys gives others their turn every TURN_S, and looks through the records'
bytes first. A revoke wakes nobody: `gists` tells what it is decided by, and `end` marks a key that
sleeps as well as one that is awake.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import islice
from time import perf_counter
from typing import Final
from weakref import WeakValueDictionary

from gateway.vault import records
from gateway.vault.books import Books
from gateway.vault.indexes import ByBudget, BySecret
from gateway.vault.issuers import Issuer
from gateway.vault.keys import Key
from gateway.vault.records import Gist
from gateway.vault.secrets import digest
from ledger import Note

KEPT_MAX: Final = 20_000
"""So many keys stay in memory, the newest at the start. Of others that no call bore there are only
their records, and what they are found by."""
TURN_S: Final = 0.0003
"""A walk over all keys holds the loop no longer at once."""
_IDS_AT_ONCE: Final = 1_024


class Keyring:
    """Built by `load`. issuers: by their ids. ended: when keys were revoked, in microseconds."""

    __slots__ = (
        "_awake", "_books", "_by_budget", "_by_secret", "_ended", "_ids", "_issuers", "_kept",
        "_used",
    )  # fmt: skip

    def __init__(self, books: Books, issuers: Mapping[str, Issuer], ended: dict[str, int]) -> None:
        self._books = books
        self._issuers = issuers
        self._ended = ended
        self._ids: list[str] = []
        self._by_secret = BySecret(self.known)
        self._by_budget = ByBudget()
        self._awake: WeakValueDictionary[str, Key] = WeakValueDictionary()
        self._kept: set[Key] = set()
        self._used: dict[str, int] = {}

    def load(self) -> Iterable[Gist]:
        """Read what keys are found by, and wake the newest. Returns those that issuers made, in
        that order. Raises ValueError for a record that this version cannot read."""
        for note in self._books.notes(records.USED):
            self._used.update(records.read_used(note))
        issued: list[str] = []
        claim, join = self._by_secret.claim, self._by_budget.join
        for note in self._books.notes(records.KEY):
            its_mark, account_id, is_issued = records.read_head(note)
            key_id = note.name
            if not claim(its_mark, key_id):
                self._by_secret.add_twin(records.read_key(note).digest, key_id)
            if is_issued:
                issued.append(key_id)
            else:
                join(account_id, key_id)
        issued.sort()
        self._ids += self._by_budget.all_ids()
        self._ids += issued
        self._ids.sort()  # it is nearly in order, which takes a fifth of the time
        for key_id in islice(reversed(self._ids), KEPT_MAX):
            self.known(key_id)
        return map(self._joined, issued)

    def _joined(self, key_id: str) -> Gist:
        gist = self.gist(key_id)
        self._by_budget.join(gist.account_id, key_id)
        return gist

    def last_used(self) -> dict[str, int]:
        awake = {i: key.last_used_us for i, key in self._awake.items() if key.last_used_us}
        return self._used | awake

    # Looking up

    def find(self, secret: bytes) -> Key | None:
        """The key with this secret; it stays awake."""
        return self._by_secret.find(digest(secret))

    def get(self, key_id: str) -> Key | None:
        return self.known(key_id) if self._is_known(key_id) else None

    def of_account(self, account_id: int) -> list[Key]:
        """The keys that spend from this budget, the first one first."""
        return [self.known(key_id) for key_id in self._by_budget.ids(account_id)]

    def first_of_account(self, account_id: int) -> Key | None:
        """The others sleep on: a scenario that gets a key for each run has thousands of them."""
        ids = self._by_budget.ids(account_id)
        return self.known(ids[0]) if ids else None

    def awake(self) -> list[Key]:
        return list(self._awake.values())

    def gist(self, key_id: str) -> Gist:
        """Of a key that is known."""
        key = self._awake.get(key_id)
        if key is not None:
            return records.gist_of(key)
        return records.read_gist(Note(records.KEY, key_id, self._books.noted(records.KEY, key_id)))

    # Going over all

    def newest_first(self) -> Iterator[Key]:
        """Each made when it is come to. Whoever pauses in between does not meet keys that were made
        meanwhile."""
        return map(self.known, self._from(len(self._ids)))

    async def walk(self, having: bytes, before: str) -> AsyncIterator[Key]:
        """The same, and others have their turn each TURN_S."""
        async for key_id in self._named(having, before):
            yield self.known(key_id)

    async def gists(self, having: bytes, fits: Callable[[Gist], bool]) -> AsyncIterator[str]:
        """The ids of keys that fit; nobody wakes."""
        async for key_id in self._named(having, ""):
            if fits(self.gist(key_id)):
                yield key_id

    async def _named(self, having: bytes, before: str) -> AsyncIterator[str]:
        """The ids of keys in whose records this stands."""
        end = bisect_left(self._ids, before) if before else len(self._ids)
        turn_over_s = perf_counter() + TURN_S
        for key_id in self._from(end):
            if not having or having in (self._books.noted(records.KEY, key_id) or b""):
                yield key_id
            if perf_counter() > turn_over_s:
                await asyncio.sleep(0)
                turn_over_s = perf_counter() + TURN_S

    def _from(self, end: int) -> Iterator[str]:
        """All ids before this place, newest first; a copy of a million would take its time."""
        while end:
            some = self._ids[max(0, end - _IDS_AT_ONCE) : end]
            yield from reversed(some)
            end = bisect_left(self._ids, some[0])

    # Changing

    def add(self, key: Key) -> None:
        key_id = key.terms.key_id
        insort(self._ids, key_id)
        self._by_secret.add(key.digest, key_id)
        self._by_budget.join(key.account_id, key_id)
        self._keep(key)

    def end(self, key_id: str, now_us: int) -> bool:
        """Revoke it, awake or not. True if it was not before."""
        if key_id in self._ended:
            return False
        self._ended[key_id] = now_us
        key = self._awake.get(key_id)
        if key is not None:
            key.revoked_at_us = now_us
        return True

    def ended_us(self, key_id: str) -> int:
        return self._ended[key_id]

    def stay(self, keys: Iterable[Key]) -> None:
        """Asleep, they would wake with terms that were refused."""
        self._kept.update(keys)

    # Waking

    def known(self, key_id: str) -> Key:
        """The one object that stands for this key while anybody holds it."""
        key = self._awake.get(key_id)
        if key is None:
            blob = self._books.noted(records.KEY, key_id)
            key = records.read_key(Note(records.KEY, key_id, blob))
            key.revoked_at_us = self._ended.get(key_id)
            key.last_used_us = self._used.get(key_id, 0)
            if key.terms.issuer_id is not None:
                key.parent_id = self._issuers[key.terms.issuer_id].account_id
            self._keep(key)
        return key

    def _is_known(self, key_id: str) -> bool:
        """A record is in the books before it is durable, and a key only after that."""
        place = bisect_left(self._ids, key_id)
        return place < len(self._ids) and self._ids[place] == key_id

    def _keep(self, key: Key) -> None:
        self._awake[key.terms.key_id] = key
        if len(self._kept) < KEPT_MAX:
            self._kept.add(key)
