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

The keys themselves are in the keyring, most of them asleep.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from gateway.errors import KeyExpired, KeyRevoked, PolicyRefused, Refusal
from gateway.vault import bars, records, runs
from gateway.vault.bars import Bar, Bars
from gateway.vault.books import Books
from gateway.vault.cuts import Clock, Cut, Cuts
from gateway.vault.issuers import Issuer, IssuerTerms, issuer_budget
from gateway.vault.keyring import Keyring
from gateway.vault.keys import Flight, Key, budget_of, on_budget
from gateway.vault.records import Gist
from gateway.vault.runs import Runs
from gateway.vault.secrets import Kind, digest, mint, well_formed
from gateway.vault.terms import Terms
from ledger import Note

__all__ = ["Flight", "Key", "Registry"]


class Registry:
    """The one door to keys and issuers. Built by `Registry.load`."""

    __slots__ = (
        "_books", "_clock", "_cuts", "_ended", "_flights", "_issuers", "_issuers_by_digest",
        "_keys", "amending", "bars", "runs",
    )  # fmt: skip

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        self._ended: dict[str, int] = {}
        self._issuers: dict[str, Issuer] = {}
        self._issuers_by_digest: dict[bytes, Issuer] = {}
        self._keys = Keyring(books, self._issuers, self._ended)
        self._cuts = Cuts(books, clock, self._keys)
        self._flights: set[Flight] = set()
        self.amending = asyncio.Lock()
        self.runs = Runs()
        self.bars = Bars()

    @classmethod
    def load(cls, books: Books, clock: Clock) -> Registry:
        """Read everything back. Raises ValueError for a record that this version cannot read."""
        registry = cls(books, clock)
        gc_was_on = gc.isenabled()
        gc.disable()  # a million records, and no garbage
        try:
            registry._load()
        finally:
            if gc_was_on:
                gc.enable()
        return registry

    def _load(self) -> None:
        books = self._books
        for note in books.notes(records.ISSUER):
            self._add_issuer(records.read_issuer(note))
        for note in books.notes(records.ENDED):
            self._ended[note.name] = records.read_number(note)
        for issuer_id, issuer in self._issuers.items():
            issuer.revoked_at_us = self._ended.get(issuer_id)
        for gist in self._keys.load():
            self._introduce(gist)
        self.runs = Runs(books.notes(runs.KIND))
        self.bars = Bars(books.notes(bars.KIND))

    async def close(self) -> None:
        """Write down when keys were last used. The ledger is closed after this."""
        if used := self._keys.last_used():
            await self._books.note([records.used_note(used)])

    # Looking up

    def find(self, secret: bytes) -> Key | None:
        """The key with this secret, revoked and expired ones too."""
        return self._keys.find(secret)

    def find_issuer(self, secret: bytes) -> Issuer | None:
        if not well_formed(secret, Kind.ISSUER):
            return None
        return self._issuers_by_digest.get(digest(secret))

    def key(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    def of_account(self, account_id: int) -> Key | None:
        """A key that spends from this budget."""
        return self._keys.first_of_account(account_id)

    def awake(self) -> list[Key]:
        """Those that are in memory."""
        return self._keys.awake()

    def flights(self) -> set[Flight]:
        """All calls on their way."""
        return self._flights

    def issuer(self, issuer_id: str) -> Issuer | None:
        return self._issuers.get(issuer_id)

    def all_keys(self) -> Iterator[Key]:
        """All keys, newest first, each made when it is come to. Whoever pauses in between does not
        meet keys that were made meanwhile."""
        return self._keys.newest_first()

    def walk(self, having: bytes = b"", *, before: str = "") -> AsyncIterator[Key]:
        """The same for a house with more keys than one turn of the loop may see. having: only keys
        in whose records this stands. before: only older ones than the key with this id."""
        return self._keys.walk(having, before)

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
        self._flights.add(flight)
        key.last_used_us = self._clock.now_us()

    def ended(self, flight: Flight) -> None:
        flight.key.in_flight.discard(flight)
        self._flights.discard(flight)

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
        shared = None
        if issuer is not None:
            issuer.judge_pace(terms.created_at_us)
            key.parent_id = issuer.account_id
            shared = issuer.first_budget(terms)
        if shared is None:
            key.account_id = await self._books.open_account(budget_of(terms), parent=key.parent_id)
            await self._write_new(key, notes)
        else:
            async with self.amending:  # the budget's caps stay as they are until the key has them
                first = self._keys.first_of_account(shared)
                assert first is not None, "a budget that is shared has keys"
                key.terms, key.account_id = on_budget(terms, first.terms), shared
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
        sharing = self._keys.of_account(key.account_id)
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
            self._keys.stay(news)
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
        now_us, ids = self._clock.now_us(), [key.terms.key_id for key in keys]
        ended = [key_id for key_id in ids if self._keys.end(key_id, now_us)]
        flights = {flight for key in keys for flight in key.in_flight}
        return await self._cuts.make(ended, ids, flights, [], abort=abort)

    async def revoke_run(self, *, label: str = "", prefix: str = "", abort: bool) -> Cut:
        """Revoke the keys with the label (or, if prefix is set, with labels that begin so) and
        every call with such an effective label, whosever key it bears."""
        now_us = self._clock.now_us()
        if prefix:
            notes = self.runs.revoke_prefix(prefix, now_us)
        else:
            notes = self.runs.revoke_label(label, now_us)
        hit: Callable[[str], bool] = (lambda it: it.startswith(prefix)) if prefix else label.__eq__
        ended, ids = await self._cuts.end_all(
            records.of_label(prefix or label), lambda it: hit(it.label)
        )
        flights = {f for f in self._flights if hit(f.label) or hit(f.key.terms.label)}
        notes = self.runs.as_it_is(notes)  # it may have been reopened meanwhile, on disk too
        return await self._cuts.make(ended, ids, flights, notes, abort=abort)

    async def bar(self, bar: Bar, *, abort: bool) -> Cut:
        self.bars.put(bar, self._clock.now_us())

        def hit(it: Gist | Terms) -> bool:
            return bar.stops(it.vendor, it.account)

        ended, ids = await self._cuts.end_all(records.of_vendor(bar.vendor), hit)
        flights = {flight for flight in self._flights if hit(flight.key.terms)}
        notes = self.bars.as_it_is(bar)  # it may have been lifted meanwhile, on disk too
        return await self._cuts.make(ended, ids, flights, notes, abort=abort)

    async def revoke_issuer(self, issuer: Issuer, *, keep_keys: bool, abort: bool) -> Cut:
        if issuer.revoked_at_us is None:
            issuer.revoked_at_us = self._clock.now_us()
        issuer_id = issuer.terms.issuer_id
        notes = [records.ended_note(issuer_id, issuer.revoked_at_us)]
        if keep_keys:
            return await self._cuts.make([], [], set(), notes, abort=abort)

        def hit(it: Gist | Terms) -> bool:
            return it.issuer_id == issuer_id

        ended, ids = await self._cuts.end_all(records.of_issuer(issuer_id), hit)
        flights = {flight for flight in self._flights if hit(flight.key.terms)}
        return await self._cuts.make(ended, ids, flights, notes, abort=abort)

    # Keeping

    def _add_key(self, key: Key) -> None:
        self._keys.add(key)
        self._introduce(records.gist_of(key))

    def _introduce(self, gist: Gist) -> None:
        """To its issuer."""
        if gist.issuer_id is not None:
            issuer = self._issuers[gist.issuer_id]
            issuer.knows(gist.vendor, gist.label, gist.account_id, gist.created_at_us)

    def _add_issuer(self, issuer: Issuer) -> None:
        self._issuers[issuer.terms.issuer_id] = issuer
        self._issuers_by_digest[issuer.digest] = issuer
