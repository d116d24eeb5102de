"""What a copy of the books says of itself, and whether that is so: read without the ledger that it
was made of, but for its key.

The manifest names each shard's file and its last row. `verify_copy` walks every row as `verify`
does, and a copy whose end was cut off does not reach the row that the manifest names. One that
lacks a shard is not whole either: each journal knows all of its ledger.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from ledger.errors import LedgerRefused
from ledger.journalfile import StoreBroken, connect, ours
from ledger.layout import KEY_NAME, read_key
from ledger.store import SqliteStore
from ledger.verify import ShardReport, walk

FORMAT: Final = 1
MANIFEST: Final = "backup.json"
PARTIAL: Final = ".partial"
"""The ending of a folder's name while it is being filled."""


@dataclass(frozen=True, slots=True)
class CopiedShard:
    """seq, mac: its last row; noted elsewhere, they show later whether rows were cut off. 0 and ''
    of a shard without rows."""

    shard: int
    file: str
    archives: int
    seq: int
    mac: str


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds. audit: the audit log's file; '' if there was none. bytes: of all files."""

    path: str
    shards: tuple[CopiedShard, ...]
    audit: str
    with_key: bool
    bytes: int


@dataclass(frozen=True, slots=True)
class CopyReport:
    """audit_error: what is wrong with the audit log's file."""

    shards: tuple[ShardReport, ...]
    audit_error: str | None

    @property
    def ok(self) -> bool:
        return self.first_error is None

    @property
    def first_error(self) -> str | None:
        told = (f"{shard.path}: {shard.error}" for shard in self.shards if shard.error is not None)
        return next(told, self.audit_error)


def manifest_of(shards: Sequence[CopiedShard], audit: str) -> bytes:
    facts = {"format": FORMAT, "shards": [asdict(shard) for shard in shards], "audit": audit}
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n"


def verify_copy(folder: Path, key: Path | None = None) -> CopyReport:
    """key: the ledger's, unless it lies in the copy. Raises LedgerRefused if it is no copy, or the
    key cannot be read."""
    shards, audit = _read_manifest(folder)
    secret = read_key(folder / KEY_NAME if key is None else key)
    there = frozenset(told.shard for told in shards)
    reports = tuple(_verify(folder / Path(told.file).name, told, there, secret) for told in shards)
    return CopyReport(reports, _audit_error(folder / Path(audit).name) if audit else None)


def _read_manifest(folder: Path) -> tuple[list[CopiedShard], str]:
    try:
        facts = orjson.loads((folder / MANIFEST).read_bytes())
        if facts["format"] != FORMAT:
            raise LedgerRefused(f"{folder}: its format {facts['format']} is not known here")
        if not facts["shards"]:
            raise LedgerRefused(f"{folder}: it tells of no shard")
        return [_read_shard(told) for told in facts["shards"]], str(facts["audit"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise LedgerRefused(f"{folder} is no copy of a ledger: {exc}") from exc


def _read_shard(told: dict[str, Any]) -> CopiedShard:
    """Raises TypeError."""
    shard = CopiedShard(**told)
    for name, kind in (
        ("shard", int),
        ("file", str),
        ("archives", int),
        ("seq", int),
        ("mac", str),
    ):
        if type(getattr(shard, name)) is not kind:
            raise TypeError(f"{name} of a shard is no {kind.__name__}")
    return shard


def _verify(path: Path, told: CopiedShard, there: frozenset[int], key: bytes) -> ShardReport:
    """there: the shards that the manifest tells of. Each journal knows all of its ledger."""
    try:
        with ours(), contextlib.closing(connect(path, "FULL", read_only=True)) as conn:
            store = SqliteStore(path, conn, key, 0)
            found = walk(store, key)
    except StoreBroken as exc:
        return ShardReport(told.shard, str(path), 0, 0, 0, 0, 0, "", str(exc))
    if found.error is not None:
        return found
    return replace(found, error=_misfit(told, found, set(store.meta.siblings) - there))


def _misfit(told: CopiedShard, found: ShardReport, absent: set[int]) -> str | None:
    """What is wrong with a shard whose rows all hold."""
    if found.shard != told.shard:
        return f"it is shard {found.shard} instead of {told.shard}"
    if found.head_seq != told.seq or (told.seq and found.head_mac != told.mac):
        return f"it ends at row {found.head_seq} instead of {told.seq}"
    return f"shard {min(absent)} of its ledger is not in the copy" if absent else None


def _audit_error(path: Path) -> str | None:
    """Nobody writes there: it is read as it lies."""
    where = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with ours(), contextlib.closing(sqlite3.connect(where, uri=True)) as conn:
            [found] = conn.execute("PRAGMA quick_check(1)").fetchone()
    except StoreBroken as exc:
        return f"{path}: {exc}"
    return None if found == "ok" else f"{path}: {found}"
