"""The SQLite file of one shard: rows, reserve, and which failures are final."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import codec
from ledger import store as store_module
from ledger.chain import BEGIN, PART, Chain
from ledger.journalfile import Meta, StoreBroken, StoreFull, connect, create
from ledger.store import SqliteStore
from tests.ledgers import tamper

KEY = b"k" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ledger-0.db"
    create(made, 0, "u0", {0: "u0", 1: "u1"})
    return made


def opened(path: Path, *, reserve_bytes: int = 8_192) -> SqliteStore:
    return SqliteStore(path, connect(path, "FULL"), KEY, reserve_bytes)


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = opened(path)
    yield made
    made.close()


def test_rows_are_chained_and_come_back_in_order(store: SqliteStore) -> None:
    for number in range(5):
        store.append(1, b"body %d" % number)
    chain = Chain.genesis(KEY, 0, "u0")
    for row in store.rows(0):
        chain.follow(row)
    assert (chain.seq, chain.mac) == (5, store.chain.mac)
    assert [row.seq for row in store.rows(3)] == [4, 5]


def test_the_chain_goes_on_after_a_new_start(path: Path) -> None:
    for number in range(3):
        store = opened(path)
        assert store.chain.seq == number
        store.append(1, b"x")
        store.close()
    store = opened(path)
    before = store.chain_before(KEY, 3)
    assert before.seq == 2
    before.follow(next(store.rows(2)))
    store.close()


def test_pages_join_without_a_gap(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_PAGE_ROWS", 2)
    for _ in range(5):
        store.append(1, b"x")
    assert [row.seq for row in store.rows(0)] == [1, 2, 3, 4, 5]


def test_the_last_checkpoint_is_found(store: SqliteStore) -> None:
    assert store.last_checkpoint() is None
    for entries in (1, 0, 1, 0, 1):
        store.append(entries, b"x")
    assert store.last_checkpoint() == 4


def test_one_in_parts_is_found_by_its_beginning_once_it_is_whole(store: SqliteStore) -> None:
    end = codec.encode_end(1)
    for entries, body in ((0, b"x"), (BEGIN, b"x"), (1, b"x"), (BEGIN, b"x"), (PART, b"x")):
        store.append(entries, body)
        assert store.last_checkpoint() == 1
    store.append(0, end)
    store.append(BEGIN, b"x")
    assert store.last_checkpoint() == 4


def test_an_end_without_a_beginning_is_no_journal_of_ours(store: SqliteStore) -> None:
    store.append(0, codec.encode_end(1))
    with pytest.raises(StoreBroken, match="has no beginning"):
        store.last_checkpoint()


def test_large_rows_come_a_few_at_a_time(store: SqliteStore) -> None:
    for _ in range(3):
        store.append(1, bytes(150_000))
    assert [row.seq for row in store.slice(0, 3)] == [1, 2]
    assert [row.seq for row in store.slice(2, 3)] == [3]


def test_a_full_disk_leaves_the_chain_where_it_was(store: SqliteStore) -> None:
    store.append(1, b"x")
    before = store.chain.mac
    pages = store._conn.execute("PRAGMA page_count").fetchone()[0]
    store._conn.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFull):
        store.append(1, b"x" * 100_000)
    assert (store.chain.seq, store.chain.mac) == (1, before)
    store._conn.execute("PRAGMA max_page_count = 1000000")
    store.append(1, b"x" * 100_000)
    assert [row.seq for row in store.rows(0)] == [1, 2]


def test_the_log_moves_into_the_database(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_WAL_BYTES_MAX", 9_000)
    store.append(1, b"x" * 5_000)
    store.move_log()
    assert b"x" * 1_000 not in path.read_bytes()  # it is durable; this can wait for company
    store.append(1, b"y" * 5_000)
    store.move_log()
    assert b"y" * 1_000 in path.read_bytes()


def test_files_are_for_their_owner_only(store: SqliteStore, path: Path) -> None:
    store.append(1, b"x")
    store.keep_reserve()
    files = list(path.parent.iterdir())
    assert len(files) == 3  # database, log, reserve
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_the_reserve_is_kept_given_up_and_kept_again(store: SqliteStore, path: Path) -> None:
    reserve = path.with_suffix(".reserve")
    store.keep_reserve()
    store.keep_reserve()
    assert reserve.stat().st_size == 8_192
    assert reserve.stat().st_blocks * 512 >= 8_192
    store.free_reserve()
    store.free_reserve()
    assert not reserve.exists()


def test_no_reserve_is_kept_where_none_is_asked_for(path: Path) -> None:
    store = opened(path, reserve_bytes=0)
    store.keep_reserve()
    assert not path.with_suffix(".reserve").exists()
    store.close()


def test_half_a_reserve_is_none(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_fd: int, _offset: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(StoreFull):
        store.keep_reserve()
    assert not path.with_suffix(".reserve").exists()


def test_a_store_without_a_mover_has_nothing_to_tidy(store: SqliteStore) -> None:
    store.append(0, b"checkpoint")
    assert store.tidy() is False


def test_siblings_are_recorded(path: Path) -> None:
    store = opened(path)
    assert store.meta == Meta(0, "u0", {0: "u0", 1: "u1"})
    store.write_siblings({0: "u0", 1: "u1", 2: "u2"})
    store.close()
    again = opened(path)
    assert again.meta.siblings == {0: "u0", 1: "u1", 2: "u2"}
    assert again.integrity() == "ok"
    again.close()


def test_a_file_of_another_format_is_refused(path: Path) -> None:
    tamper(path, "UPDATE meta SET value = '4' WHERE name = 'format'")
    conn = connect(path, "FULL")
    with pytest.raises(StoreBroken, match="format 4 is not known"):
        SqliteStore(path, conn, KEY, 0)
    conn.close()


@pytest.mark.parametrize("name", ["shard", "uuid", "siblings", "format"])
def test_a_file_that_does_not_say_who_it_is_is_refused(path: Path, name: str) -> None:
    tamper(path, "DELETE FROM meta WHERE name = ?", name)
    conn = connect(path, "FULL")
    with pytest.raises(StoreBroken, match="not one of ours"):
        SqliteStore(path, conn, KEY, 0)
    conn.close()


def test_reading_only_writes_nothing(path: Path) -> None:
    store = opened(path)
    store.append(1, b"x")
    store.close()
    before = path.read_bytes()
    conn = connect(path, "FULL", read_only=True)
    assert conn.execute("SELECT count(*) FROM journal").fetchone() == (1,)
    with pytest.raises(sqlite3.OperationalError):
        conn.execute("DELETE FROM journal")
    conn.close()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
