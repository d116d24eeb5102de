"""The ledger: every shard behind one door. What the rest of the house holds.

An account's id carries the number of its shard, and so does a hold's, so everything about one key
is in one place, and its issuer's budget too. All methods run on the event loop; "durable" means
that the journal's batch is on disk.

    ledger = await Ledger.open(settings, clock, on_death=…)
    account = await ledger.open_account(BudgetTerms(daily_micros=500_000_000))
    hold = await ledger.hold(account, 12_000_000)                    # durable, or CapExceeded
    ledger.book([Ending(hold.hold_id, HoldState.SETTLED, 12_000_000)], now_us=…)
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from ledger.backup import Backups, Check, Order
from ledger.batch import no_from
from ledger.copies import Copied
from ledger.entries import (
    SHARD_SHIFT,
    BudgetTerms,
    Ending,
    Entry,
    HoldState,
    Note,
    Restored,
    RetryKey,
    Shed,
)
from ledger.errors import CannotRecord, CapExceeded, ImpossibleEntry, LedgerRefused
from ledger.hold import Hold, Retried
from ledger.journal import TICK_S
from ledger.journalfile import StoreBroken, StoreFull
from ledger.layout import Layout, open_layout
from ledger.replay import recover
from ledger.settings import Clock, LedgerSettings
from ledger.shard import Shard
from ledger.standing import Standing
from ledger.state import State
from ledger.store import Cut, Store
from ledger.verdict import Verdict


class Ticket(Protocol):
    """What was booked is applied and queued."""

    async def durable(self) -> None:
        """Wait until it is on disk. Raises JournalFull (it stays queued), JournalUnavailable."""


class Ledger:
    """Made by `open`."""

    def __init__(
        self,
        layout: Layout,
        shards: Sequence[Shard],
        settings: LedgerSettings,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._layout = layout
        self._by_number: dict[int, Shard] = {shard.number: shard for shard in shards}
        self._clock = clock
        self._retry_memory_us = settings.retry_memory_h * 3_600_000_000
        self._loop = loop
        self._backups = Backups(loop)
        self._ticking = loop.call_later(TICK_S, self._tick)

    @classmethod
    async def open(
        cls,
        settings: LedgerSettings,
        clock: Clock,
        *,
        on_death: Callable[[str], None],
        through: Callable[[Store], Store] = lambda store: store,
    ) -> Ledger:
        """Lock, open, verify the tail, replay, and book holds that were open as in doubt. on_death:
        called once, with why, when a journal can no longer be trusted; the process should end.
        through: puts something between a journal and its file, such as faults.
        Raises LedgerRefused."""
        loop = asyncio.get_running_loop()
        layout = open_layout(settings)
        try:
            states = _recover(layout, clock)
        except BaseException:
            layout.close()
            raise
        told = _once(on_death)
        shards = [
            Shard(store, state, settings, clock, loop, on_death=told, through=through)
            for store, state in zip(layout.stores, states, strict=True)
        ]
        ledger = cls(layout, shards, settings, clock, loop)
        try:
            for batch in [shard.doubt_open_holds() for shard in shards]:
                await batch.durable()
        except CannotRecord as exc:
            await ledger.close()
            raise LedgerRefused(f"the ledger cannot be written: {exc}") from exc
        return ledger

    async def close(self) -> None:
        """Write the books whole and let go of the files."""
        self._ticking.cancel()
        await self._backups.close()
        for shard in self._by_number.values():
            await shard.close()
        self._layout.lock.release()

    # -- accounts and notes --------------------------------------------------------------------

    async def open_account(
        self, terms: BudgetTerms, *, parent: int | None = None, notes: Sequence[Note] = ()
    ) -> int:
        """A new budget; a child lives in its parent's shard. Durable, together with its notes.
        Raises ImpossibleEntry for a zone or parent that does not exist, CannotRecord."""
        shard = self._emptiest() if parent is None else self._shard(parent)
        account_id, batch = shard.open_account(terms, parent, notes)
        await batch.durable()
        return account_id

    async def amend_account(
        self, account_id: int, terms: BudgetTerms, *, notes: Sequence[Note] = ()
    ) -> None:
        """Other caps; the zone stays. Durable."""
        await self._shard(account_id).amend_account(account_id, terms, notes).durable()

    async def top_up(
        self,
        account_id: int,
        amount_micros: int,
        *,
        day: int,
        until_us: int | None,
        notes: Sequence[Note] = (),
    ) -> None:
        """Raise the daily cap for one day, or until a moment of it. Durable."""
        shard = self._shard(account_id)
        await shard.top_up(account_id, amount_micros, day, until_us, notes).durable()

    async def note(self, notes: Sequence[Note], *, account_id: int | None = None) -> None:
        """Keep records of the caller's, durably, in the account's shard or the first one. On a full
        disk they are applied and keep their place in the queue even where this raises
        JournalFull."""
        shard = self._first() if account_id is None else self._shard(account_id)
        await shard.note(notes).durable()

    def notes(self, kind: str) -> Iterator[Note]:
        """All of a kind. A start reads a million."""
        shards = self._by_number.values()
        return chain.from_iterable(shard.state.all_notes(kind) for shard in shards)

    def noted(self, kind: str, name: str) -> bytes | None:
        """What is kept under this kind and name, in any shard."""
        found = (shard.state.noted(kind, name) for shard in self._by_number.values())
        return next((blob for blob in found if blob is not None), None)

    # -- holds ---------------------------------------------------------------------------------

    async def hold(
        self,
        account_id: int,
        amount_micros: int,
        *,
        units: int = 1,
        memo: bytes = b"",
        call_id: str = "",
        tag: str = "",
        remark: str = "",
        retry: RetryKey | None = None,
        with_parent: bool = True,
        restorable: bool = False,
    ) -> Hold:
        """Set money aside: check and apply without an await, then wait for the disk. Raises
        CapExceeded, JournalFull, JournalUnavailable: in all three nothing is held. If the caller is
        cancelled while it waits, the hold is released."""
        shard = self._shard(account_id)
        hold, batch = shard.hold(
            account_id,
            amount_micros,
            units,
            memo,
            call_id,
            tag,
            remark,
            retry,
            with_parent,
            restorable,
        )
        try:
            verdict = await batch.done
        except asyncio.CancelledError:
            shard.forsake(hold, batch)
            raise
        if verdict is not Verdict.DURABLE:
            raise no_from(verdict)
        return hold

    def check(self, account_id: int, amount_micros: int, units: int = 1) -> CapExceeded | None:
        """The same check, changing nothing; an account that only reports is told of its caps
        here."""
        return self._shard(account_id).check(account_id, amount_micros, units)

    def book(self, endings: Sequence[Ending | Shed], *, now_us: int) -> Ticket:
        """Apply how holds go on, all or none, and queue it in order. All holds of a group live in
        one shard. Raises ImpossibleEntry, and then nothing has changed."""
        shard = self._shard(endings[0].hold_id) if endings else self._first()
        return shard.book(endings, now_us)

    def restore(self, hold_id: int, amount_micros: int, refund_id: str) -> Ticket:
        """A refund gives back to the cap of the hold's own account: once per refund id, at most
        what the hold settled at, and not before it has. A negative amount undoes what that refund
        gave. Raises ImpossibleEntry."""
        return self._shard(hold_id).restore(hold_id, amount_micros, refund_id)

    # -- looking -------------------------------------------------------------------------------

    def find(self, hold_id: int) -> Hold | None:
        """A hold that is not final, or a settled restorable one of the day."""
        shard = self._by_number.get(hold_id >> SHARD_SHIFT)
        return None if shard is None else shard.state.find(hold_id)

    def tagged(self, tag: str) -> tuple[Hold, ...]:
        """The same, of one object, oldest first."""
        found = [hold for shard in self._by_number.values() for hold in shard.state.tagged(tag)]
        return tuple(sorted(found, key=lambda hold: (hold.at_us, hold.hold_id)))

    def retried(self, key: bytes) -> Retried | None:
        """What became of the call made under this key, in any shard; None once it was released, or
        is older than the retry memory."""
        since_us = self._clock.now_us() - self._retry_memory_us
        for shard in self._by_number.values():
            found = shard.state.retried(key)
            if found is not None and found.at_us > since_us:
                return found
        return None

    def open_holds(self, *states: HoldState) -> Iterator[Hold]:
        """Holds in one of these states; all that are not final if none is named."""
        for shard in self._by_number.values():
            for hold in tuple(shard.state.holds.values()):
                if hold.state in states if states else not hold.final:
                    yield hold

    def restored(self) -> Iterator[Restored]:
        """Refunds that gave back to a cap, of the last 90 days, each with its own id."""
        for shard in self._by_number.values():
            yield from shard.state.refunds.standing()

    def standing(self, account_id: int, now_us: int) -> Standing:
        return self._shard(account_id).state.account(account_id).standing(now_us)

    def today(self, account_id: int, now_us: int) -> tuple[int, int | None]:
        """Of a standing what every answer tells: micros spent on the day, and what its cap leaves
        (None without one)."""
        return self._shard(account_id).state.account(account_id).today(now_us)

    def shards(self) -> tuple[int, ...]:
        """Their numbers."""
        return tuple(self._by_number)

    def last_seq(self, shard: int) -> int:
        """The number of the newest row that a shard's journal has on disk."""
        return self._by_number[shard].last_seq

    def read_entries(self, shard: int, after_seq: int = 0) -> Iterator[tuple[int, list[Entry]]]:
        """Every row of a shard's journal after one, archives included: its number and its entries.
        Reads what is on disk."""
        return self._by_number[shard].read_entries(after_seq)

    @property
    def trouble(self) -> str | None:
        """None, or why holds are refused: 'disk full', 'stalled' or 'dead'."""
        for shard in self._by_number.values():
            if shard.journal.trouble is not None:
                return shard.journal.trouble
        return None

    def last_journaled_us(self) -> int:
        return max(shard.state.at_us for shard in self._by_number.values())

    def metrics(self) -> Mapping[str, int | float]:
        """Counters over all shards since the start, and gauges."""
        sums: dict[str, int | float] = {"queued": 0, "holds": 0, "accounts": 0}
        for shard in self._by_number.values():
            sums["queued"] += shard.journal.queued
            sums["holds"] += len(shard.state.holds)
            sums["accounts"] += len(shard.state.accounts)
            for name, value in shard.journal.counters.items():
                highest = name.endswith("_max")
                sums[name] = max(sums.get(name, 0), value) if highest else sums.get(name, 0) + value
        return sums

    async def back_up(self, order: Order, check: Check) -> Copied:
        """Copy the books as they stand at one step of the loop, while they go on. Closing the
        ledger ends it. Raises CopyRunning, CopyFailed."""
        return await self._backups.make(
            order, self._layout.key_path, self._clock.now_us(), self._cut, check
        )

    async def heads(self) -> list[tuple[int, int, bytes]]:
        """Of each shard its number, its last row's, and that row's mac: who notes them elsewhere
        will miss rows that are cut off the end."""
        shards = list(self._by_number.values())
        return await asyncio.to_thread(lambda: [shard.head() for shard in shards])

    # -- inside --------------------------------------------------------------------------------

    def _tick(self) -> None:
        now_s = self._loop.time()
        for shard in self._by_number.values():
            shard.tick(now_s)
        self._ticking = self._loop.call_later(TICK_S, self._tick)

    def _cut(self) -> list[Cut]:
        return [shard.cut() for shard in self._by_number.values()]

    def _shard(self, any_id: int) -> Shard:
        """The shard that an account's or a hold's id names."""
        try:
            return self._by_number[any_id >> SHARD_SHIFT]
        except KeyError:
            raise ImpossibleEntry(f"there is no shard for {any_id}") from None

    def _first(self) -> Shard:
        return next(iter(self._by_number.values()))

    def _emptiest(self) -> Shard:
        return min(self._by_number.values(), key=lambda shard: len(shard.state.accounts))


def _recover(layout: Layout, clock: Clock) -> list[State]:
    """All books, then the clock, then the reserves. Raises LedgerRefused."""
    gc_was_on = gc.isenabled()
    gc.disable()  # a replay makes a great many objects and no garbage
    try:
        states = [recover(store, layout.key) for store in layout.stores]
    finally:
        if gc_was_on:
            gc.enable()
    clock.begin_at_us(max(state.at_us for state in states))
    for store in layout.stores:
        try:
            store.keep_reserve()
        except (StoreFull, StoreBroken) as exc:
            raise LedgerRefused(f"no room can be reserved beside {store.path}: {exc}") from exc
        try:
            store.be_current()
        except (StoreFull, StoreBroken) as exc:
            raise LedgerRefused(f"{store.path} cannot be written: {exc}") from exc
    return states


def _once(on_death: Callable[[str], None]) -> Callable[[str], None]:
    told = False

    def tell(why: str) -> None:
        nonlocal told
        if not told:
            told = True
            on_death(why)

    return tell
