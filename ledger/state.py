"""The books of one shard: what follows from all of its entries in order.

`apply` is the only way in, live and at replay alike, so that replay(journal) equals the live books.
It checks an entry against the books first and changes nothing if it is impossible. `take_back` is
the one way out: a hold that could not be made durable leaves as if it had never been.

What stays in memory: holds that are not final, settled ones that a refund may still restore today,
notes, and for `retry_memory_us` under which RetryKey a hold was settled. `forget` drops the rest;
it depends on a moment only, and runs where a checkpoint is written, so a replay forgets at the same
places. A checkpoint of many things is written a piece at a time (`ledger.sweep`); while that lasts,
`sweep` is told of each thing before it is changed, and writes it as it was, or forgets it, first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from ledger.account import BUCKET, Account, TopUp
from ledger.days import Calendar
from ledger.entries import (
    SHARD_SHIFT,
    Amended,
    BudgetTerms,
    Ended,
    Entry,
    Held,
    HoldState,
    Note,
    Noted,
    Opened,
    Parted,
    Restored,
    RetryKey,
    ToppedUp,
)
from ledger.errors import ImpossibleEntry
from ledger.hold import Hold, Retried, must_allow
from ledger.memory import Refunds, Remembered, Settled
from ledger.shelf import Shelf

if TYPE_CHECKING:
    from ledger.sweep import Sweep


class State:
    """shard: the number in the high bits of its ids. at_us: the last moment in it. replayed: how
    many entries were read since the last checkpoint."""

    __slots__ = (
        "_calendars",
        "_retries",
        "_tags",
        "_terms",
        "accounts",
        "at_us",
        "holds",
        "last_account",
        "last_hold",
        "notes",
        "refunds",
        "remembered",
        "replayed",
        "shard",
        "sweep",
    )

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.at_us = 0
        self.replayed = 0
        self.last_account = self.last_hold = shard << SHARD_SHIFT
        self.accounts: dict[int, Account] = {}
        self.holds: dict[int, Hold] = {}
        self.notes: dict[str, Shelf[str, bytes]] = {}
        self.remembered = Remembered()
        self.refunds = Refunds()
        self.sweep: Sweep | None = None
        self._tags: dict[str, dict[int, Hold]] = {}
        self._retries: dict[bytes, list[Hold]] = {}
        self._calendars: dict[str, Calendar] = {}
        self._terms: dict[BudgetTerms, BudgetTerms] = {}

    # -- what happened -------------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Raises ImpossibleEntry, and then nothing has changed."""
        _APPLY[type(entry)](self, entry)
        if entry.at_us > self.at_us:
            self.at_us = entry.at_us

    def apply_held(self, held: Held) -> Hold:
        """`apply`, for the one who makes the hold."""
        if held.account_id not in self.accounts or held.hold_id in self.holds:
            raise ImpossibleEntry(f"hold {held.hold_id} is not a new one of a known account")
        if held.parent_id is not None and held.parent_id not in self.accounts:
            raise ImpossibleEntry(f"there is no account {held.parent_id}")
        hold = Hold(held)
        self.keep(hold)
        self._count(hold, 1)
        self.last_hold = max(self.last_hold, hold.hold_id)
        self.at_us = max(self.at_us, hold.at_us)
        return hold

    def must_allow(self, entries: Sequence[Ended | Parted]) -> None:
        """Could these all be applied, one after the other? Raises ImpossibleEntry."""
        ended, shed = set[int](), set[int]()
        for entry in entries:
            hold = self._hold(entry.hold_id)
            if hold.hold_id in ended:
                raise ImpossibleEntry(f"hold {hold.hold_id} has ended earlier in this group")
            if isinstance(entry, Ended):
                must_allow(hold, entry)
                ended.add(hold.hold_id)
            else:
                _must_be_sheddable(hold, hold.hold_id in shed)
                shed.add(hold.hold_id)

    def take_back(self, holds: Sequence[Hold]) -> None:
        """These, the last ones that were made, could not be made durable."""
        for hold in reversed(holds):
            self._count(hold, -1)
            hold.state = HoldState.RELEASED
            if hold.hold_id in self.holds:
                self.drop(hold)
            self.last_hold = hold.hold_id - 1

    def _open(self, entry: Opened) -> None:
        if entry.account_id in self.accounts:
            raise ImpossibleEntry(f"account {entry.account_id} exists already")
        parent = None if entry.parent_id is None else self.account(entry.parent_id)
        if parent is not None and parent.parent_id is not None:
            raise ImpossibleEntry(f"account {parent.account_id} has a parent: it cannot be one")
        calendar = self.calendar(entry.terms.zone)
        terms, parent_id = self.terms(entry.terms), None if parent is None else parent.account_id
        account = Account(entry.account_id, parent_id, terms, calendar)
        self.accounts[entry.account_id] = account
        self.last_account = max(self.last_account, entry.account_id)

    def _amend(self, entry: Amended) -> None:
        account = self.account(entry.account_id)
        if account.terms.zone != entry.terms.zone:
            raise ImpossibleEntry("an account's zone is fixed when it is opened")
        if self.sweep is not None:
            self.sweep.before_account(entry.account_id)
        account.terms = self.terms(entry.terms)

    def _top_up(self, entry: ToppedUp) -> None:
        if entry.amount_micros < 0:
            raise ImpossibleEntry("a top-up cannot be negative")
        account = self.account(entry.account_id)
        if self.sweep is not None:
            self.sweep.before_account(entry.account_id)
        account.top_up(TopUp(entry.day, entry.amount_micros, entry.until_us))

    def _note(self, entry: Noted) -> None:
        if self.sweep is not None:
            self.sweep.before_note(entry.kind, entry.name)
        if entry.blob is not None:
            self.notes.setdefault(entry.kind, Shelf()).put(entry.name, entry.blob)
        elif entry.kind in self.notes:
            self.notes[entry.kind].drop(entry.name)

    def _hold_on(self, held: Held) -> None:
        self.apply_held(held)

    def _end(self, ended: Ended) -> None:
        hold = self._hold(ended.hold_id)
        must_allow(hold, ended)
        tag = hold.tag
        self._count(hold, -1)
        hold.go_on(ended)
        self._count(hold, 1)
        if hold.tag != tag:
            self._untag(hold, tag)
            self._tags.setdefault(hold.tag, {})[hold.hold_id] = hold
        if hold.final and not (hold.restorable and hold.state is HoldState.SETTLED):
            self.drop(hold)

    def _part(self, parted: Parted) -> None:
        hold = self._hold(parted.hold_id)
        _must_be_sheddable(hold, False)
        self._count(hold, -1)
        hold.shed = True
        self._count(hold, 1)
        if hold.restored_micros:  # it was given back to the leg that leaves
            self.accounts[hold.account_id].restore(hold.day, -hold.restored_micros)

    def _restore(self, entry: Restored) -> None:
        account = self.account(entry.account_id)
        if self.sweep is not None:
            self.sweep.before_account(entry.account_id)
            self.sweep.before_hold(entry.hold_id)
            self.sweep.before_refund(entry.refund_id)
        account.restore(entry.day, entry.amount_micros)
        hold = self.holds.get(entry.hold_id)
        if hold is not None:
            hold.restored_micros += entry.amount_micros
        self.refunds.put(entry.refund_id, entry)

    def forget(self, now_us: int, retry_memory_us: int) -> None:
        """Let go of what no later call can ask for: see the top of this file."""
        for account in self.accounts.values():
            account.forget_days(now_us)
        for hold in tuple(self.holds.values()):
            if self.is_over(hold, now_us):
                self.drop(hold)
        self.remembered.forget(now_us - retry_memory_us)
        self.refunds.forget(now_us)

    def is_over(self, hold: Hold, now_us: int) -> bool:
        """Final, and of a day that is past."""
        return hold.final and hold.day < self.accounts[hold.account_id].calendar.day_at(now_us)

    @property
    def size(self) -> int:
        """How many things a checkpoint writes."""
        notes = sum(map(len, self.notes.values()))
        known = len(self.remembered) + len(self.refunds)
        return len(self.accounts) + len(self.holds) + notes + known

    # -- looking -------------------------------------------------------------------------------

    def account(self, account_id: int) -> Account:
        """Raises ImpossibleEntry if there is none."""
        try:
            return self.accounts[account_id]
        except KeyError:
            raise ImpossibleEntry(f"there is no account {account_id}") from None

    def find(self, hold_id: int) -> Hold | None:
        self._meant((hold_id,))
        return self.holds.get(hold_id)

    def tagged(self, tag: str) -> tuple[Hold, ...]:
        self._meant(tuple(self._tags.get(tag, ())))
        return tuple(self._tags.get(tag, {}).values())

    def retried(self, key: bytes) -> Retried | None:
        """The newest hold that was made under this key, released ones apart."""
        self._meant([hold.hold_id for hold in self._retries.get(key, ())])
        kept, holds = self.remembered.get(key), self._retries.get(key)
        hold = holds[-1] if holds is not None else None
        if hold is None or (kept is not None and kept.hold_id > hold.hold_id):
            return None if kept is None else kept.told()
        assert hold.retry is not None
        digest, at_us = hold.retry.digest, hold.at_us
        return Retried(hold, hold.hold_id, digest, hold.state, at_us, hold.account_id)

    def restoring(
        self, hold_id: int, amount_micros: int, refund_id: str, now_us: int
    ) -> Restored | None:
        """The entry that books a refund (or, negative, takes it back); None if it changes nothing.
        Raises ImpossibleEntry."""
        hold = self.holds.get(hold_id)
        if hold is not None and hold.shed:
            return None  # its own leg has left, and what was given back to it with it
        known = self.refunds.get(refund_id)
        if amount_micros < 0:
            if known is None or known.amount_micros <= 0:
                return None
            return known._replace(amount_micros=-known.amount_micros, at_us=now_us)
        if known is not None:
            return None
        hold = self._hold(hold_id)
        if hold.state is not HoldState.SETTLED:  # released later, it would count for less than 0
            raise ImpossibleEntry(f"hold {hold_id} is {hold.state.value}: nothing to give back yet")
        amount = min(amount_micros, hold.settled_micros - hold.restored_micros)
        return Restored(hold_id, hold.account_id, hold.day, amount, refund_id, now_us)

    def noted(self, kind: str, name: str) -> bytes | None:
        notes = self.notes.get(kind)
        return None if notes is None else notes.get(name)

    def all_notes(self, kind: str) -> Iterator[Note]:
        """May be changed in between."""
        if kind in self.notes:
            for drawer in tuple(self.notes[kind].drawers.values()):
                yield from map(Note, repeat(kind), tuple(drawer), tuple(drawer.values()))

    def _meant(self, hold_ids: Sequence[int]) -> None:
        """Somebody asks for these: what is over must not be told of, since it cannot be changed."""
        if self.sweep is not None:
            for hold_id in hold_ids:
                self.sweep.before_hold(hold_id)

    def _hold(self, hold_id: int) -> Hold:
        """For a change of it."""
        self._meant((hold_id,))
        try:
            return self.holds[hold_id]
        except KeyError:
            raise ImpossibleEntry(f"hold {hold_id} is not (or no longer) known") from None

    # -- keeping the sums and the indexes ------------------------------------------------------

    def _count(self, hold: Hold, sign: int) -> None:
        """Add (1) or take away (-1) all that a hold counts for, on every leg it has."""
        bucket = BUCKET[hold.state]
        open_micros = sign * hold.open_micros
        settled = sign * hold.settled_micros
        units = sign * hold.counted_units
        if self.sweep is not None:
            self.sweep.before_account(hold.account_id)
            if hold.parent_id is not None:
                self.sweep.before_account(hold.parent_id)
        if not hold.shed:
            self.accounts[hold.account_id].add(hold.day, bucket, open_micros, settled, units)
        if hold.parent_id is not None and hold.parent_day is not None:
            parent = self.accounts[hold.parent_id]
            parent.add(hold.parent_day, bucket, open_micros, settled, units)

    def keep(self, hold: Hold) -> None:
        """Enter a hold into the indexes."""
        self.holds[hold.hold_id] = hold
        if hold.tag:
            self._tags.setdefault(hold.tag, {})[hold.hold_id] = hold
        if hold.retry is not None:
            self._retries.setdefault(hold.retry.key, []).append(hold)

    def drop(self, hold: Hold) -> None:
        """Take a hold out of them. What is left of a settled one is its RetryKey."""
        del self.holds[hold.hold_id]
        self._untag(hold, hold.tag)
        if hold.retry is not None:
            self._forget_retry(hold, hold.retry)

    def _forget_retry(self, hold: Hold, retry: RetryKey) -> None:
        """Several holds may have been made under one key, long after each other."""
        if self.sweep is not None:
            self.sweep.before_retry(retry.key)
        holds = self._retries[retry.key]
        holds.remove(hold)
        if not holds:
            del self._retries[retry.key]
        kept = self.remembered.get(retry.key)
        if hold.state is HoldState.SETTLED and (kept is None or kept.hold_id < hold.hold_id):
            settled = Settled(hold.hold_id, retry.digest, hold.at_us, hold.account_id)
            self.remembered.put(retry.key, settled)

    def _untag(self, hold: Hold, tag: str) -> None:
        tagged = self._tags.get(tag)
        if tagged is not None:
            del tagged[hold.hold_id]
            if not tagged:
                del self._tags[tag]

    def terms(self, terms: BudgetTerms) -> BudgetTerms:
        """The same for all budgets that have the same."""
        return self._terms.setdefault(terms, terms)

    def calendar(self, zone: str) -> Calendar:
        calendar = self._calendars.get(zone)
        if calendar is None:
            try:
                calendar = self._calendars[zone] = Calendar(zone)
            except ValueError as exc:
                raise ImpossibleEntry(str(exc)) from None
        return calendar


def _must_be_sheddable(hold: Hold, already: bool) -> None:
    if already or hold.shed or hold.parent_id is None:
        raise ImpossibleEntry(f"hold {hold.hold_id} has no two legs")


_APPLY: Final[Mapping[type[Entry], Callable[[State, Any], None]]] = {
    Opened: State._open,
    Amended: State._amend,
    ToppedUp: State._top_up,
    Noted: State._note,
    Held: State._hold_on,
    Ended: State._end,
    Parted: State._part,
    Restored: State._restore,
}
