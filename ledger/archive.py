"""Where rows go that stand before the last checkpoint: archive files beside the journal, which
still verify.

`ledger-0.db` has `ledger-0.archive-000001.db`, `…-000002.db` and so on, each a run of rows that
continues the one before. Rows move in slices, on a thread of their own, so that no hold waits for
more than a look at the journal, or a sync of it:

    1. copied, slice by slice, into `….part`, each slice synced
    2. the part is synced, renamed to its name, and the directory is synced
    3. deleted from the journal, slice by slice; the number and mac of the last deleted row go into
       the journal's meta in the same transaction. This is synced under the journal's lock, since
       no more than one commit of its log may ever be half written (`ledger.wal`)

After a crash in 1 the part is thrown away and begun again; after 2 the rows stand in both and
`Archiver` goes on with 3. No room on the disk ends the attempt; the next checkpoint begins it anew.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.chain import Row
from ledger.journalfile import StoreBroken, StoreFull, last_checkpoint, ours, some_rows
from ledger.store import Cut, SqliteStore

SLICE_ROWS: Final = 256
SLICE_BYTES: Final = 256 * 1024
"""What comes first ends a slice; a hold may be waiting for it."""
_NAME: Final = re.compile(r".*\.archive-([0-9]{6})\.db")
_SELECT: Final = "SELECT seq, entries, body, mac FROM journal WHERE seq > ? ORDER BY seq"


class Archiver:
    """One journal's archives. Shares the journal's connection, under its lock; all but `begin` has
    a thread of its own."""

    __slots__ = (
        "_conn", "_delete_to", "_first", "_lock", "_looked", "_part", "_path", "_upto",
    )  # fmt: skip

    def __init__(self, path: Path, conn: sqlite3.Connection, lock: threading.Lock) -> None:
        self._path = path
        self._conn = conn
        self._lock = lock
        self._part: Part | None = None
        for left_over in path.parent.glob(f"{path.stem}.archive-*.part*"):
            left_over.unlink()
        self._upto = self._delete_to = self._looked = 0
        self._first = last_checkpoint(conn) or 1

    def begin(self, first: int) -> None:
        """There is a new checkpoint, of which this is the first row: what stands before it may
        go."""
        self._first = first

    def step(self) -> bool:
        """One slice. Is there more to do?"""
        try:
            with ours():
                if self._first != self._looked:
                    self._look(self._first)
                if self._delete_to:
                    return self._delete()
                return self._copy() if self._upto else False
        except StoreFull:
            self.abandon()
            return False

    def abandon(self) -> None:
        """Throw away what is half copied, and rest until there is a new checkpoint."""
        self._upto = self._delete_to = 0
        if self._part is not None:
            self._part.discard()
            self._part = None

    def _look(self, first: int) -> None:
        """At what there is to do; rows that an archive has already are not copied again."""
        self._looked, self._upto = first, first - 1
        archives = archives_of(self._path)
        if archives and self._part is None:
            self._delete_to = last_seq(archives[-1])

    def _copy(self) -> bool:
        after = self._part.last_seq if self._part is not None else 0
        with self._lock:
            found = some_rows(self._conn, after, self._upto, SLICE_ROWS, SLICE_BYTES)
        if self._part is None:
            if not found:
                self._upto = 0
                return False
            self._part = Part(_next_path(self._path))
        if found:
            self._part.append(found)
            return True
        self._delete_to = self._part.last_seq
        self._part.publish()
        self._part = None
        return True

    def _delete(self) -> bool:
        with self._lock:
            last = self._last_of_slice()
            if last is None:
                self._delete_to = 0
            else:
                self._delete_to_row(last)
        return True

    def _last_of_slice(self) -> int | None:
        """The bodies are not read again: a hold may be waiting."""
        last, bytes_max = None, SLICE_BYTES
        sizes = "SELECT seq, length(body) FROM journal WHERE seq <= ? ORDER BY seq LIMIT ?"
        with contextlib.closing(self._conn.execute(sizes, (self._delete_to, SLICE_ROWS))) as rows:
            for seq, size in rows:
                last, bytes_max = seq, bytes_max - size
                if bytes_max <= 0:
                    break
        return last

    def _delete_to_row(self, last: int) -> None:
        conn = self._conn
        [mac] = conn.execute("SELECT mac FROM journal WHERE seq = ?", (last,)).fetchone()
        conn.execute("BEGIN IMMEDIATE")
        try:
            conn.execute("DELETE FROM journal WHERE seq <= ?", (last,))
            conn.executemany(
                "UPDATE meta SET value = ? WHERE name = ?",
                [(str(last), "anchor_seq"), (mac.hex(), "anchor_mac")],
            )
            conn.execute("COMMIT")
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        """Where that fails nobody may use the connection any more: a hold would be told that it is
        durable inside a transaction that never ends."""
        try:
            if self._conn.in_transaction:
                self._conn.execute("ROLLBACK")
        except BaseException:
            self._conn.close()
            raise


class Part:
    """An archive in the making. It has no rollback journal: a part that breaks off is thrown
    away."""

    __slots__ = ("_conn", "_path", "_to", "last_seq")

    def __init__(self, to: Path) -> None:
        self._to = to
        self._path = to.with_name(to.name + ".part")
        self.last_seq = 0
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._conn = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._conn.execute("PRAGMA journal_mode = OFF")
        self._conn.execute(
            "CREATE TABLE journal (seq INTEGER PRIMARY KEY, entries INTEGER NOT NULL, "
            "body BLOB NOT NULL, mac BLOB NOT NULL) STRICT"
        )

    def append(self, rows: list[Row]) -> None:
        self._conn.execute("BEGIN")
        self._conn.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)
        self._conn.execute("COMMIT")
        sync(self._path)
        self.last_seq = rows[-1].seq

    def publish(self) -> None:
        """On disk, under its name, before a row is deleted from the journal."""
        self._conn.close()
        sync(self._path)
        self._path.rename(self._to)
        sync(self._to.parent)

    def discard(self) -> None:
        self._conn.close()
        self._path.unlink(missing_ok=True)


def archives_of(path: Path) -> list[Path]:
    """A journal's archives, oldest first. Raises StoreBroken if one is missing in between."""
    found = sorted(_found(path))
    for number, archive in enumerate(found, 1):
        if _number(archive) != number:
            raise StoreBroken(f"archive {number:06d} of {path.name} is missing")
    return found


def cut_of(store: SqliteStore) -> Cut:
    """All that is on disk of a shard at this moment. The archives are counted first: one that is
    made in between lies before a checkpoint that may not be whole yet."""
    archives = sum(1 for _ in _found(store.path))
    return Cut(store, store.chain.seq, archives)


def _found(path: Path) -> Iterator[Path]:
    """In no order."""
    names = path.parent.glob(f"{path.stem}.archive-*.db")
    return (found for found in names if _NAME.fullmatch(found.name))


def rows_of(archive: Path, after_seq: int = 0) -> Iterator[Row]:
    """In order. Raises StoreBroken."""
    with ours(), contextlib.closing(_open(archive)) as conn:
        for row in conn.execute(_SELECT, (after_seq,)):
            yield Row(*row)


def last_seq(archive: Path) -> int:
    with ours(), contextlib.closing(_open(archive)) as conn:
        [seq] = conn.execute("SELECT max(seq) FROM journal").fetchone()
    return int(seq or 0)


def last_row(archive: Path) -> tuple[int, bytes]:
    """Its number and mac; 0 of an archive without rows."""
    with ours(), contextlib.closing(_open(archive)) as conn:
        seq, mac = conn.execute("SELECT max(seq), mac FROM journal").fetchone()
    if seq is None:
        return 0, b""
    if type(seq) is not int or type(mac) is not bytes:
        raise StoreBroken(f"{archive}: its last row is not one of ours")
    return seq, mac


def _open(archive: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{archive.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _next_path(path: Path) -> Path:
    number = 1 + len(archives_of(path))
    return path.with_name(f"{path.stem}.archive-{number:06d}.db")


def _number(archive: Path) -> int:
    found = _NAME.fullmatch(archive.name)
    return int(found[1]) if found is not None else 0


def sync(path: Path) -> None:
    """Have a file or a folder on disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
