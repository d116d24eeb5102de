"""Is every row of the ledger as it was written, and do the books follow from them? Reads only.

Walks each shard from its first row, archives first, and checks that no row is missing, that every
link of the chain holds, that every entry is possible, and that each checkpoint says exactly what a
replay gives. Needs the ledger to itself: it is refused while a gateway has it open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from ledger import codec, snapshot
from ledger.archive import archives_of, rows_of
from ledger.chain import BEGIN, PART, BrokenChain, Chain, Row
from ledger.errors import ImpossibleEntry
from ledger.journalfile import StoreBroken
from ledger.layout import open_layout
from ledger.replay import load_checkpoint
from ledger.settings import LedgerSettings
from ledger.state import State
from ledger.store import SqliteStore
from ledger.sweep import Sweep, told


@dataclass(frozen=True, slots=True)
class ShardReport:
    """One shard. head_seq, head_mac: the last row that holds; noted elsewhere, they show later
    whether rows were cut off the end. error: the first thing that is wrong, and where; None if
    nothing is."""

    shard: int
    path: str
    archives: int
    rows: int
    entries: int
    checkpoints: int
    head_seq: int
    head_mac: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Report:
    shards: tuple[ShardReport, ...]

    @property
    def ok(self) -> bool:
        return self.first_error is None

    @property
    def first_error(self) -> str | None:
        return next((f"{s.path}: {s.error}" for s in self.shards if s.error is not None), None)


def verify(settings: LedgerSettings) -> Report:
    """Raises LedgerRefused if the ledger is in use, or cannot be opened at all."""
    layout = open_layout(settings, read_only=True)
    try:
        return Report(tuple(walk(store, layout.key) for store in layout.stores))
    finally:
        layout.close()


def walk(store: SqliteStore, key: bytes) -> ShardReport:
    """One shard, from its first row to its last."""
    return _Walk(store, key).walk()


_IS_OTHER: Final = "is not what a replay gives"


class _Heap:
    """What pieces tell, in no order. Two heaps of the same things come to the same."""

    __slots__ = ("_sum", "_things")

    def __init__(self) -> None:
        self._things = self._sum = 0

    def add(self, piece: list[Any]) -> None:
        for thing in told(piece):
            self._things += 1
            self._sum += int.from_bytes(hashlib.sha256(orjson.dumps(thing)).digest())

    def comes_to(self) -> tuple[int, int]:
        return self._things, self._sum


class _Walk:
    """Through one shard."""

    def __init__(self, store: SqliteStore, key: bytes) -> None:
        self._store = store
        self._place: Path = store.path
        self._chain = Chain.genesis(key, store.meta.shard, store.meta.uuid)
        self._state = State(store.meta.shard)
        self._found, self._expected = _Heap(), _Heap()
        self._begun, self._parts = False, 0
        self._archives = self._rows = self._entries = self._checkpoints = 0

    def walk(self) -> ShardReport:
        error = None
        try:
            integrity = self._store.integrity()
            if integrity != "ok":
                raise StoreBroken(integrity)
            for row in self._all_rows():
                self._step(row)
        except (StoreBroken, BrokenChain, codec.Unreadable, ImpossibleEntry) as exc:
            error = f"{exc} (in {self._place.name}, after row {self._chain.seq})"
        return ShardReport(
            self._store.meta.shard,
            str(self._store.path),
            self._archives,
            self._rows,
            self._entries,
            self._checkpoints,
            self._chain.seq,
            self._chain.mac.hex(),
            error,
        )

    def _all_rows(self) -> Iterator[Row]:
        """Rows that stand in an archive and still in the journal have to be the same in both, and
        the journal goes on after a row that the archives have."""
        (moved, mac), own = self._store.anchor, self._store.rows(0)
        last = b""
        twin = next(own, None)
        for archive in archives_of(self._store.path):
            self._archives += 1
            self._place = archive
            for row in rows_of(archive):
                yield row
                if row.seq == moved:
                    last = row.mac
                elif row.seq > moved:
                    if twin != row:
                        raise BrokenChain(f"row {row.seq} is not what {self._store.path.name} has")
                    twin = next(own, None)
        self._place = self._store.path
        if twin is not None:
            yield twin
        yield from own
        if last != mac:
            raise BrokenChain(f"no archive has row {moved} as this file remembers it")

    def _step(self, row: Row) -> None:
        self._chain.follow(row)
        self._rows += 1
        if row.entries <= 0:
            self._look_at(row)
            return
        entries = codec.decode(row.body)
        if len(entries) != row.entries:
            raise BrokenChain(f"row {row.seq} says {row.entries} entries and has {len(entries)}")
        for entry in entries:
            self._state.apply(entry)
        self._entries += row.entries

    def _look_at(self, row: Row) -> None:
        """A checkpoint, or a row of one that was written in parts."""
        if row.entries == BEGIN:
            self._begin(row.body)
        elif row.entries == PART:
            self._parts += 1
            for piece in codec.decode_pieces(row.body):
                self._found.add(piece)
        elif codec.is_end(row.body):
            self._checkpoints += 1
            found = (codec.decode_end(row.body), *self._found.comes_to())
            if not self._begun or found != (self._parts, *self._expected.comes_to()):
                raise BrokenChain(f"the checkpoint that ends at row {row.seq} {_IS_OTHER}")
        else:
            self._checkpoints += 1
            self._compare(row.body)

    def _begin(self, body: bytes) -> None:
        at_us, retry_memory_us, last = codec.decode_begin(body)
        if last != (self._state.last_account, self._state.last_hold):
            raise BrokenChain(f"the checkpoint that begins at row {self._chain.seq} {_IS_OTHER}")
        self._found, self._expected = _Heap(), _Heap()
        self._begun, self._parts = True, 0
        sweep = Sweep(self._state, at_us, retry_memory_us)
        while not sweep.over:
            for piece in sweep.pieces():
                self._expected.add(orjson.loads(piece))

    def _compare(self, body: bytes) -> None:
        at_us, retry_memory_us, _ = codec.decode_checkpoint(body)
        self._state.forget(at_us, retry_memory_us)
        replayed = codec.encode_checkpoint(at_us, retry_memory_us, snapshot.dump(self._state))
        if replayed != body:
            raise BrokenChain(f"the checkpoint at row {self._chain.seq} {_IS_OTHER}")
        self._state = load_checkpoint(self._store.meta.shard, body)
