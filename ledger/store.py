"""One shard's SQLite file: the journal's rows, and nothing else knows that it is SQLite.

One connection, in exclusive locking mode (no shared-memory file, no second reader), writes, reads
and moves the write-ahead log into the database. SQLite's own automatic checkpoint is off, since it
forgets errors; ours reports them. An append is a single INSERT in autocommit mode: one statement,
one sync.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import orjson

from ledger.chain import BEGIN, Chain, Row
from ledger.codec import is_end
from ledger.journalfile import (
    FORMAT,
    Meta,
    StoreFull,
    last_checkpoint,
    ours,
    read_anchor,
    read_meta,
    some_rows,
)

_WAL_BYTES_MAX: Final = 256 * 1024
"""Appended since the log was last moved into the database. A log that is begun anew soon is written
over blocks it has already: a sync of those costs a third less than one that makes the file grow."""
_SLICE_LOG_BYTES: Final = 48 * 1024
"""What deleting a slice of rows adds to the log: the pages that list free pages, above all."""
_PAGE_ROWS: Final = 1_000
_PAGE_BYTES: Final = 4 * 1024 * 1024
COPY_ROWS: Final = 64
COPY_BYTES: Final = 256 * 1024
"""Read at a time for a copy, while an append may be waiting; but always one row."""


class Store(Protocol):
    """What the journal needs of a disk. Called by one thread at a time, but for `tidy`, which may
    have a thread of its own; may block."""

    def append(self, entries: int, body: bytes) -> None:
        """Make a row durable. Raises StoreFull; any other exception is final."""

    def move_log(self) -> None:
        """What may follow once those who waited for a row were told."""

    def tidy(self) -> bool:
        """Do one small piece of moving old rows to an archive. Is there more to do?"""

    def free_reserve(self) -> None:
        """Give the reserved room up."""

    def keep_reserve(self) -> None:
        """Reserve room, unless that is done already. Raises StoreFull."""

    def close(self) -> None: ...


class SqliteStore:
    """chain: the place after the last row. mover: moves old rows away; None in a store that only
    reads."""

    __slots__ = (
        "_appended_bytes",
        "_begun_seq",
        "_conn",
        "_lock",
        "_reserve_bytes",
        "_reserve_path",
        "chain",
        "meta",
        "mover",
        "path",
    )

    def __init__(
        self, path: Path, conn: sqlite3.Connection, key: bytes, reserve_bytes: int
    ) -> None:
        """Raises StoreBroken if the file is not a journal of ours."""
        self.path = path
        self._conn = conn
        self._lock = threading.Lock()
        self._appended_bytes = self._begun_seq = 0
        self._reserve_path = path.with_suffix(".reserve")
        self._reserve_bytes = reserve_bytes
        self.mover: Mover | None = None
        with ours():
            self.meta = read_meta(conn)
            last = conn.execute("SELECT seq, mac FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
            self.chain = self.chain_before(key, 1) if last is None else Chain(key, *last)

    @property
    def lock(self) -> threading.Lock:
        """Held by whoever uses the connection."""
        return self._lock

    # -- writing, on the journal's thread ------------------------------------------------------

    def append(self, entries: int, body: bytes) -> None:
        chain = self.chain
        with self._lock, ours():
            mac = chain.next_mac(body)
            self._conn.execute(
                "INSERT INTO journal VALUES (?, ?, ?, ?)", (chain.seq + 1, entries, body, mac)
            )
            chain.go_on(mac)
        self._appended_bytes += len(body)
        if entries <= 0:
            self._mark(entries, body)

    def _mark(self, entries: int, body: bytes) -> None:
        """A row of a checkpoint is on disk: once one is whole, older rows may go."""
        if entries == BEGIN:
            self._begun_seq = self.chain.seq
        elif not entries and self.mover is not None:
            self.mover.begin(self._begun_seq if is_end(body) else self.chain.seq)

    def move_log(self) -> None:
        """Into the database, where it has grown. What is in it is durable already: no room for this
        is no reason to complain."""
        if self._appended_bytes > _WAL_BYTES_MAX:
            self._appended_bytes = 0
            with self._lock, contextlib.suppress(StoreFull), ours():
                self._conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def tidy(self) -> bool:
        if self.mover is None or not self.mover.step():
            return False
        self._appended_bytes += _SLICE_LOG_BYTES
        self.move_log()
        return True

    def write_siblings(self, siblings: dict[int, str]) -> None:
        text = orjson.dumps({str(n): uuid for n, uuid in sorted(siblings.items())}).decode()
        with self._lock, ours():
            self._conn.execute("UPDATE meta SET value = ? WHERE name = 'siblings'", (text,))
        self.meta = Meta(self.meta.shard, self.meta.uuid, siblings)

    def be_current(self) -> None:
        """An older version would not know the rows that are written from here on."""
        with self._lock, ours():
            self._conn.execute(
                "UPDATE meta SET value = ? WHERE name = 'format' AND value != ?",
                (str(FORMAT), str(FORMAT)),
            )

    def free_reserve(self) -> None:
        self._reserve_path.unlink(missing_ok=True)

    def keep_reserve(self) -> None:
        if not self._reserve_bytes or self._reserve_path.exists():
            return
        fd = os.open(self._reserve_path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with ours():
                os.posix_fallocate(fd, 0, self._reserve_bytes)
        except BaseException:
            self._reserve_path.unlink()
            raise
        finally:
            os.close(fd)

    def close(self) -> None:
        with self._lock, ours():
            if self.mover is not None:
                self.mover.abandon()
            self._conn.close()
        self._appended_bytes = 0

    # -- reading -------------------------------------------------------------------------------

    def head(self) -> tuple[int, bytes]:
        """The last row's number and its mac. Waits for a row that is being written."""
        with self._lock:
            return self.chain.seq, self.chain.mac

    def last_checkpoint(self) -> int | None:
        """The number of the last whole checkpoint's first row."""
        with self._lock, ours():
            return last_checkpoint(self._conn)

    @property
    def anchor(self) -> tuple[int, bytes]:
        """The last row that was moved to an archive: its number and mac; 0 if none was."""
        with self._lock, ours():
            return read_anchor(self._conn)

    @property
    def archived_upto(self) -> int:
        """The anchor's number alone."""
        return self.anchor[0]

    def rows(self, after_seq: int) -> Iterator[Row]:
        """In order, read a page at a time."""
        while True:
            with self._lock, ours():
                page = some_rows(self._conn, after_seq, 1 << 62, _PAGE_ROWS, _PAGE_BYTES)
            if not page:
                return
            yield from page
            after_seq = page[-1].seq

    def slice(self, after_seq: int, upto_seq: int) -> list[Row]:
        """The next few rows, for a copy that is made while the journal is written."""
        with self._lock, ours():
            return some_rows(self._conn, after_seq, upto_seq, COPY_ROWS, COPY_BYTES)

    def chain_before(self, key: bytes, seq: int) -> Chain:
        """The place in the chain before a row: after the one before it, as it stands here; after
        the last row that went to an archive; or at the beginning."""
        before = self._conn.execute(
            "SELECT seq, mac FROM journal WHERE seq < ? ORDER BY seq DESC LIMIT 1", (seq,)
        ).fetchone()
        anchor_seq, anchor_mac = read_anchor(self._conn)
        if before is not None and before[0] > anchor_seq:
            return Chain(key, *before)
        if anchor_seq:
            return Chain(key, anchor_seq, anchor_mac)
        return Chain.genesis(key, self.meta.shard, self.meta.uuid)

    def integrity(self) -> str:
        """'ok', or SQLite's first complaint."""
        with self._lock, ours():
            return str(self._conn.execute("PRAGMA integrity_check(1)").fetchone()[0])


@dataclass(frozen=True, slots=True)
class Cut:
    """One shard as it stood at a moment: its rows up to this one, and how many archives there were.
    All of these lie before a checkpoint that was whole by then; of a later one that may not be
    so."""

    store: SqliteStore
    seq: int
    archives: int


class Mover(Protocol):
    """Moves old rows to an archive, a slice at a time: `ledger.archive.Archiver`."""

    def begin(self, first: int) -> None: ...

    def step(self) -> bool: ...

    def abandon(self) -> None: ...
