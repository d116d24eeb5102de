"""Rows move to archives in steps; a crash after any of them loses none and tells none twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import archive as archive_module
from ledger import store as store_module
from ledger.archive import Archiver, Part, archives_of, last_row, last_seq, rows_of
from ledger.chain import Chain
from ledger.journalfile import StoreBroken, StoreFull, connect, create
from ledger.store import SqliteStore
from tests.ledgers import crash_image

KEY = b"k" * 32


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "SLICE_ROWS", 2)


def opened(path: Path) -> SqliteStore:
    conn = connect(path, "NORMAL")
    store = SqliteStore(path, conn, KEY, 0)
    store.mover = Archiver(path, conn, store.lock)
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "live" / "ledger-0.db"
    made.parent.mkdir()
    create(made, 0, "u", {0: "u"})
    return made


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = opened(path)
    yield made
    made.close()


def write(store: SqliteStore, rows: int = 5) -> None:
    """Some rows and a checkpoint."""
    for number in range(rows):
        store.append(1, b"row %d" % number)
    store.append(0, b"checkpoint")


def tidy(store: SqliteStore) -> int:
    steps = 0
    while store.tidy():
        steps += 1
    return steps


def all_rows(store: SqliteStore) -> list[int]:
    """Every row's number, each checked against the chain."""
    chain = Chain.genesis(KEY, 0, "u")
    for archive in archives_of(store.path):
        for row in rows_of(archive, chain.seq):
            chain.follow(row)
    for row in store.rows(chain.seq):
        chain.follow(row)
    return list(range(1, chain.seq + 1))


def test_what_stands_before_a_checkpoint_moves(store: SqliteStore, path: Path) -> None:
    write(store)
    tidy(store)
    [archive] = archives_of(path)
    assert archive.name == "ledger-0.archive-000001.db"
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [row.seq for row in rows_of(archive)] == [1, 2, 3, 4, 5]
    assert [row.seq for row in rows_of(archive, 3)] == [4, 5]
    assert [row.seq for row in store.rows(0)] == [6]
    assert store.chain_before(KEY, 6).seq == 5
    assert store.tidy() is False


def test_each_checkpoint_begins_another_archive(store: SqliteStore, path: Path) -> None:
    for _ in range(3):
        write(store)
        tidy(store)
    assert [last_seq(archive) for archive in archives_of(path)] == [5, 11, 17]
    assert all_rows(store) == list(range(1, 19))


def test_a_checkpoint_that_comes_while_rows_move_is_reached_too(
    store: SqliteStore, path: Path
) -> None:
    write(store)
    store.tidy()
    write(store)
    tidy(store)
    assert [row.seq for row in store.rows(0)] == [12]
    assert all_rows(store) == list(range(1, 13))


def test_a_crash_after_any_step_loses_nothing(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    write(store)
    images = [crash_image(path.parent, tmp_path / "0")]
    while store.tidy():
        images.append(crash_image(path.parent, tmp_path / str(len(images))))
    assert len(images) > 6
    for image in images:
        again = opened(image / path.name)
        assert all_rows(again) == [1, 2, 3, 4, 5, 6]
        tidy(again)
        assert all_rows(again) == [1, 2, 3, 4, 5, 6]
        assert [row.seq for row in again.rows(0)] == [6]
        assert len(archives_of(again.path)) == 1
        write(again, 1)
        tidy(again)
        assert all_rows(again) == list(range(1, 9))
        again.close()


def test_a_crash_before_the_rename_leaves_a_part_that_is_thrown_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(path)
    write(store)
    monkeypatch.setattr(Part, "publish", lambda _self: (_ for _ in ()).throw(OSError(5, "EIO")))
    with pytest.raises(StoreBroken):
        tidy(store)
    monkeypatch.undo()
    part = path.with_name("ledger-0.archive-000001.db.part")
    assert part.exists()
    store._conn.close()
    again = opened(path)
    assert not part.exists()
    tidy(again)
    assert all_rows(again) == [1, 2, 3, 4, 5, 6]
    again.close()


def test_a_full_disk_ends_the_attempt_and_the_next_checkpoint_begins_it_anew(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store)

    def no_room(_self: Part, _rows: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(Part, "append", no_room)
    assert store.tidy() is False
    assert store.tidy() is False
    assert [file.name for file in path.parent.glob("*archive*")] == []
    monkeypatch.undo()
    write(store)
    tidy(store)
    assert [row.seq for row in store.rows(0)] == [12]


def test_closing_while_rows_move_leaves_no_part(path: Path) -> None:
    store = opened(path)
    write(store)
    store.tidy()
    store.close()
    assert [file.name for file in path.parent.glob("*.part")] == []


def test_no_room_while_rows_are_deleted_undoes_that_slice(store: SqliteStore, path: Path) -> None:
    write(store)
    while not archives_of(path):
        store.tidy()
    store._conn.execute(
        "CREATE TRIGGER no_room BEFORE UPDATE ON meta BEGIN SELECT raise(ABORT, 'no room'); END"
    )
    with pytest.raises(StoreBroken, match="no room"):
        store.tidy()
    store._conn.execute("DROP TRIGGER no_room")
    assert all_rows(store) == [1, 2, 3, 4, 5, 6]
    assert len(list(store.rows(0))) == 6
    tidy(store)
    assert len(list(store.rows(0))) == 1


class Stubborn:
    """A connection that deletes nothing. undoes: of what was begun, nothing can be undone, or
    SQLite has done so by itself."""

    def __init__(self, conn: sqlite3.Connection, *, undoes: bool = False) -> None:
        self.conn = conn
        self.undoes = undoes

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement.startswith("DELETE") and self.undoes:
            self.conn.execute("ROLLBACK")
        if statement.startswith(("DELETE", "ROLLBACK")):
            raise sqlite3.OperationalError("disk I/O error")
        return self.conn.execute(statement, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self.conn, name)


def test_a_connection_that_cannot_undo_takes_no_more_holds(store: SqliteStore, path: Path) -> None:
    """Or one would be told that it is durable inside a transaction that never ends."""
    write(store)
    while not archives_of(path):
        store.tidy()
    assert isinstance(store.mover, Archiver)
    store.mover._conn = Stubborn(store._conn)  # type: ignore[assignment]
    with pytest.raises(StoreBroken):
        store.tidy()
    with pytest.raises(StoreBroken, match="closed"):
        store.append(1, b"hold")


def test_what_sqlite_undid_by_itself_is_undone(store: SqliteStore, path: Path) -> None:
    write(store)
    while not archives_of(path):
        store.tidy()
    assert isinstance(store.mover, Archiver)
    store.mover._conn = Stubborn(store._conn, undoes=True)  # type: ignore[assignment]
    with pytest.raises(StoreBroken, match="I/O"):
        store.tidy()
    assert all_rows(store) == [1, 2, 3, 4, 5, 6]


def test_large_rows_go_one_at_a_time(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store)
    while not archives_of(path):
        store.tidy()
    monkeypatch.setattr(archive_module, "SLICE_BYTES", 1)
    lengths = []
    while store.tidy():
        lengths.append(len(list(store.rows(0))))
    assert lengths[:5] == [5, 4, 3, 2, 1]


def test_what_is_deleted_does_not_pile_up_in_the_log(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_WAL_BYTES_MAX", store_module._SLICE_LOG_BYTES)
    write(store, 10)
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size
    tidy(store)
    assert log.stat().st_size < 2 * size


def test_an_archive_that_is_missing_in_between_is_noticed(store: SqliteStore, path: Path) -> None:
    for _ in range(3):
        write(store)
        tidy(store)
    archives_of(path)[1].unlink()
    with pytest.raises(StoreBroken, match=r"archive 000002 of ledger-0\.db is missing"):
        archives_of(path)


def test_other_files_are_no_archives(store: SqliteStore, path: Path) -> None:
    path.with_name("ledger-0.archive-old.db").touch()
    assert archives_of(path) == []


def test_a_damaged_archive_is_broken(store: SqliteStore, path: Path) -> None:
    write(store)
    tidy(store)
    [archive] = archives_of(path)
    archive.write_bytes(b"not a database" * 500)
    with pytest.raises(StoreBroken):
        list(rows_of(archive))
    empty = path.with_name("empty.db")
    conn = sqlite3.connect(empty, isolation_level=None)
    conn.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY, mac)")
    assert (last_seq(empty), last_row(empty)) == (0, (0, b""))
    conn.execute("INSERT INTO journal VALUES (1, 1000000000000)")
    conn.close()
    with pytest.raises(StoreBroken, match="not one of ours"):
        last_row(empty)
