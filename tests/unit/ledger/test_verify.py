"""verify finds every change, says where, and writes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.clock import HandClock
from ledger import Ending, HoldState, LedgerRefused, checkpoints, sweep, verify, writer
from ledger.account import Account
from ledger.archive import archives_of
from ledger.chain import BEGIN, Chain
from ledger.codec import decode_checkpoint, encode_begin, encode_checkpoint, encode_end
from ledger.journalfile import StoreBroken
from ledger.layout import open_layout
from tests.ledgers import DAY_US, NOON_US, crash_image, funded, open_in, settings_in, tamper


@pytest.fixture
async def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with an archive, a live tail and two checkpoints. The last row is a checkpoint."""
    clock = HandClock(NOON_US)
    where = tmp_path / "var"
    monkeypatch.setattr(writer, "LOOK_S", 0.001)
    for _ in range(2):
        ledger = await open_in(where, clock=clock)
        account = await funded(ledger, 10_000)
        for _ in range(5):
            hold = await ledger.hold(account, 5, restorable=True)
            ending = Ending(hold.hold_id, HoldState.SETTLED, 5)
            await ledger.book([ending], now_us=clock.now_us()).durable()
        clock.advance(DAY_US / 1_000_000)
        await ledger.close()
    ledger = await open_in(where, clock=clock)
    [shard] = ledger._by_number.values()
    await funded(ledger)
    while shard._store.archived_upto < 23:  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0)
    await ledger.close()
    return where


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def error(directory: Path) -> str:
    report = verify(settings_in(directory))
    assert not report.ok
    assert report.first_error is not None
    return report.first_error


async def test_an_untouched_ledger_holds_and_stays_untouched(directory: Path) -> None:
    before = contents(directory)
    report = verify(settings_in(directory))
    assert report.ok
    assert report.first_error is None
    [shard] = report.shards
    archives = archives_of(directory / "ledger-0.db")
    assert (shard.shard, shard.archives, shard.error) == (0, len(archives), None)
    assert shard.rows == shard.head_seq > 22
    assert shard.checkpoints == 3
    assert len(bytes.fromhex(shard.head_mac)) == 32
    assert contents(directory) == before


async def test_all_entries_can_be_read_back_over_archives_and_journal(directory: Path) -> None:
    ledger = await open_in(directory)
    read = [entry for _, row in ledger.read_entries(0) for entry in row]
    await ledger.close()
    [shard] = verify(settings_in(directory)).shards
    assert len(read) == shard.entries


async def test_reading_back_notices_a_row_that_is_gone(directory: Path) -> None:
    for archive in archives_of(directory / "ledger-0.db"):
        archive.unlink()
    ledger = await open_in(directory)
    with pytest.raises(StoreBroken, match="row 1 is missing"):
        list(ledger.read_entries(0))
    await ledger.close()


async def test_it_needs_the_ledger_to_itself(directory: Path) -> None:
    ledger = await open_in(directory)
    with pytest.raises(LedgerRefused, match="in use"):
        verify(settings_in(directory))
    await ledger.close()


async def test_it_reads_what_a_crash_left_in_the_log(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "live")
    await funded(ledger)
    image = crash_image(tmp_path / "live", tmp_path / "image", ledger)
    await ledger.close()
    report = verify(settings_in(image))
    assert (report.ok, report.shards[0].entries) == (True, 1)


async def test_a_changed_row_in_an_archive_is_found(directory: Path) -> None:
    [archive, *_] = archives_of(directory / "ledger-0.db")
    tamper(archive, "UPDATE journal SET body = CAST(body || ' ' AS BLOB) WHERE seq = 4")
    assert "row 4 was altered, or one before it" in error(directory)
    assert "archive-000001.db, after row 3" in error(directory)


async def test_a_row_that_is_gone_is_found(directory: Path) -> None:
    [archive, *_] = archives_of(directory / "ledger-0.db")
    tamper(archive, "DELETE FROM journal WHERE seq = 3")
    assert "row 3 is missing (row 4 comes next)" in error(directory)


async def test_an_archive_that_is_gone_is_found(directory: Path) -> None:
    for archive in archives_of(directory / "ledger-0.db"):
        archive.unlink()
    assert "row 1 is missing" in error(directory)


async def test_a_miscounted_row_is_found(directory: Path) -> None:
    [archive, *_] = archives_of(directory / "ledger-0.db")
    tamper(archive, "UPDATE journal SET entries = 2 WHERE seq = 2")
    assert "row 2 says 2 entries and has 1" in error(directory)


def rewrite_last_row(directory: Path, body: bytes, entries: int) -> None:
    """As somebody who holds the key could."""
    layout = open_layout(settings_in(directory))
    [store] = layout.stores
    chain: Chain = store.chain_before(layout.key, store.chain.seq)
    mac, seq = chain.next_mac(body), store.chain.seq
    layout.close()
    tamper(
        directory / "ledger-0.db",
        "UPDATE journal SET body = ?, mac = ?, entries = ? WHERE seq = ?",
        body,
        mac,
        entries,
        seq,
    )


def last_body(directory: Path) -> bytes:
    layout = open_layout(settings_in(directory), read_only=True)
    [store] = layout.stores
    [row] = list(store.rows(store.chain.seq - 1))
    layout.close()
    return row.body


async def test_a_checkpoint_that_does_not_follow_is_found_though_its_chain_holds(
    directory: Path,
) -> None:
    at_us, memory_us, books = decode_checkpoint(last_body(directory))
    books["accounts"][0][3][0] -= 5
    rewrite_last_row(directory, encode_checkpoint(at_us, memory_us, books), 0)
    assert "is not what a replay gives" in error(directory)


async def test_an_impossible_entry_and_an_unreadable_one_are_found(directory: Path) -> None:
    rewrite_last_row(directory, b'[1,["E",77,"settled",0,0,0,"",""]]', 1)
    assert "hold 77 is not (or no longer) known" in error(directory)
    with pytest.raises(LedgerRefused, match="hold 77"):
        await open_in(directory)


async def test_rows_that_cannot_be_read_are_found(directory: Path) -> None:
    rewrite_last_row(directory, b"[1,7]", 1)
    assert "after row" in error(directory)
    rewrite_last_row(directory, b'[1,["C",1,2,{}]]', 0)
    assert "is not what a replay gives" in error(directory)
    with pytest.raises(LedgerRefused, match="checkpoint that cannot be read"):
        await open_in(directory)


async def test_a_checkpoint_in_parts_that_does_not_follow_is_found(directory: Path) -> None:
    rewrite_last_row(directory, encode_begin(NOON_US, 1, (7, 7)), BEGIN)
    assert "begins at row" in error(directory)
    rewrite_last_row(directory, encode_end(0), 0)
    assert error(directory)


async def test_a_part_that_is_other_than_the_books_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "WHOLE_MAX", 0)
    ledger = await open_in(tmp_path / "var")
    await funded(ledger)
    monkeypatch.setattr(sweep, "filled", lambda account: ([9] * 7, [], []))
    monkeypatch.setattr(Account, "unused", False)
    await ledger.close()
    monkeypatch.undo()
    assert "the checkpoint that ends at row 4 is not what a replay gives" in error(tmp_path / "var")


async def test_a_damaged_page_is_found_though_no_row_is_on_it(directory: Path) -> None:
    path = directory / "ledger-0.db"
    conn = sqlite3.connect(path)
    [page] = conn.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'checkpoints'"
    ).fetchone()
    conn.close()
    pages = bytearray(path.read_bytes())
    pages[(page - 1) * 4_096 : page * 4_096] = bytes(4_096)
    path.write_bytes(pages)
    assert f"age {page}" in error(directory)


@pytest.mark.parametrize(
    "change",
    [
        "update meta set value = 'x' where name = 'anchor_seq'",
        "update meta set value = 'zz' where name = 'anchor_mac'",
        "delete from meta where name = 'anchor_seq'",
        "update meta set value = 'ab' where name = 'anchor_mac'",
        "update meta set value = value - 1 where name = 'anchor_seq'",
        "update meta set value = value + 1 where name = 'anchor_seq'",
        "update meta set value = '0' where name = 'anchor_seq'",
    ],
)
async def test_where_the_archives_end_cannot_be_altered(directory: Path, change: str) -> None:
    with sqlite3.connect(directory / "ledger-0.db") as conn:
        conn.execute(change)
    conn.close()
    assert "ledger-0.db" in error(directory)
