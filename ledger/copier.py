"""The hands of a backup: files and rows, into a folder that is not published yet.

Rows are read in slices through the journal's one connection, and everything is written and synced
in small pieces with a rest after each: an append waits for one slice at most, and its own sync
never finds much before it in the disk's queue. A row that moves to an archive meanwhile is read
there. Room is looked at before the first byte and before each piece, since the journal needs the
disk more. The folder is locked as long as its process lives: one that a crash left is told by that.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO, Final

from ledger.archive import archives_of, last_row, rows_of, sync
from ledger.chain import Row
from ledger.copies import MANIFEST, PARTIAL, Copied, CopiedShard, manifest_of
from ledger.errors import CopyFailed, LedgerRefused
from ledger.journalfile import StoreBroken, StoreFull, create, ours
from ledger.lock import Lock
from ledger.store import COPY_ROWS, Cut

ROOM_LEFT_BYTES: Final = 64 * 1024 * 1024
"""What a copy leaves free: the journal's own, on a disk that it may share."""
PIECE_BYTES: Final = 1024 * 1024
"""Written, then synced: what a sync of the journal may find before it in the disk's queue."""
_AUDIT_PAGES: Final = 256
_NAME: Final = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\dZ{re.escape(PARTIAL)}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Order:
    """backups: the folder of all copies. audit: the audit log's file."""

    backups: Path
    audit: Path | None = None
    with_key: bool = False


class Copier:
    """Makes one copy; blocking, in whatever thread it is called. folder: where it is made. key: the
    ledger's. free_bytes: of the disk that a folder is on."""

    __slots__ = (
        "_copied", "_free_bytes", "_lock", "_name", "_order", "_stop", "_unsynced", "folder", "key",
    )  # fmt: skip

    def __init__(
        self,
        order: Order,
        key: Path,
        now_us: int,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._order = order
        self._name = f"{datetime.fromtimestamp(now_us / 1_000_000, UTC):%Y-%m-%dT%H-%M-%SZ}"
        self._free_bytes = free_bytes
        self._stop = threading.Event()
        self._lock: Lock | None = None
        self._copied: Copied | None = None
        self._unsynced = 0
        self.folder = order.backups / (self._name + PARTIAL)
        self.key = key

    def stop(self) -> None:
        """What is being done fails soon. May be called from another thread."""
        self._stop.set()

    def begin(self, journals: Sequence[Path]) -> None:
        """Make the folder, look whether there is room, and copy the audit log. That comes first: a
        restored one may lack calls, which the journals have, but never be ahead of them. Raises
        CopyFailed."""
        backups, audit = self._order.backups, self._audit
        with _as_failed(f"no copy can be made in {backups}"):
            backups.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(backups)
            self.folder.mkdir(mode=0o700)
            self._lock = Lock(self.folder)
            self._must_fit([file for path in journals for file in _files_of(path)])
            if audit is not None:
                self._copy_audit(audit, self.folder / audit.name)

    def write(self, cuts: Sequence[Cut]) -> None:
        """The books up to these rows. Raises CopyFailed."""
        with _as_failed("the copy broke off"):
            shards = tuple(self._copy_shard(cut) for cut in cuts)
            if self._order.with_key:
                self._copy_file(self.key)
            audit = "" if self._audit is None else self._audit.name
            with self._new_file(MANIFEST) as file:
                file.write(manifest_of(shards, audit))
            size = sum(file.stat().st_size for file in self.folder.iterdir())
            self._copied = Copied(str(self.folder), shards, audit, self._order.with_key, size)

    def publish(self) -> Copied:
        """Give it its name. Raises CopyFailed."""
        assert self._copied is not None, "it is written"
        to = next(path for path in _names(self._order.backups, self._name) if not path.exists())
        with _as_failed(f"the copy cannot be given its name {to}"):
            sync(self.folder)
            self.folder.rename(to)
            sync(to.parent)
        self._let_go()
        return replace(self._copied, path=str(to))

    def discard(self) -> None:
        """Nothing is left of it."""
        if self._lock is not None:  # else the folder is not ours
            shutil.rmtree(self.folder, ignore_errors=True)
            self._let_go()

    def _let_go(self) -> None:
        assert self._lock is not None, "the folder is ours"
        self._lock.release()
        self._lock = None

    @property
    def _audit(self) -> Path | None:
        audit = self._order.audit
        return audit if audit is not None and audit.exists() else None

    # -- room ----------------------------------------------------------------------------------

    def _must_fit(self, files: Sequence[Path]) -> None:
        needed = sum(_size(file) for file in [*files, *_with_log(self._audit)])
        free = self._free_bytes(self.folder)
        if free < needed + ROOM_LEFT_BYTES:
            raise CopyFailed(
                f"no room for a copy: {_mib(free)} MiB are free in {self._order.backups}, "
                f"it may take {_mib(needed)}, and {_mib(ROOM_LEFT_BYTES)} are left to the journals"
            )

    def _wrote(self, path: Path, size: int) -> None:
        """After each piece: synced, then a rest as long as the sync took, so that the journal has
        its half of the disk."""
        self._unsynced += size
        if self._unsynced >= PIECE_BYTES:
            begun_s = time.monotonic()
            sync(path)
            self._unsynced = 0
            self._stop.wait(time.monotonic() - begun_s)
        if self._stop.is_set():
            raise CopyFailed("the copy was stopped")
        if self._free_bytes(self.folder) < ROOM_LEFT_BYTES:
            raise CopyFailed("no room for a copy: the disk filled up meanwhile")

    # -- the parts -----------------------------------------------------------------------------

    def _copy_shard(self, cut: Cut) -> CopiedShard:
        """The archives of that moment as files, and the rows after them as a journal: among these
        is the checkpoint that a start begins with."""
        source, last = cut.store.path, (0, b"")
        for archive in archives_of(source)[: cut.archives]:
            self._copy_file(archive)
            last = last_row(archive)
        meta, to = cut.store.meta, self.folder / source.name
        create(to, meta.shard, meta.uuid, meta.siblings, last)
        with contextlib.closing(_plain(to)) as conn:
            for rows in _slices(cut, last[0]):
                conn.execute("BEGIN")
                conn.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)
                conn.execute("COMMIT")
                last = rows[-1].seq, rows[-1].mac
                self._wrote(to, sum(len(row.body) for row in rows))
        sync(to)
        return CopiedShard(meta.shard, source.name, cut.archives, last[0], last[1].hex())

    def _copy_audit(self, source: Path, to: Path) -> None:
        """Its pages, as one read transaction sees them: what is written meanwhile does not make it
        begin anew."""
        with self._new_file(to.name):
            pass
        with contextlib.closing(_reader(source)) as read, contextlib.closing(_plain(to)) as conn:
            read.execute("BEGIN")
            read.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            [page_bytes] = read.execute("PRAGMA page_size").fetchone()
            piece = _AUDIT_PAGES * int(page_bytes)
            read.backup(conn, pages=_AUDIT_PAGES, progress=lambda *_: self._wrote(to, piece))
        sync(to)

    def _copy_file(self, source: Path) -> None:
        with self._new_file(source.name) as file, source.open("rb") as reading:
            while piece := reading.read(PIECE_BYTES):
                file.write(piece)
                file.flush()
                self._wrote(self.folder / source.name, len(piece))

    @contextlib.contextmanager
    def _new_file(self, name: str) -> Iterator[BinaryIO]:
        """Readable to its owner only, and on disk when it is left."""
        fd = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(fd)


# ── files ───────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _as_failed(words: str) -> Iterator[None]:
    try:
        with ours():
            yield
    except (StoreFull, StoreBroken, LedgerRefused) as exc:
        raise CopyFailed(f"{words}: {exc}") from exc


def _slices(cut: Cut, after_seq: int) -> Iterator[list[Row]]:
    """The rows after one, up to the cut. Raises StoreBroken if one is missing."""
    while after_seq < cut.seq:
        rows = cut.store.slice(after_seq, cut.seq)
        if not rows or rows[0].seq != after_seq + 1:  # they moved to an archive since
            rows = _archived(cut, after_seq)
        if not rows:
            raise StoreBroken(f"{cut.store.path}: row {after_seq + 1} is missing")
        yield rows
        after_seq = rows[-1].seq


def _archived(cut: Cut, after_seq: int) -> list[Row]:
    for archive in archives_of(cut.store.path):
        if last_row(archive)[0] > after_seq:
            rows = takewhile(lambda row: row.seq <= cut.seq, rows_of(archive, after_seq))
            return list(islice(rows, COPY_ROWS))
    return []


def _files_of(path: Path) -> list[Path]:
    return [*_with_log(path), *archives_of(path)]


def _with_log(path: Path | None) -> list[Path]:
    return [] if path is None else [path, path.with_name(path.name + "-wal")]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _names(parent: Path, name: str) -> Iterator[Path]:
    yield parent / name
    number = 1
    while True:
        number += 1
        yield parent / f"{name}-{number}"


def _sweep(parent: Path) -> None:
    """What a crash left of a copy: nobody holds its lock. What has another kind of name is not
    ours."""
    for left_over in filter(_is_ours, parent.iterdir()):
        with contextlib.suppress(LedgerRefused):
            Lock(left_over).release()
            shutil.rmtree(left_over)


def _is_ours(folder: Path) -> bool:
    return _NAME.fullmatch(folder.name) is not None


def _plain(path: Path) -> sqlite3.Connection:
    """For filling a file that is thrown away if it breaks off: no journal, and synced by hand."""
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA journal_mode = OFF")
    conn.execute("PRAGMA synchronous = OFF")
    return conn


def _reader(path: Path) -> sqlite3.Connection:
    """Of the audit log, beside whoever writes it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _mib(size: int) -> int:
    return size // (1024 * 1024)
