"""What a ledger is on disk: one directory with a key, and a journal per shard that knows all the
others.

    ledger.key                      the HMAC key of the chains, 0600
    ledger-0.db (-wal)              a shard's journal
    ledger-0.reserve                room kept for endings
    ledger-0.archive-000001.db …    its older rows

A journal's meta names its shard, its own uuid, and the number and uuid of every shard that the
ledger ever had. A file is known by what it says of itself and not by its place in the settings, so
lines may be reordered and shards added; one that is missing, or that belongs to another ledger,
refuses the start before anything is touched.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger import journalfile, wal
from ledger.archive import Archiver
from ledger.errors import LedgerRefused
from ledger.journalfile import StoreBroken, StoreFull
from ledger.lock import Lock
from ledger.settings import LedgerSettings
from ledger.store import SqliteStore

KEY_NAME: Final = "ledger.key"
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Layout:
    """An opened ledger. stores: by shard number, ascending."""

    lock: Lock
    key: bytes
    stores: tuple[SqliteStore, ...]

    @property
    def key_path(self) -> Path:
        return self.stores[0].path.parent / KEY_NAME

    def close(self) -> None:
        for each in self.stores:
            with contextlib.suppress(StoreBroken, StoreFull):
                each.close()
        self.lock.release()


def open_layout(settings: LedgerSettings, *, read_only: bool = False) -> Layout:
    """Lock the directory, open every journal, make those that do not exist yet (read_only: none).
    Raises LedgerRefused."""
    paths = shard_paths(settings.shards)
    directory = paths[0].parent
    if not read_only:
        _make_directory(directory)
    lock = Lock(directory)
    opened: list[SqliteStore] = []
    try:
        try:
            _open_all(paths, settings, opened, lock, read_only)
        except (StoreBroken, StoreFull, OSError) as exc:
            raise LedgerRefused(f"the ledger in {directory}: {exc}") from exc
        opened.sort(key=lambda each: each.meta.shard)
        return Layout(lock, read_key(directory / KEY_NAME), tuple(opened))
    except BaseException:
        Layout(lock, b"", tuple(opened)).close()
        raise


def shard_paths(shards: Sequence[str]) -> list[Path]:
    """The files that the settings name. Raises LedgerRefused."""
    paths = []
    for shard in shards:
        kind, _, rest = shard.partition(":")
        if kind == "postgresql":
            raise LedgerRefused(f"ledger shard {_without_user(shard)!r}: not supported yet")
        if kind != "sqlite" or not rest:
            raise LedgerRefused(f"ledger shard {shard!r}: write it as 'sqlite:PATH'")
        paths.append(Path(rest).absolute())
    if not paths:
        raise LedgerRefused("a ledger has at least one shard")
    if len({path.parent for path in paths}) > 1:
        raise LedgerRefused("all shards of a ledger live in one directory")
    if len({path.stem for path in paths}) < len(paths):
        raise LedgerRefused("each shard of a ledger has a name of its own")
    return paths


def _without_user(url: str) -> str:
    """Credentials in a URL are not repeated."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if "@" in rest else url


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise LedgerRefused(f"the ledger's directory {directory}: {exc.strerror}") from exc
    if not os.access(directory, os.W_OK | os.X_OK):
        raise LedgerRefused(f"the ledger's directory {directory} is not writable")


def _open_all(
    paths: list[Path],
    settings: LedgerSettings,
    opened: list[SqliteStore],
    lock: Lock,
    read_only: bool,
) -> None:
    """Into `opened`, so that the caller can close what was opened before something failed."""
    key_path = paths[0].parent / KEY_NAME
    if settings.synchronous != "NORMAL":  # with that, many commits may be half written
        for path in filter(Path.exists, paths):
            wal.must_hold(path)
    there = [path for path in paths if not journalfile.is_blank(path)]
    if there and not key_path.exists():
        raise LedgerRefused(f"{key_path} is missing: without it no journal can be checked")
    opened.extend(_open(path, settings, read_only) for path in there)
    known = _family(opened)
    absent = sorted(set(known) - {each.meta.shard for each in opened})
    if absent:
        raise LedgerRefused(
            f"missing shard {absent[0]}: this ledger has {len(known)} shards; "
            "[ledger] shards must name the files of all of them"
        )
    blank = [path for path in paths if path not in there]
    if read_only:
        if blank:
            raise LedgerRefused(f"there is no ledger at {blank[0]}")
        return
    if not key_path.exists():
        _make_key(key_path)
    for path in blank:
        number = max(known, default=-1) + 1
        known[number] = uuid.uuid4().hex
        journalfile.create(path, number, known[number], known)
        opened.append(_open(path, settings, read_only))
    for each in opened:
        if each.meta.siblings != known:
            each.write_siblings(known)


def _open(path: Path, settings: LedgerSettings, read_only: bool) -> SqliteStore:
    conn = journalfile.connect(path, settings.synchronous, read_only=read_only)
    try:
        key = read_key(path.parent / KEY_NAME)
        opened = SqliteStore(path, conn, key, settings.reserve_bytes)
        if not read_only:
            opened.mover = Archiver(path, conn, opened.lock)
    except StoreBroken as exc:
        conn.close()
        raise LedgerRefused(f"{path}: {exc}") from exc
    except BaseException:
        conn.close()
        raise
    return opened


def _family(opened: Sequence[SqliteStore]) -> dict[int, str]:
    """Every shard that any of these knows of: number -> uuid."""
    known: dict[int, str] = {}
    owners: dict[str, Path] = {}
    for each in opened:
        meta = each.meta
        if meta.uuid in owners:
            raise LedgerRefused(f"{owners[meta.uuid]} and {each.path} are the same shard")
        owners[meta.uuid] = each.path
        for number, name in {**meta.siblings, meta.shard: meta.uuid}.items():
            if known.setdefault(number, name) != name:
                raise LedgerRefused(f"{each.path} belongs to another ledger")
    return known


def _make_key(path: Path) -> None:
    """Whole and on disk, or not there."""
    part = path.with_suffix(".key.part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, secrets.token_hex(_KEY_BYTES).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    part.rename(path)


def read_key(path: Path) -> bytes:
    """Raises LedgerRefused."""
    try:
        key = bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError) as exc:
        raise LedgerRefused(f"{path} cannot be read as a key: {exc}") from exc
    if len(key) != _KEY_BYTES:
        raise LedgerRefused(f"{path} cannot be read as a key: it is not whole")
    return key
