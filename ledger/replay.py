"""The books as the journal tells them: from its last whole checkpoint on.

A checkpoint in parts is read to its end first; what happened while it was written waits until then.
One that has a beginning and no end was given up, or a crash came: what was to be forgotten at its
beginning is forgotten, and the rest of it says nothing that the rows before it do not.
"""

from __future__ import annotations

from ledger import codec, snapshot
from ledger.chain import BEGIN, PART, BrokenChain, Row
from ledger.errors import ImpossibleEntry, LedgerRefused
from ledger.journalfile import StoreBroken
from ledger.state import State
from ledger.store import SqliteStore
from ledger.sweep import Reading, Sweep


def recover(store: SqliteStore, key: bytes) -> State:
    """Raises LedgerRefused for a row that is torn, altered or impossible."""
    try:
        return _replay(store, key)
    except (StoreBroken, BrokenChain, codec.Unreadable, ImpossibleEntry) as exc:
        raise LedgerRefused(
            f"{store.path}: {exc}. Nothing was changed; see 'keybrake ledger verify'"
        ) from exc


def _replay(store: SqliteStore, key: bytes) -> State:
    first = store.last_checkpoint()
    if first is None and store.archived_upto:
        raise StoreBroken(f"no whole checkpoint follows row {store.archived_upto}")
    chain = store.chain_before(key, first or 1)
    replay = Replay(store.meta.shard, first)
    for row in store.rows(chain.seq):
        chain.follow(row)
        replay.take(row)
    return replay.books()


class Replay:
    """first: the row that a checkpoint begins with which is known to be whole, if there is one.

    Which kind of row it is stands beside its body, and only the body is under the chain's MAC: they
    have to agree."""

    __slots__ = ("_first", "_parts", "_reading", "_state", "_waiting")

    def __init__(self, shard: int, first: int | None) -> None:
        self._state = State(shard)
        self._first = first
        self._reading: Reading | None = None
        self._waiting: list[Row] = []
        self._parts = 0

    def take(self, row: Row) -> None:
        """Raises codec.Unreadable, ImpossibleEntry."""
        if row.entries > 0:
            if self._reading is None:
                self._apply(row)
            else:
                self._waiting.append(row)
        elif row.entries == BEGIN:
            self._begin(row)
        elif row.entries == PART:
            self._read(row)
        elif codec.is_end(row.body):
            self._end(row)
        else:
            self._state = load_checkpoint(self._state.shard, row.body)

    def books(self) -> State:
        return self._state

    def _apply(self, row: Row) -> None:
        entries = codec.decode(row.body)
        if len(entries) != row.entries:
            raise codec.Unreadable(f"row {row.seq} has {len(entries)} entries, not {row.entries}")
        for entry in entries:
            self._state.apply(entry)
        self._state.replayed += row.entries

    def _begin(self, row: Row) -> None:
        at_us, retry_memory_us, last = codec.decode_begin(row.body)
        if row.seq == self._first:
            self._reading = Reading(self._state.shard, at_us, last)
        else:
            walk_through(Sweep(self._state, at_us, retry_memory_us))

    def _read(self, row: Row) -> None:
        if self._reading is None:
            if not codec.is_part(row.body):
                raise codec.Unreadable(f"row {row.seq} is not a part of a checkpoint")
            return
        self._parts += 1
        try:
            for piece in codec.decode_pieces(row.body):
                self._reading.add(piece)
        except codec.MISREAD as exc:
            raise codec.Unreadable(f"a checkpoint that cannot be read: {exc!r}") from exc

    def _end(self, row: Row) -> None:
        if self._reading is None or codec.decode_end(row.body) != self._parts:
            raise codec.Unreadable(f"the checkpoint that ends at row {row.seq} is not whole")
        self._state = self._reading.books()
        self._reading = None
        for waiting in self._waiting:
            self._apply(waiting)
        self._waiting = []


def walk_through(sweep: Sweep) -> None:
    """Only to forget."""
    sweep.silent = True
    while not sweep.over:
        sweep.pieces()


def load_checkpoint(shard: int, body: bytes) -> State:
    """One of a single row. Raises codec.Unreadable."""
    at_us, _, books = codec.decode_checkpoint(body)
    try:
        return snapshot.load(shard, at_us, books)
    except codec.MISREAD as exc:
        raise codec.Unreadable(f"a checkpoint that cannot be read: {exc!r}") from exc
