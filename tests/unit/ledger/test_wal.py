"""The log before SQLite opens it: a half-written end is no damage, anything else is."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from ledger import store as store_module
from ledger.journalfile import StoreBroken, connect, create
from ledger.store import SqliteStore
from ledger.wal import must_hold

KEY = b"k" * 32
HEAD, FRAME = 32, 24
COMMITS = 6


def written(path: Path, commits: int = COMMITS) -> None:
    """A journal as a kill leaves it: so many commits, all in the log."""
    live = path.with_name("live.db")
    create(live, 0, "u0", {0: "u0"})
    store = SqliteStore(live, connect(live, "FULL"), KEY, 0)
    for number in range(commits):
        store.append(1, b"body %d" % number)
    shutil.copy(live, path)
    shutil.copy(log_of(live), log_of(path))
    store.close()


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written(tmp_path / "ledger-0.db")
    return tmp_path / "ledger-0.db"


def page_bytes(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[16:18], "big")


def frames(path: Path) -> int:
    return (log_of(path).stat().st_size - HEAD) // (FRAME + page_bytes(path))


def at(path: Path, frame: int) -> int:
    """Where a frame begins."""
    return HEAD + (frame - 1) * (FRAME + page_bytes(path))


def flip(path: Path, offset: int) -> None:
    data = bytearray(log_of(path).read_bytes())
    data[offset] ^= 0x10
    log_of(path).write_bytes(data)


def rows(path: Path) -> int:
    conn = connect(path, "FULL", read_only=True)
    [count] = conn.execute("SELECT count(*) FROM journal").fetchone()
    conn.close()
    return int(count)


def test_what_a_kill_leaves_holds(path: Path) -> None:
    before = log_of(path).read_bytes()
    must_hold(path)
    assert log_of(path).read_bytes() == before
    assert rows(path) == COMMITS


def test_a_journal_without_a_log_holds(path: Path) -> None:
    log_of(path).unlink()
    must_hold(path)
    log_of(path).write_bytes(b"")
    must_hold(path)
    path.write_bytes(b"")
    must_hold(path)


@pytest.mark.parametrize("within", [3, 9, 17, 100, 4_000])
def test_a_frame_that_was_altered_is_damage_and_not_an_end(path: Path, within: int) -> None:
    """SQLite would take the rows before it for all there ever were."""
    for frame in range(1, frames(path) - 1):
        broken = path.with_name(f"broken-{frame}.db")
        shutil.copy(path, broken)
        shutil.copy(log_of(path), log_of(broken))
        flip(broken, at(path, frame) + within)
        with pytest.raises(
            StoreBroken, match=f"frame {frame} of broken-{frame}.db-wal was altered"
        ):
            must_hold(broken)
        assert rows(broken) < COMMITS - 1


@pytest.mark.parametrize("within", [1, 9, 18, 30])
def test_a_head_that_was_altered_is_damage(path: Path, within: int) -> None:
    flip(path, within)
    with pytest.raises(StoreBroken, match="frame 1 of"):
        must_hold(path)
    assert rows(path) == 0


def test_a_half_written_end_is_none(path: Path) -> None:
    """Wherever the last commit breaks off, the rows before it are there."""
    whole = log_of(path).read_bytes()
    last = at(path, frames(path))
    for size in (last, last + 10, last + FRAME, last + 2_000, len(whole) - 1):
        log_of(path).write_bytes(whole[:size])
        must_hold(path)
    for noise in (b"\0" * 6_000, b"\xff" * 6_000):
        log_of(path).write_bytes(whole + noise)
        must_hold(path)
    log_of(path).write_bytes(whole)
    flip(path, last + 500)
    must_hold(path)
    assert rows(path) == COMMITS - 1
    log_of(path).write_bytes(whole[:20])
    must_hold(path)


def test_frames_of_a_log_that_was_begun_anew_are_no_commits_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, live = tmp_path / "ledger-0.db", tmp_path / "live.db"
    create(live, 0, "u0", {0: "u0"})
    store = SqliteStore(live, connect(live, "FULL"), KEY, 0)
    monkeypatch.setattr(store_module, "_WAL_BYTES_MAX", 5_000)
    for _ in range(4):
        store.append(1, os.urandom(2_000))
    store.append(1, b"the first of the new log")
    shutil.copy(live, path)
    shutil.copy(log_of(live), log_of(path))
    store.close()
    assert frames(path) > 2, "frames of the old one stand behind it"
    must_hold(path)
    assert rows(path) == 5


def test_a_log_of_another_byte_order_and_page_size_is_read_as_well(tmp_path: Path) -> None:
    """SQLite's header says how it sums; a page of 64 KiB is told as 1."""
    path = tmp_path / "ledger-0.db"
    conn = sqlite3.connect(tmp_path / "live.db", isolation_level=None)
    conn.execute("PRAGMA page_size = 65536")
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("CREATE TABLE t (x)")
    conn.execute("INSERT INTO t VALUES (1)")
    conn.execute("INSERT INTO t VALUES (2)")
    shutil.copy(tmp_path / "live.db", path)
    shutil.copy(tmp_path / "live.db-wal", log_of(path))
    conn.close()
    must_hold(path)
    flip(path, HEAD + FRAME + 60_000)
    with pytest.raises(StoreBroken, match="3 commits"):
        must_hold(path)
    big = bytearray(log_of(path).read_bytes())
    big[3] ^= 1  # another order: then no checksum fits
    log_of(path).write_bytes(big)
    with pytest.raises(StoreBroken, match="3 commits"):
        must_hold(path)
