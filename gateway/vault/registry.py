"""The live state of keys, issuers, runs and bars: who may do what, right now, and after a restart.

All of it is in memory, touched by the event loop alone, and each change is a ledger note on disk
before it is answered. The order of the two is chosen so that a crash or a full disk errs towards
"no":

- what is granted (a key, new terms) is durable first and valid then,
- what is taken away (a revoke, a bar) is in force at once and answered when it is durable.

A key's record is written after its account and names it: a crash between the two leaves an account
that nobody can spend from.

A grant waits for the disk, and a revoke may come in the meantime; so `issue` looks again after it
waited. When a key was last used is written when the gateway closes; after a crash it falls back to
that.

Of a million keys most are asleep: their records lie in the books as bytes, and a key is made of its
record when it is first asked for. Once a call bore it, it stays. While anybody holds a key, there
is no second object for it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Final, Protocol
from weakref import WeakValueDictionary

from gateway.errors import KeyExpired, KeyRevoked, PolicyRefused, Refusal
from gateway.vault import bars, records, runs
from gateway.vault.bars import Bar, Bars
from gateway.vault.books import Books
from gateway.vault.issuers import Issuer, IssuerTerms, issuer_budget
from gateway.vault.keys import Flight, Key, budget_of, on_budget
from gateway.vault.runs import Runs
from gateway.vault.secrets import Kind, digest, mint, well_formed
from gateway.vault.terms import Terms
from ledger import Note

KEPT_MAX: Final = 20_000
"""So many keys stay in memory, the newest at the start. Of others that no call bore there are only
their records, and what they are found by."""
TURN_S: Final = 0.0003
"""A walk over all keys holds the loop no longer at once."""

__all__ = ["Cut", "Flight", "Key", "Registry"]


class _Clock(Protocol):
    def now_us(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Cut:
    """What a revoke did. keys: those it revoked, without those that were already. in_flight: calls
    that were on their way. aborted: those of them that were ended; in_doubt: those whose last byte
    had left."""

    keys: tuple[Key, ...]
    in_flight: int
    aborted: int
    in_doubt: int


class Registry:
    """The one door to keys and issuers. Built by `Registry.load`."""

    __slots__ = (
        "_awake",
        "_books",
        "_by_account",
        "_by_digest",
        "_clock",
        "_ended",
        "_ids",
        "_issuers",
        "_issuers_by_digest",
        "_kept",
        "_used",
        "amending",
        "bars",
        "runs",
    )

    def __init__(self, books: Books, clock: _Clock) -> None:
        self._books = books
        self._clock = clock
        self._ids: list[str] = []
        self._by_digest: dict[bytes, str | Key] = {}
        self._by_account: dict[int, str | tuple[str, ...]] = {}
        self._awake: WeakValueDictionary[str, Key] = WeakValueDictionary()
        self._kept: set[Key] = set()
        self._ended: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._issuers: dict[str, Issuer] = {}
        self._issuers_by_digest: dict[bytes, Issuer] = {}
        self.amending = asyncio.Lock()
        self.runs = Runs()
        self.bars = Bars()

    @classmethod
    def load(cls, books: Books, clock: _Clock) -> Registry:
        """Read everything back. Raises ValueError for a record that this version cannot read."""
        registry = cls(books, clock)
        for note in books.notes(records.ISSUER):
            registry._add_issuer(records.read_issuer(note))
        for note in books.notes(records.ENDED):
            registry._ended[note.name] = records.read_number(note)
        for issuer_id, issuer in registry._issuers.items():
            issuer.revoked_at_us = registry._ended.get(issuer_id)
        for note in books.notes(records.USED):
            registry._used.update(records.read_used(note))
        registry._load_keys()
        registry.runs = Runs(books.notes(runs.KIND))
        registry.bars = Bars(books.notes(bars.KIND))
        return registry

    def _load_keys(self) -> None:
        """Only what they are found by, and the newest. An issuer is to know its own, in the order
        they were made."""
        issued = []
        ids, by_digest, by_account = self._ids, self._by_digest, self._by_account
        for note in self._books.notes(records.KEY):
            hashed, account_id, is_issued = records.read_head(note)
            key_id = note.name
            ids.append(key_id)
            by_digest[hashed] = key_id
            if is_issued:
                issued.append((key_id, account_id))
            else:
                by_account[account_id] = key_id
        ids.sort()
        for key_id in islice(reversed(ids), KEPT_MAX):
            self._known(key_id)
        for key_id, account_id in sorted(issued):
            self._join(account_id, key_id)
            self._introduce(self._known(key_id))

    async def close(self) -> None:
        """Write down when keys were last used. The ledger is closed after this."""
        awake = {i: key.last_used_us for i, key in self._awake.items() if key.last_used_us}
        used = self._used | awake
        if used:
            await self._books.note([records.used_note(used)])

    # Looking up

    def find(self, secret: bytes) -> Key | None:
        """The key with this secret, revoked and expired ones too."""
        told = digest(secret)
        found = self._by_digest.get(told)
        if isinstance(found, str):
            found = self._by_digest[told] = self._known(found)
        return found

    def find_issuer(self, secret: bytes) -> Issuer | None:
        if not well_formed(secret, Kind.ISSUER):
            return None
        return self._issuers_by_digest.get(digest(secret))

    def key(self, key_id: str) -> Key | None:
        return self._known(key_id) if self._is_known(key_id) else None

    def of_account(self, account_id: int) -> Key | None:
        """A key that spends from this budget."""
        found = self._by_account.get(account_id)
        return None if found is None else self._known(_each(found)[0])

    def awake(self) -> list[Key]:
        """Those that are in memory; all that have calls on their way are."""
        return list(self._awake.values())

    def issuer(self, issuer_id: str) -> Issuer | None:
        return self._issuers.get(issuer_id)

    def all_keys(self) -> Iterator[Key]:
        """All keys, newest first, each made when it is come to. Whoever pauses in between does not
        meet keys that were made meanwhile."""
        return map(self._known, tuple(reversed(self._ids)))

    async def walk(self, having: bytes = b"", *, before: str = "") -> AsyncIterator[Key]:
        """The same for a house with more keys than one turn of the loop may see: others have their
        turn each TURN_S. having: only keys in whose records this stands. before: only older ones
        than the key with this id."""
        end = bisect_left(self._ids, before) if before else len(self._ids)
        turn_over_s = perf_counter() + TURN_S
        for key_id in reversed(self._ids[:end]):
            if not having or having in (self._books.noted(records.KEY, key_id) or b""):
                yield self._known(key_id)
            if perf_counter() > turn_over_s:
                await asyncio.sleep(0)
                turn_over_s = perf_counter() + TURN_S

    def issuers(self) -> Sequence[Issuer]:
        """All issuers, newest first."""
        return [self._issuers[i] for i in sorted(self._issuers, reverse=True)]

    # The hot path

    def no_longer(self, key: Key, label: str, now_us: int) -> Refusal | None:
        """Why a call of this key with this effective label may not go on; None: it may."""
        if key.revoked_at_us is not None:
            return KeyRevoked()
        if key.expired(now_us):
            return KeyExpired()
        if self.runs and self.runs.revoked(label):
            return KeyRevoked("The run that this call belongs to was revoked.", label=label)
        if self.bars and self.bars.stops(key.terms.vendor, key.terms.account):
            return KeyRevoked("All calls to this vendor or account are stopped.")
        return None

    def began(self, flight: Flight) -> None:
        key = flight.key
        key.in_flight.add(flight)
        key.last_used_us = self._clock.now_us()

    def ended(self, flight: Flight) -> None:
        flight.key.in_flight.discard(flight)

    # Granting: durable first, then valid

    async def issue(
        self, terms: Terms, issuer: Issuer | None = None, notes: Sequence[Note] = ()
    ) -> tuple[Key, str]:
        """Make a key; its secret is in nobody's hands but the caller's. An issuer's key with a
        label used before joins that label's budget. Raises PolicyRefused, RateLimited, and what the
        books raise."""
        if issuer is None:
            return await self._issue(terms, None, notes)
        async with issuer.making:
            return await self._issue(terms, issuer, notes)

    async def _issue(
        self, terms: Terms, issuer: Issuer | None, notes: Sequence[Note]
    ) -> tuple[Key, str]:
        self._judge_bars(terms)
        if issuer is None:
            await self.reopen_run(terms.label)
        self._judge_issue(terms, issuer)
        secret = mint(Kind.VAULT)
        key = Key(terms, digest(secret))
        first = None
        if issuer is not None:
            issuer.judge_pace(terms.created_at_us)
            key.parent_id = issuer.account_id
            first = issuer.first_budget(terms)
        if first is None:
            key.account_id = await self._books.open_account(budget_of(terms), parent=key.parent_id)
            await self._write_new(key, notes)
        else:
            async with self.amending:  # the budget's caps stay as they are until the key has them
                key.terms, key.account_id = on_budget(terms, first.terms), first.account_id
                await self._write_new(key, notes)
        await self._look_again(key, issuer)
        return key, secret

    async def _write_new(self, key: Key, notes: Sequence[Note]) -> None:
        await self._books.note([records.key_note(key), *notes], account_id=key.account_id)
        self._add_key(key)

    def _judge_bars(self, terms: Terms) -> None:
        if (bar := self.bars.stops(terms.vendor, terms.account)) is not None:
            raise PolicyRefused(
                "No key is made for what was revoked, until keybrake resume (POST /vault/resume).",
                rule="barred",
                barred=bar.shown(),
            )

    def _judge_issue(self, terms: Terms, issuer: Issuer | None) -> None:
        self._judge_bars(terms)
        if self.runs.revoked(terms.label):
            raise PolicyRefused(
                "This run was revoked; only the admin key can make a key for it again.",
                rule="run_revoked",
                label=terms.label,
            )
        if issuer is not None and issuer.revoked_at_us is not None:
            raise PolicyRefused("This issuer was revoked.", rule="issuer_revoked")

    async def _look_again(self, key: Key, issuer: Issuer | None) -> None:
        """A revoke that came while the key was being written holds for it as well."""
        try:
            self._judge_issue(key.terms, issuer)
        except PolicyRefused:
            await self.revoke([key], abort=True)
            raise

    async def amend(self, key: Key, terms: Terms, notes: Sequence[Note] = ()) -> None:
        """New terms for a key. Caps and mode are the budget's: its other keys take them on as
        well."""
        sharing = [self._known(key_id) for key_id in _each(self._by_account[key.account_id])]
        news = {other: on_budget(other.terms, terms) for other in sharing if other is not key}
        news = {other: new for other, new in news.items() if new != other.terms} | {key: terms}
        caps_change = budget_of(terms) != budget_of(key.terms)
        notes = [*(records.key_note(other, new) for other, new in news.items()), *notes]
        try:
            if caps_change:
                await self._books.amend_account(key.account_id, budget_of(terms), notes=notes)
            else:
                await self._books.note(notes, account_id=key.account_id)
        except BaseException:
            self._kept.update(news)  # asleep, they would wake with what was refused
            raise
        for other, new in news.items():
            other.terms = new

    async def found_issuer(
        self, terms: IssuerTerms, notes: Sequence[Note] = ()
    ) -> tuple[Issuer, str]:
        secret = mint(Kind.ISSUER)
        issuer = Issuer(terms, digest(secret))
        issuer.account_id = await self._books.open_account(issuer_budget(terms))
        note = records.issuer_note(issuer)
        await self._books.note([note, *notes], account_id=issuer.account_id)
        self._add_issuer(issuer)
        return issuer, secret

    async def amend_issuer(
        self, issuer: Issuer, terms: IssuerTerms, notes: Sequence[Note] = ()
    ) -> None:
        notes = [records.issuer_note(issuer, terms), *notes]
        await self._books.amend_account(issuer.account_id, issuer_budget(terms), notes=notes)
        issuer.terms = terms

    async def resume(self, bar: Bar) -> None:
        """Lift a bar, and the narrower ones it includes. Keys that were revoked stay so."""
        if notes := self.bars.lift(bar):
            await self._books.note(notes)

    async def reopen_run(self, label: str) -> None:
        """Calls with this effective label may go on again. Keys that were revoked stay so."""
        if notes := self.runs.reopen(label, self._clock.now_us()):
            await self._books.note(notes)

    async def reopen_prefix(self, prefix: str) -> None:
        """The same of all labels that begin so, and of narrower prefixes that were revoked."""
        if notes := self.runs.reopen_prefix(prefix):
            await self._books.note(notes)

    # Taking away: in force at once, answered when durable

    async def revoke(self, keys: Sequence[Key], *, abort: bool) -> Cut:
        return await self._cut(keys, (), [], abort=abort)

    async def revoke_run(self, *, label: str = "", prefix: str = "", abort: bool) -> Cut:
        """Revoke the keys with the label (or, if prefix is set, with labels that begin so) and
        every call with such an effective label, whosever key it bears."""
        now_us = self._clock.now_us()
        if prefix:
            notes = self.runs.revoke_prefix(prefix, now_us)
        else:
            notes = self.runs.revoke_label(label, now_us)
        hit: Callable[[str], bool] = (lambda it: it.startswith(prefix)) if prefix else label.__eq__
        keys = [k for k in self._with(records.of_label(prefix or label)) if hit(k.terms.label)]
        flights = [flight for flight in _flights(self.awake()) if hit(flight.label)]
        return await self._cut(keys, flights, notes, abort=abort)

    async def bar(self, bar: Bar, *, abort: bool) -> Cut:
        notes = self.bars.put(bar, self._clock.now_us())
        named = self._with(records.of_vendor(bar.vendor))
        keys = [key for key in named if bar.stops(key.terms.vendor, key.terms.account)]
        return await self._cut(keys, (), notes, abort=abort)

    async def revoke_issuer(self, issuer: Issuer, *, keep_keys: bool, abort: bool) -> Cut:
        if issuer.revoked_at_us is None:
            issuer.revoked_at_us = self._clock.now_us()
        note = records.ended_note(issuer.terms.issuer_id, issuer.revoked_at_us)
        keys = [] if keep_keys else self.keys_of(issuer)
        return await self._cut(keys, (), [note], abort=abort)

    def keys_of(self, issuer: Issuer) -> list[Key]:
        issuer_id = issuer.terms.issuer_id
        named = self._with(records.of_issuer(issuer_id))
        return [key for key in named if key.terms.issuer_id == issuer_id]

    async def _cut(
        self, keys: Sequence[Key], flights: Iterable[Flight], notes: Sequence[Note], *, abort: bool
    ) -> Cut:
        """End keys, their calls in flight, and further calls. A key that was revoked before is
        written again: the write that it was revoked by may still be on its way, and this answer
        vouches for it too."""
        now_us = self._clock.now_us()
        revoked = tuple(key for key in keys if key.revoked_at_us is None)
        for key in revoked:
            key.revoked_at_us = self._ended[key.terms.key_id] = now_us
        hit = _flights(keys).union(flights)
        in_doubt = sum(not flight.abort() for flight in hit) if abort else 0
        ended = [records.ended_note(key.terms.key_id, key.revoked_at_us or now_us) for key in keys]
        await self._books.note([*notes, *ended])
        return Cut(revoked, len(hit), len(hit) if abort else 0, in_doubt)

    def _add_key(self, key: Key) -> None:
        key_id = key.terms.key_id
        insort(self._ids, key_id)
        self._by_digest[key.digest] = key_id
        self._join(key.account_id, key_id)
        self._keep(key)
        self._introduce(key)

    def _join(self, account_id: int, key_id: str) -> None:
        others = self._by_account.get(account_id)
        self._by_account[account_id] = key_id if others is None else (*_each(others), key_id)

    def _introduce(self, key: Key) -> None:
        """To its issuer."""
        if key.terms.issuer_id is not None:
            issuer = self._issuers[key.terms.issuer_id]
            key.parent_id = issuer.account_id
            issuer.knows(key)

    # Waking

    def _is_known(self, key_id: str) -> bool:
        """A record is in the books before it is durable, and a key only after that."""
        place = bisect_left(self._ids, key_id)
        return place < len(self._ids) and self._ids[place] == key_id

    def _known(self, key_id: str) -> Key:
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

    def _keep(self, key: Key) -> None:
        self._awake[key.terms.key_id] = key
        if len(self._kept) < KEPT_MAX:
            self._kept.add(key)

    def _with(self, text: bytes) -> Iterator[Key]:
        """Keys in whose records this stands, oldest first."""
        notes = self._books.notes(records.KEY)
        names = sorted(note.name for note in notes if text in (note.blob or b""))
        return map(self._known, filter(self._is_known, names))

    def _add_issuer(self, issuer: Issuer) -> None:
        self._issuers[issuer.terms.issuer_id] = issuer
        self._issuers_by_digest[issuer.digest] = issuer


def _each(ids: str | tuple[str, ...]) -> tuple[str, ...]:
    return (ids,) if isinstance(ids, str) else ids


def _flights(keys: Iterable[Key]) -> set[Flight]:
    return {flight for key in keys for flight in key.in_flight}
