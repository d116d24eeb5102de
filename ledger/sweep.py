"""The books written whole a piece at a time, while they go on: for a checkpoint that holds the loop
for no longer than a piece takes.

What is written is the books as they stood at one moment, the beginning: nothing is changed before
it was written. `State` tells of each change before it makes it, and what was not reached by then is
written at once. So the pieces, in whatever order they came, are the books at the beginning, and
what happened since follows from the entries after it.

The walk forgets as it goes, as of the beginning (`State.forget` says what): a thing is forgotten
where it would be written, so a thing that has to be forgotten is so before anything can be done
with it. A walk therefore goes to its end even if nobody wants its pieces any more.

    ["a", [terms, …], [[account_id, parent_id, which terms, (total, days, top-ups)], …]]
    ["h", hold]    ["d", kind, [name, text, name, text, …]]
    ["r", [retry, …]]    ["f", [refund, …]]

A piece is one of these: so many accounts, one hold, one drawer of a shelf. Formats before 3 had
larger drawers, and "n" in the place of "d". Equal books give equal pieces, but for their order and
for what of a shelf lies in one of them: that is how `verify` compares, by `told`. A settled hold
that is forgotten leaves its RetryKey as a piece of its own; of several under one key the latest
hold's counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final

import orjson

from ledger.account import Account
from ledger.codec import terms_to_row, text_of
from ledger.entries import SHARD_SHIFT, BudgetTerms, HoldState, Restored
from ledger.hold import Hold
from ledger.memory import REFUND_MEMORY_US, Settled
from ledger.shelf import DRAWERS, Shelf, drawer_of
from ledger.snapshot import fill, filled, hold_of, hold_row
from ledger.state import State

_GROUP_SHIFT: Final = 5
"""Accounts whose ids differ in the last bits only are one piece, 32 of them."""
BYTES_MAX: Final = 24 * 1024
"""Of pieces handed over at a time, but always one: a fourth of a millisecond, and a row that takes
hardly longer to sync than a short one."""
COST_MAX: Final = 300
"""Of the steps behind them, in microseconds as they were on one machine."""
_GROUP_COST: Final = 20
_HOLD_COST: Final = 5
_DRAWER_COST: Final = 8
_NOTHING_COST: Final = 1
_LISTED_MAX: Final = 4_096
_LISTED: Final = 1_024
"""Drawers in use are listed at once, if they are few, or so many numbers at a time."""
COPIED_MAX: Final = 100_000


class Sweep:
    """One walk over the books. at_us: its beginning. over: nothing is left to be written. silent:
    nobody wants the pieces any more."""

    __slots__ = (
        "_first_group",
        "_groups",
        "_hold_ids",
        "_holds",
        "_last_account",
        "_last_hold",
        "_out",
        "_out_bytes",
        "_reached_all",
        "_since_us",
        "_state",
        "_steps",
        "_written",
        "at_us",
        "over",
        "silent",
    )

    def __init__(self, state: State, at_us: int, retry_memory_us: int) -> None:
        self.at_us = at_us
        self.over = self.silent = False
        self._state = state
        self._since_us = at_us - retry_memory_us
        self._last_account = state.last_account
        self._last_hold = state.last_hold
        self._hold_ids = _held(state)
        self._first_group = state.shard << SHARD_SHIFT - _GROUP_SHIFT
        groups = (state.last_account >> _GROUP_SHIFT) - self._first_group + 1
        # Flags, and not sets: to let go of a set of 65,536 takes three milliseconds.
        self._groups = bytearray(groups)
        self._holds: set[int] = set()
        self._written: dict[str, bytearray] = {}
        self._out: deque[bytes] = deque()
        self._out_bytes = 0
        self._reached_all = False
        self._steps = self._walk()
        state.at_us = max(state.at_us, at_us)
        state.sweep = self

    def pieces(self, times: int = 1) -> list[bytes]:
        """The next ones, so many times BYTES_MAX; none may be among them though it is not over."""
        bytes_max, cost_left = times * BYTES_MAX, times * COST_MAX
        while cost_left > 0 and self._out_bytes < bytes_max and not self._reached_all:
            cost = next(self._steps, None)
            if cost is None:
                self._reached_all = True
                self._state.sweep = None
            else:
                cost_left -= cost
        out = self._taken(bytes_max)
        self.over = self._reached_all and not self._out
        return out

    def _taken(self, bytes_max: int) -> list[bytes]:
        """Many changes in one turn write more than what is handed over at a time."""
        if self.silent:
            self._out.clear()
            self._out_bytes = 0
        taken: list[bytes] = []
        taken_bytes = 0
        while self._out and taken_bytes < bytes_max:
            taken.append(self._out.popleft())
            taken_bytes += len(taken[-1])
        self._out_bytes -= taken_bytes
        return taken

    # -- before a change -----------------------------------------------------------------------

    def before_account(self, account_id: int) -> None:
        if account_id <= self._last_account:
            self._write_group(account_id >> _GROUP_SHIFT)

    def before_hold(self, hold_id: int) -> None:
        if hold_id <= self._last_hold and hold_id not in self._holds:
            self._write_hold(hold_id)

    def before_note(self, kind: str, name: str) -> None:
        self._write_notes(kind, drawer_of(name))

    def before_retry(self, key: bytes) -> None:
        self._write_retries(drawer_of(key))

    def before_refund(self, refund_id: str) -> None:
        self._write_refunds(drawer_of(refund_id))

    # -- the walk ------------------------------------------------------------------------------

    def _walk(self) -> Iterator[int]:
        """Yields what each step cost."""
        for group in range(self._first_group, self._first_group + len(self._groups)):
            self._write_group(group)
            yield _GROUP_COST
        state = self._state
        for hold_id in self._hold_ids:
            yield _HOLD_COST if hold_id in state.holds else _NOTHING_COST
            self.before_hold(hold_id)
        for kind, notes in tuple(state.notes.items()):
            for drawer in _in_use(notes):
                self._write_notes(kind, drawer)
                yield _DRAWER_COST
        for drawer in _in_use(state.remembered):
            self._write_retries(drawer)
            yield _DRAWER_COST
        for drawer in _in_use(state.refunds):
            self._write_refunds(drawer)
            yield _DRAWER_COST

    def _write_group(self, group: int) -> None:
        if self._groups[group - self._first_group]:
            return
        self._groups[group - self._first_group] = 1
        accounts = self._state.accounts
        first = group << _GROUP_SHIFT
        last = min(first + (1 << _GROUP_SHIFT) - 1, self._last_account)
        table: dict[BudgetTerms, int] = {}
        rows = []
        for account_id in range(first, last + 1):
            account = accounts.get(account_id)
            if account is not None:
                account.forget_days(self.at_us)
                which = table.setdefault(account.terms, len(table))
                rows.append((account_id, account.parent_id, which, *_used(account)))
        if rows:
            self._emit(("a", [terms_to_row(terms) for terms in table], rows))

    def _write_hold(self, hold_id: int) -> None:
        hold = self._state.holds.get(hold_id)
        if hold is None:
            return
        self._holds.add(hold_id)
        if self._state.is_over(hold, self.at_us):
            self._forget(hold)
        else:
            self._emit(("h", hold_row(hold)))

    def _forget(self, hold: Hold) -> None:
        """What is left of it is its RetryKey, if it is not too old for that: then what was left of
        another hold under it stays, since that was settled after the beginning."""
        retry = hold.retry
        if retry is None or hold.state is not HoldState.SETTLED:
            self._state.drop(hold)
            return
        self.before_retry(retry.key)
        others = self._state.remembered.get(retry.key)
        self._state.drop(hold)
        if hold.at_us > self._since_us:
            kept = Settled(hold.hold_id, retry.digest, hold.at_us, hold.account_id)
            self._emit(("r", [_retry_row(retry.key, kept)]))
            return
        left = self._state.remembered.get(retry.key)
        if left is not None and left.hold_id == hold.hold_id:
            self._state.remembered.drop(retry.key)
            if others is not None:
                self._state.remembered.put(retry.key, others)

    def _write_notes(self, kind: str, drawer: int) -> None:
        if not self._is_first("d" + kind, drawer):
            return
        notes = self._state.notes.get(kind)
        there = None if notes is None else notes.drawers.get(drawer)
        if there:
            flat = [text for name in sorted(there) for text in (name, text_of(there[name]))]
            self._emit(("d", kind, flat))

    def _write_retries(self, drawer: int) -> None:
        if not self._is_first("r", drawer):
            return
        remembered = self._state.remembered
        there = remembered.drawers.get(drawer, {})
        for key in [key for key, kept in there.items() if kept.at_us <= self._since_us]:
            remembered.drop(key)
        if there:
            self._emit(("r", [_retry_row(key, there[key]) for key in sorted(there)]))

    def _write_refunds(self, drawer: int) -> None:
        if not self._is_first("f", drawer):
            return
        refunds = self._state.refunds
        there = refunds.drawers.get(drawer, {})
        since_us = self.at_us - REFUND_MEMORY_US
        for name in [name for name, refund in there.items() if refund.at_us <= since_us]:
            refunds.drop(name)
        if there:
            self._emit(("f", [tuple(there[name]) for name in sorted(there)]))

    def _is_first(self, shelf: str, drawer: int) -> bool:
        """Is this the first time that somebody comes to it?"""
        flags = self._written.get(shelf)
        if flags is None:
            flags = self._written[shelf] = bytearray(DRAWERS)
        if flags[drawer]:
            return False
        flags[drawer] = 1
        return True

    def _emit(self, piece: tuple[Any, ...]) -> None:
        written = orjson.dumps(piece)
        self._out.append(written)
        self._out_bytes += len(written)


class Reading:
    """The books, read back from all pieces of one walk."""

    __slots__ = ("_holds", "_parents", "_state")

    def __init__(self, shard: int, at_us: int, last: tuple[int, int]) -> None:
        self._state = State(shard)
        self._state.at_us = at_us
        self._state.last_account, self._state.last_hold = last
        self._holds: dict[int, Hold] = {}
        self._parents: dict[int, int] = {}

    def add(self, piece: list[Any]) -> None:
        """Raises KeyError, ValueError or TypeError for what a walk never wrote."""
        letter, *rest = piece
        _READERS[letter](self, *rest)

    def books(self) -> State:
        for hold_id in sorted(self._holds):
            self._state.keep(self._holds[hold_id])
        return self._state

    def _accounts(self, table: list[Any], rows: list[Any]) -> None:
        state, accounts = self._state, self._state.accounts
        known = [state.terms(BudgetTerms(*row)) for row in table]
        zones = [state.calendar(terms.zone) for terms in known]
        for account_id, parent_id, which, *used in rows:
            if parent_id is not None:
                parent_id = self._parents.setdefault(parent_id, parent_id)
            account = Account(account_id, parent_id, known[which], zones[which])
            accounts[account_id] = account
            if used:
                fill(account, *used[0])

    def _hold(self, row: list[Any]) -> None:
        hold = hold_of(row)
        self._holds[hold.hold_id] = hold

    def _notes(self, kind: str, flat: list[str]) -> None:
        blobs = map(str.encode, flat[1::2], repeat("latin-1"))
        drawer = zip(flat[::2], blobs, strict=True)
        self._state.notes.setdefault(kind, Shelf()).fill(drawer_of(flat[0]), drawer)

    def _notes_of_many_drawers(self, kind: str, flat: list[str]) -> None:
        """As formats before 3 have them."""
        for at in range(0, len(flat), 2):
            self._notes(kind, flat[at : at + 2])

    def _retries(self, rows: list[Any]) -> None:
        for key, hold_id, digest, at_us, account_id in rows:
            name = bytes.fromhex(key)
            known = self._state.remembered.get(name)
            if known is None or known.hold_id < hold_id:
                kept = Settled(hold_id, bytes.fromhex(digest), at_us, account_id)
                self._state.remembered.put(name, kept)

    def _refunds(self, rows: list[Any]) -> None:
        for row in rows:
            refund = Restored(*row)
            self._state.refunds.put(refund.refund_id, refund)


_READERS: Final[dict[str, Callable[..., None]]] = {
    "a": Reading._accounts,
    "h": Reading._hold,
    "d": Reading._notes,
    "n": Reading._notes_of_many_drawers,
    "r": Reading._retries,
    "f": Reading._refunds,
}


def told(piece: list[Any]) -> Iterator[list[Any]]:
    """What a piece tells, one thing at a time where it has a drawer of a shelf."""
    letter, *rest = piece
    if letter in "dn":
        kind, flat = rest
        yield from (["d", kind, flat[at : at + 2]] for at in range(0, len(flat), 2))
    elif letter in "rf":
        yield from ([letter, row] for row in rest[0])
    else:
        yield piece


def _held(state: State) -> Sequence[int]:
    """The ids of all holds; of very many, the numbers among which they are, since a copy of a
    million takes eight milliseconds."""
    if len(state.holds) <= COPIED_MAX:
        return tuple(state.holds)
    return range(next(iter(state.holds)), state.last_hold + 1)


def _in_use(shelf: Shelf[Any, Any]) -> Iterator[int]:
    """The drawers of a shelf, while it is changed. One that comes into use meanwhile was empty at
    the beginning."""
    drawers = shelf.drawers
    if len(drawers) <= _LISTED_MAX:
        yield from tuple(drawers)
        return
    for first in range(0, DRAWERS, _LISTED):
        yield from [drawer for drawer in range(first, first + _LISTED) if drawer in drawers]


def _used(account: Account) -> tuple[Any, ...]:
    """Nothing, where nothing is to be told: also of a budget whose only call was released."""
    if account.unused:
        return ()
    told = filled(account)
    total, days, top_ups = told
    return (told,) if any(total) or days or top_ups else ()


def _retry_row(key: bytes, kept: Settled) -> tuple[str, int, str, int, int]:
    return key.hex(), kept.hold_id, kept.digest.hex(), kept.at_us, kept.account_id
