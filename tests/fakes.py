"""Stand-ins that keep the real ones' promises: a ledger without a disk, a clock is in
`gateway.clock`.

`FakeLedger` has the real books (`ledger.state.State`) and no journal behind them, so that its
arithmetic and its refusals are the real ones. What is on disk and what is not can be decided by a
test: `fail_with` makes each write fail, `hold_writes` keeps writes waiting until it is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from ledger import (
    BudgetTerms,
    CannotRecord,
    CapExceeded,
    Copied,
    CopiedShard,
    CopyFailed,
    Ending,
    Hold,
    HoldState,
    Note,
    Order,
    Shed,
    Standing,
)
from ledger.backup import Check
from ledger.entries import Amended, Ended, Entry, Held, Noted, Opened, Parted, ToppedUp
from ledger.state import State


class FakeTicket:
    """What was booked, already as durable as it gets."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger

    async def durable(self) -> None:
        await self._ledger.written([])


class FakeLedger:
    """One shard in memory. groups: every group of entries that was written, in order."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._state = State(0)
        self.groups: list[list[Entry]] = []
        self.fail_with: CannotRecord | None = None
        self.hold_writes: asyncio.Event | None = None
        self.trouble: str | None = None
        self.copy_fails: CopyFailed | None = None
        self.ordered: Order | None = None

    def metrics(self) -> dict[str, float]:
        return {"entries": sum(map(len, self.groups)), "queued": 0}

    async def written(self, entries: Sequence[Entry]) -> None:
        """Applied at once, then durable, as the real one does it."""
        for entry in entries:
            self._state.apply(entry)
        if self.hold_writes is not None:
            await self.hold_writes.wait()
        if self.fail_with is not None:
            raise self.fail_with
        if entries:
            self.groups.append(list(entries))

    async def back_up(self, order: Order, check: Check) -> Copied:
        if self.copy_fails is not None:
            raise self.copy_fails
        self.ordered = order
        shard = CopiedShard(0, "ledger-0.db", 0, len(self.groups), "ab")
        return Copied(str(order.backups / "now"), (shard,), "", order.with_key, 1)

    async def open_account(
        self, terms: BudgetTerms, *, parent: int | None = None, notes: Sequence[Note] = ()
    ) -> int:
        account_id = self._state.last_account + 1
        opened = Opened(account_id, parent, terms, self._now_us())
        await self.written([opened, *self._noted(notes)])
        return account_id

    async def amend_account(
        self, account_id: int, terms: BudgetTerms, *, notes: Sequence[Note] = ()
    ) -> None:
        amended = Amended(account_id, terms, self._now_us())
        await self.written([amended, *self._noted(notes)])

    async def top_up(
        self,
        account_id: int,
        amount_micros: int,
        *,
        day: int,
        until_us: int | None,
        notes: Sequence[Note] = (),
    ) -> None:
        entry = ToppedUp(account_id, amount_micros, day, until_us, self._now_us())
        await self.written([entry, *self._noted(notes)])

    async def note(self, notes: Sequence[Note], *, account_id: int | None = None) -> None:
        await self.written(self._noted(notes))

    def notes(self, kind: str) -> Iterator[Note]:
        return self._state.all_notes(kind)

    def check(self, account_id: int, amount_micros: int, units: int) -> CapExceeded | None:
        account = self._state.account(account_id)
        chain = (
            [account]
            if account.parent_id is None
            else [account, self._state.account(account.parent_id)]
        )
        for budget in chain:
            limit = budget.exceeded(amount_micros, units, self._now_us())
            if limit is not None and budget.terms.enforce:
                return CapExceeded(limit, budget.account_id, budget.standing(self._now_us()))
        return None

    async def hold(
        self,
        account_id: int,
        amount_micros: int,
        *,
        units: int = 1,
        call_id: str = "",
        tag: str = "",
    ) -> Hold:
        if (refusal := self.check(account_id, amount_micros, units)) is not None:
            raise refusal
        account, now_us = self._state.account(account_id), self._now_us()
        day = account.calendar.day_at(now_us)
        parent_day = None
        if account.parent_id is not None:
            parent_day = self._state.account(account.parent_id).calendar.day_at(now_us)
        held = Held(
            self._state.last_hold + 1, account_id, account.parent_id, day, parent_day, now_us,
            amount_micros, units, False, call_id, tag, "", b"", None,
        )  # fmt: skip
        await self.written([held])
        return self._state.holds[held.hold_id]

    def book(self, endings: Sequence[Ending | Shed], *, now_us: int) -> FakeTicket:
        entries = [_fact(ending, now_us) for ending in endings]
        for entry in entries:
            self._state.apply(entry)
        self.groups.append(entries)
        return FakeTicket(self)

    def find(self, hold_id: int) -> Hold | None:
        return self._state.holds.get(hold_id)

    def open_holds(self, *states: HoldState) -> Iterator[Hold]:
        return (hold for hold in self._state.holds.values() if hold.state in states)

    def noted(self, kind: str, name: str) -> bytes | None:
        return self._state.noted(kind, name)

    def standing(self, account_id: int, now_us: int) -> Standing:
        return self._state.account(account_id).standing(now_us)

    def _noted(self, notes: Sequence[Note]) -> list[Entry]:
        return [Noted(note.kind, note.name, note.blob, self._now_us()) for note in notes]


def _fact(ending: Ending | Shed, now_us: int) -> Entry:
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
