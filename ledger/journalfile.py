"""A shard's SQLite file as it lies: how it is made, opened and looked into, and whose fault it is
when that fails.

Two kinds of failure leave here. `StoreFull`: no room, nothing was written, try again later.
Anything else: nothing that is still in memory can be trusted, because SQLite and the kernel both
forget a failed sync; the journal latches.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from ledger.chain import BEGIN, Row
from ledger.codec import is_end

FORMAT: Final = 3
"""1 is the same without checkpoints in parts, 2 has larger ones. They are read, and are of format 3
from when they are opened to be written."""
_READABLE: Final = frozenset({1, 2, FORMAT})
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


@dataclass(frozen=True, slots=True)
class Meta:
    """Who a journal is. siblings: shard number -> uuid of every shard of the ledger it belongs
    to."""

    shard: int
    uuid: str
    siblings: dict[int, str]


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


def read_meta(conn: sqlite3.Connection) -> Meta:
    try:
        values = dict(conn.execute("SELECT name, value FROM meta").fetchall())
        siblings = {int(n): uuid for n, uuid in orjson.loads(values["siblings"]).items()}
        found = int(values["format"]), Meta(int(values["shard"]), values["uuid"], siblings)
    except (KeyError, ValueError) as exc:
        raise StoreBroken(f"its meta table is not one of ours: {exc!r}") from exc
    if found[0] not in _READABLE:
        raise StoreBroken(f"its format {found[0]} is not known to this version")
    return found[1]


def read_anchor(conn: sqlite3.Connection) -> tuple[int, bytes]:
    """The last row that was moved to an archive: its number and mac; 0 if none was. Raises
    StoreBroken."""
    rows = conn.execute("SELECT name, value FROM meta WHERE name LIKE 'anchor_%'").fetchall()
    values = dict(rows)
    try:
        return int(values["anchor_seq"]), bytes.fromhex(values["anchor_mac"])
    except (KeyError, ValueError) as exc:
        raise StoreBroken(f"what its meta table says of archives is not ours: {exc!r}") from exc


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
