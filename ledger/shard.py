"""One shard: its books and its journal, kept in step.

Whatever happens is checked against the books, encoded, applied and handed to the journal without an
await in between: that is the lock, and it makes the order applied the order journaled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from ledger import codec
from ledger.account import Account
from ledger.archive import archives_of, cut_of, rows_of
from ledger.batch import Batch
from ledger.chain import Row
from ledger.checkpoints import Checkpoints
from ledger.entries import (
    Amended,
    BudgetTerms,
    Ended,
    Ending,
    Entry,
    Held,
    HoldState,
    Note,
    Noted,
    Opened,
    Parted,
    Restored,
    RetryKey,
    Shed,
    ToppedUp,
)
from ledger.errors import CapExceeded, ImpossibleEntry
from ledger.hold import Hold
from ledger.journal import Journal
from ledger.journalfile import StoreBroken
from ledger.settings import Clock, LedgerSettings
from ledger.state import State
from ledger.store import Cut, SqliteStore, Store
from ledger.verdict import Verdict


class Shard:
    """on_death: told why, once. through: what the journal gets for its store, see `Ledger.open`."""

    def __init__(
        self,
        store: SqliteStore,
        state: State,
        settings: LedgerSettings,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        *,
        on_death: Callable[[str], None],
        through: Callable[[Store], Store],
    ) -> None:
        self.number = store.meta.shard
        self.path = store.path
        self.state = state
        self._store = store
        self._clock = clock
        self.journal = Journal(
            through(store),
            settings,
            loop,
            name=f"ledger-{self.number}",
            take_back=state.take_back,
            on_death=lambda why: on_death(f"ledger shard {self.number} ({self.path.name}): {why}"),
        )
        self.journal.entries_since_checkpoint = state.replayed
        self._checkpoints = Checkpoints(state, self.journal, settings, clock, loop)

    # -- accounts and notes --------------------------------------------------------------------

    def open_account(
        self, terms: BudgetTerms, parent_id: int | None, notes: Sequence[Note]
    ) -> tuple[int, Batch]:
        self.journal.must_take()
        account_id, now_us = self.state.last_account + 1, self._clock.now_us()
        return account_id, self._book([Opened(account_id, parent_id, terms, now_us)], notes)

    def amend_account(self, account_id: int, terms: BudgetTerms, notes: Sequence[Note]) -> Batch:
        self.journal.must_take()
        return self._book([Amended(account_id, terms, self._clock.now_us())], notes)

    def top_up(
        self,
        account_id: int,
        amount_micros: int,
        day: int,
        until_us: int | None,
        notes: Sequence[Note],
    ) -> Batch:
        self.journal.must_take()
        now_us = self._clock.now_us()
        return self._book([ToppedUp(account_id, amount_micros, day, until_us, now_us)], notes)

    def note(self, notes: Sequence[Note]) -> Batch:
        """Also when the disk is full: a revoke takes its place in the queue."""
        return self._book([], notes)

    def check(self, account_id: int, amount_micros: int, units: int) -> CapExceeded | None:
        account, now_us = self.state.account(account_id), self._clock.now_us()
        return self.exceeded(account, amount_micros, units, now_us, with_parent=True, all_caps=True)

    # -- holds ---------------------------------------------------------------------------------

    def exceeded(
        self,
        account: Account,
        amount_micros: int,
        units: int,
        now_us: int,
        *,
        with_parent: bool,
        all_caps: bool,
    ) -> CapExceeded | None:
        """Which cap a hold would pass. all_caps: the account's own also where they only report."""
        if account.terms.enforce or all_caps:
            limit = account.exceeded(amount_micros, units, now_us)
            if limit is not None:
                return CapExceeded(limit, account.account_id, account.standing(now_us))
        if with_parent and account.parent_id is not None:
            parent = self.state.accounts[account.parent_id]
            limit = parent.exceeded(amount_micros, units, now_us)
            if limit is not None:
                return CapExceeded(limit, parent.account_id, parent.standing(now_us))
        return None

    def hold(
        self,
        account_id: int,
        amount_micros: int,
        units: int,
        memo: bytes,
        call_id: str,
        tag: str,
        remark: str,
        retry: RetryKey | None,
        with_parent: bool,
        restorable: bool,
    ) -> tuple[Hold, Batch]:
        """Check and apply; it counts from here on. Raises CapExceeded, CannotRecord,
        ImpossibleEntry."""
        self.journal.must_take()
        if amount_micros < 0 or units < 0:
            raise ImpossibleEntry("a hold cannot be negative")
        state, now_us = self.state, self._clock.now_us()
        account = state.account(account_id)
        no = self.exceeded(
            account, amount_micros, units, now_us, with_parent=with_parent, all_caps=False
        )
        if no is not None:
            raise no
        parent_id = account.parent_id if with_parent else None
        held = Held(
            state.last_hold + 1,
            account_id,
            parent_id,
            account.calendar.day_at(now_us),
            None if parent_id is None else state.accounts[parent_id].calendar.day_at(now_us),
            now_us,
            amount_micros,
            units,
            restorable,
            call_id,
            tag,
            remark,
            memo,
            retry,
        )
        part = codec.encode(held)
        hold = state.apply_held(held)
        return hold, self.journal.hold(part, hold)

    def forsake(self, hold: Hold, batch: Batch) -> None:
        """Whoever asked for this hold is gone, so the call never left: it goes back."""
        if batch.done.result() is Verdict.DURABLE and hold.state is HoldState.OPEN:
            self.book([Ending(hold.hold_id, HoldState.RELEASED)], self._clock.now_us())

    def book(self, endings: Sequence[Ending | Shed], now_us: int) -> Batch:
        facts = [_fact(ending, now_us) for ending in endings]
        entries: Sequence[Entry] = facts
        if Parted in map(type, facts):
            entries = [entry for fact in facts for entry in (*self._taken_along(fact), fact)]
        if len(entries) > 1:
            self.state.must_allow(facts)
        parts = [codec.encode(entry) for entry in entries]
        for entry in entries:
            self.state.apply(entry)
        return self.journal.append(parts)

    def _taken_along(self, fact: Ended | Parted) -> Sequence[Restored]:
        """A leg that leaves takes along what was given back to it: a refund that fails once the
        hold is forgotten has nothing left to take back."""
        hold = self.state.find(fact.hold_id) if type(fact) is Parted else None
        if hold is None or hold.shed or not hold.restored_micros:
            return ()
        return [
            refund._replace(amount_micros=-refund.amount_micros, at_us=fact.at_us)
            for refund in self.state.refunds.standing()
            if refund.hold_id == hold.hold_id
        ]

    def restore(self, hold_id: int, amount_micros: int, refund_id: str) -> Batch:
        now_us = self._clock.now_us()
        entry = self.state.restoring(hold_id, amount_micros, refund_id, now_us)
        return self._book([] if entry is None else [entry], ())

    def _book(self, entries: list[Entry], notes: Sequence[Note]) -> Batch:
        """One group: the first entry is the one that may be impossible, notes never are."""
        now_us = self._clock.now_us()
        entries += [Noted(note.kind, note.name, _snug(note.blob), now_us) for note in notes]
        parts = [codec.encode(entry) for entry in entries]
        for entry in entries:
            self.state.apply(entry)
        return self.journal.append(parts)

    # -- the turn of time ----------------------------------------------------------------------

    def doubt_open_holds(self) -> Batch:
        """After a replay nobody knows what became of a call that was in flight."""
        holds = [h for h in self.state.holds.values() if h.state is HoldState.OPEN]
        endings = [Ending(hold.hold_id, HoldState.IN_DOUBT) for hold in holds]
        return self.book(endings, self._clock.now_us())

    def tick(self, now_s: float) -> None:
        self.journal.tick(now_s)
        self._checkpoints.tick()

    def checkpoint(self) -> None:
        """Write the books whole, unless the journal is in trouble; then it is done later."""
        self._checkpoints.begin()

    async def close(self) -> None:
        await self._checkpoints.close()
        await self.journal.close()

    # -- reading back --------------------------------------------------------------------------

    def cut(self) -> Cut:
        """All that is on disk at this moment."""
        return cut_of(self._store)

    @property
    def last_seq(self) -> int:
        return self._store.chain.seq

    def head(self) -> tuple[int, int, bytes]:
        """Its number, the last row's, and that row's mac. Waits for a row that is being
        written."""
        return self.number, *self._store.head()

    def read_entries(self, after_seq: int) -> Iterator[tuple[int, list[Entry]]]:
        """Every row after one, with its entries: from the archives, then from the journal. Raises
        StoreBroken if one is missing."""
        for row in self._rows(after_seq):
            if row.entries > 0:
                yield row.seq, codec.decode(row.body)

    def _rows(self, after_seq: int) -> Iterator[Row]:
        """Rows may move to another archive while they are read: a gap is looked at twice."""
        gap_at = -1
        while True:
            for row in self._as_they_lie(after_seq):
                if row.seq != after_seq + 1:
                    break
                after_seq = row.seq
                yield row
            else:
                return
            if gap_at == after_seq:
                raise StoreBroken(f"{self.path}: row {after_seq + 1} is missing")
            gap_at = after_seq

    def _as_they_lie(self, after_seq: int) -> Iterator[Row]:
        for archive in archives_of(self.path):
            for row in rows_of(archive, after_seq):
                after_seq = row.seq
                yield row
        yield from self._store.rows(after_seq)


def _fact(ending: Ending | Shed, now_us: int) -> Ended | Parted:
    if isinstance(ending, Shed):
        return Parted(ending.hold_id, now_us)
    return Ended(
        ending.hold_id,
        ending.state,
        ending.settled_micros,
        ending.standing_micros,
        now_us,
        ending.tag,
        ending.memo,
        ending.units,
    )


def _snug(blob: bytes | None) -> bytes | None:
    """A copy with no room behind it: a note may stay for years, and what orjson writes keeps 4 KB
    (3.13), however short it is."""
    return None if blob is None else bytes(memoryview(blob))
