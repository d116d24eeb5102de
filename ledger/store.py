"""One shard's SQLite file: the journal's rows, and nothing else knows that it is SQLite.

One connection, in exclusive locking mode (no shared-memory file, no second reader), writes, reads
and moves the write-ahead log into the database. SQLite's own automatic checkpoint is off, since it
forgets errors; ours reports them. An append is a single INSERT in autocommit mode: one statement,
one sync.

Two kinds of failure leave here. `StoreFull`: no room, nothing was written, try again later.
Anything else: nothing that is still in memory can be trusted, because SQLite and the kernel both
forget a failed sync; the journal latches.
"""

from __future__ import annotations

import contextlib
import errno
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

FORMAT: Final = 2
"""1 is the same without checkpoints in parts. It is read, and 2 from when it is opened to be
written."""
_READABLE: Final = frozenset({1, FORMAT})
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
SQLITE_VERSION: Final = sqlite3.sqlite_version

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, entries INTEGER NOT NULL, body BLOB NOT NULL, mac BLOB NOT NULL
) STRICT;
CREATE INDEX checkpoints ON journal (seq) WHERE entries = 0;
"""


class StoreFull(Exception):
    """No room: nothing was written."""


class StoreBroken(Exception):
    """The file cannot be used: an I/O error, or not a journal of ours."""


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


@dataclass(frozen=True, slots=True)
class Meta:
    """Who a journal is. siblings: shard number -> uuid of every shard of the ledger it belongs
    to."""

    shard: int
    uuid: str
    siblings: dict[int, str]


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
            self.meta = _read_meta(conn)
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
    def archived_upto(self) -> int:
        """The last row that was moved to an archive; 0 if none was."""
        with self._lock, ours():
            return _read_anchor(self._conn)[0]

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
        anchor_seq, anchor_mac = _read_anchor(self._conn)
        if before is not None and before[0] > anchor_seq:
            return Chain(key, *before)
        if anchor_seq:
            return Chain(key, anchor_seq, anchor_mac)
        return Chain.genesis(key, self.meta.shard, self.meta.uuid)

    def integrity(self) -> str:
        """'ok', or SQLite's first complaint."""
        with self._lock, ours():
            return str(self._conn.execute("PRAGMA integrity_check(1)").fetchone()[0])


def last_checkpoint(conn: sqlite3.Connection) -> int | None:
    """The first row of the last checkpoint that is whole: its only one, or the one that begins
    it."""
    last = conn.execute(
        "SELECT seq, body FROM journal WHERE entries = 0 ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if last is None or not is_end(last[1]):
        return None if last is None else int(last[0])
    [begin] = conn.execute(
        "SELECT max(seq) FROM journal WHERE entries = ? AND seq < ?", (BEGIN, last[0])
    ).fetchone()
    if begin is None:
        raise StoreBroken(f"the checkpoint that ends at row {last[0]} has no beginning")
    return int(begin)


def some_rows(
    conn: sqlite3.Connection, after_seq: int, upto_seq: int, rows_max: int, bytes_max: int
) -> list[Row]:
    """The next rows, at least one if there is any; a part of a checkpoint may be large."""
    found: list[Row] = []
    cursor = conn.execute(
        "SELECT seq, entries, body, mac FROM journal WHERE seq > ? AND seq <= ? "
        "ORDER BY seq LIMIT ?",
        (after_seq, upto_seq, rows_max),
    )
    with contextlib.closing(cursor):
        for row in cursor:
            found.append(Row(*row))
            bytes_max -= len(row[2])
            if bytes_max <= 0:
                break
    return found


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


def create(
    path: Path,
    shard: int,
    uuid: str,
    siblings: dict[int, str],
    anchor: tuple[int, bytes] = (0, b""),
) -> None:
    """An empty journal, readable to its owner only. Its log inherits the file's mode. anchor: the
    row before its first one, its number and mac, if that stands in an archive."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    conn = connect(path, "FULL")
    names = orjson.dumps({str(n): name for n, name in sorted(siblings.items())}).decode()
    values = {"format": str(FORMAT), "shard": str(shard), "uuid": uuid, "siblings": names}
    values |= {"anchor_seq": str(anchor[0]), "anchor_mac": anchor[1].hex()}
    with ours(), contextlib.closing(conn):
        conn.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";")[:-1]:
            conn.execute(statement)
        conn.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
        conn.execute("COMMIT")


def is_blank(path: Path) -> bool:
    """Is there no journal here yet? (A crash may have left a file in which nothing stands.)"""
    if not path.exists() or path.stat().st_size == 0:
        return True
    with ours(), contextlib.closing(connect(path, "FULL")) as conn:
        [tables] = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return int(tables) == 0


def connect(path: Path, synchronous: str, *, read_only: bool = False) -> sqlite3.Connection:
    """The one connection of a journal. read_only: nothing is written, but that SQLite itself may
    move what a crash left in the log into the database, as any opening does. Raises StoreBroken."""
    log = path.with_name(path.name + "-wal")
    as_it_lies = read_only and not (log.exists() and log.stat().st_size)
    with ours():
        conn = sqlite3.connect(
            path.absolute().as_uri() + ("?mode=ro&immutable=1" if as_it_lies else "?mode=rw"),
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=0,
        )
        try:
            if not as_it_lies:
                conn.execute("PRAGMA locking_mode = EXCLUSIVE")
                conn.execute("PRAGMA journal_mode = WAL")
            level = "NORMAL" if synchronous == "NORMAL" else "FULL"
            conn.execute(f"PRAGMA synchronous = {level}")
            conn.execute("PRAGMA wal_autocheckpoint = 0")
            # What was deleted stands in an archive: Debian's SQLite writes zeros over it, all of
            # it through the log.
            conn.execute("PRAGMA secure_delete = OFF")
            conn.execute(f"PRAGMA query_only = {int(read_only)}")
        except BaseException:
            conn.close()
            raise
    return conn


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """SQLite's and the system's exceptions become StoreFull or StoreBroken."""
    try:
        yield
    except sqlite3.Error as exc:
        if getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StoreFull(str(exc)) from exc
        name = getattr(exc, "sqlite_errorname", type(exc).__name__)
        raise StoreBroken(f"{exc} ({name})") from exc
    except UnicodeDecodeError as exc:  # SQLite quotes what it cannot read
        raise StoreBroken(f"not a database of ours: {exc.reason}") from exc
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(str(exc)) from exc
        raise StoreBroken(str(exc)) from exc


def _read_meta(conn: sqlite3.Connection) -> Meta:
    try:
        values = dict(conn.execute("SELECT name, value FROM meta").fetchall())
        siblings = {int(n): uuid for n, uuid in orjson.loads(values["siblings"]).items()}
        found = int(values["format"]), Meta(int(values["shard"]), values["uuid"], siblings)
    except (KeyError, ValueError) as exc:
        raise StoreBroken(f"its meta table is not one of ours: {exc!r}") from exc
    if found[0] not in _READABLE:
        raise StoreBroken(f"its format {found[0]} is not known to this version")
    return found[1]


def _read_anchor(conn: sqlite3.Connection) -> tuple[int, bytes]:
    """The last row that was moved to an archive: its number and mac; 0 if none was."""
    rows = conn.execute("SELECT name, value FROM meta WHERE name LIKE 'anchor_%'").fetchall()
    values = dict(rows)
    return int(values["anchor_seq"]), bytes.fromhex(values["anchor_mac"])
