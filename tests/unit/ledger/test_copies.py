"""What is told of a copy: its own words, and every way in which they may not be so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson
import pytest

from ledger import LedgerRefused, Order, back_up, verify_copy
from ledger.copies import MANIFEST
from tests.ledgers import NOON_US, funded, open_in, settings_in, tamper


@pytest.fixture
async def copy(tmp_path: Path) -> Path:
    """Of a ledger of two shards, with its key and an audit log of another make."""
    ledger = await open_in(tmp_path / "var", shards=2)
    for _ in range(4):
        await ledger.hold(await funded(ledger), 5)
    await ledger.close()
    audit = tmp_path / "audit.db"
    with sqlite3.connect(audit) as conn:
        conn.execute("CREATE TABLE calls (id TEXT)")
    conn.close()
    order = Order(tmp_path / "backups", audit, with_key=True)
    return Path(back_up(settings_in(tmp_path / "var", 2), order, NOON_US).path)


def error(copy: Path) -> str:
    found = verify_copy(copy).first_error
    assert found is not None
    return found


async def test_a_whole_copy_holds(copy: Path) -> None:
    report = verify_copy(copy)
    assert report.ok
    assert [shard.shard for shard in report.shards] == [0, 1]
    assert report.audit_error is None


async def test_a_row_that_was_altered(copy: Path) -> None:
    tamper(copy / "ledger-1.db", "UPDATE journal SET body = x'5b5d' WHERE seq = 2")
    assert "row 2 was altered" in error(copy)


async def test_rows_cut_off_its_end(copy: Path) -> None:
    tamper(copy / "ledger-0.db", "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)")
    assert "instead of" in error(copy)


async def test_a_shard_that_it_does_not_tell_of(copy: Path) -> None:
    facts = orjson.loads((copy / MANIFEST).read_bytes())
    (copy / MANIFEST).write_bytes(orjson.dumps({**facts, "shards": facts["shards"][:1]}))
    assert "shard 1 of its ledger is not in the copy" in error(copy)


async def test_a_shard_in_the_place_of_another(copy: Path) -> None:
    facts = orjson.loads((copy / MANIFEST).read_bytes())
    first = facts["shards"][0]
    (copy / MANIFEST).write_bytes(orjson.dumps({**facts, "shards": [first, {**first, "shard": 1}]}))
    assert "it is shard 0 instead of 1" in error(copy)


async def test_a_file_that_is_no_journal(copy: Path) -> None:
    (copy / "ledger-0.db").write_bytes(b"what is this?" * 400)
    assert "ledger-0.db" in error(copy)


async def test_an_audit_log_that_is_broken(copy: Path) -> None:
    (copy / "audit.db").write_bytes(b"what is this?" * 400)
    assert "audit.db" in error(copy)
    (copy / "audit.db").unlink()
    assert "audit.db" in error(copy)


async def test_an_audit_log_with_a_page_that_is_wrong(copy: Path) -> None:
    with sqlite3.connect(copy / "audit.db") as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("UPDATE sqlite_schema SET rootpage = 99 WHERE name = 'calls'")
    conn.close()
    assert "audit.db" in error(copy)


async def test_what_is_no_copy(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerRefused, match="is no copy"):
        verify_copy(tmp_path)
    facts = orjson.loads((copy / MANIFEST).read_bytes())
    (copy / MANIFEST).write_bytes(orjson.dumps({**facts, "format": 2}))
    with pytest.raises(LedgerRefused, match="format 2"):
        verify_copy(copy)
    (copy / MANIFEST).write_bytes(orjson.dumps({**facts, "shards": []}))
    with pytest.raises(LedgerRefused, match="no shard"):
        verify_copy(copy)
    for odd in (
        {"shard": 0},
        {**facts["shards"][0], "file": 0},
        {**facts["shards"][0], "seq": 1.0},
    ):
        (copy / MANIFEST).write_bytes(orjson.dumps({**facts, "shards": [odd]}))
        with pytest.raises(LedgerRefused, match="is no copy"):
            verify_copy(copy)


async def test_the_key_may_lie_elsewhere_and_must_be_the_right_one(
    copy: Path, tmp_path: Path
) -> None:
    (copy / "ledger.key").unlink()
    with pytest.raises(LedgerRefused, match=r"ledger\.key"):
        verify_copy(copy)
    assert verify_copy(copy, tmp_path / "var" / "ledger.key").ok
    (tmp_path / "other.key").write_text("ab" * 32)
    assert "row 1 was altered" in (verify_copy(copy, tmp_path / "other.key").first_error or "")
