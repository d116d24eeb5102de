"""One connection that writes, one that reads, and errors of our own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import aiosqlite
import pytest

from ledger.history import file as module
from ledger.history.file import (
    READING_NICE,
    WRITING_NICE,
    Damaged,
    File,
    Statement,
    Trouble,
    Unwritable,
)
from ledger.history.reader import Reader
from ledger.history.schema import MARK, MARKS, VERSION, insertion
from tests.unit.ledger.history.journals import row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "audit.db"


@pytest.fixture
async def file(path: Path) -> AsyncIterator[File]:
    opened = await File.writing(path)
    yield opened
    await opened.close()


async def test_it_is_its_owners_alone(file: File, path: Path) -> None:
    await file.transact([Statement(MARK, (0, 1))])
    assert path.parent.stat().st_mode & 0o777 == 0o700
    for part in path.parent.iterdir():
        assert part.stat().st_mode & 0o777 == 0o600, part.name


async def test_all_or_nothing(file: File) -> None:
    with pytest.raises(Unwritable):
        await file.transact([Statement(MARK, (0, 1)), Statement(MARK, (0, 2**70))])
    assert await file.fetch(MARKS) == []
    await file.transact([Statement(MARK, [(0, 1), (1, 2)], many=True)])
    assert await file.fetch(MARKS) == [(0, 1), (1, 2)]


async def test_whoever_is_cancelled_leaves_no_half_transaction(file: File) -> None:
    marks = [(shard, 1) for shard in range(2_000)]
    writing = asyncio.ensure_future(file.transact([Statement(MARK, marks, many=True)]))
    await asyncio.tasks.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await file.fetch("SELECT 1")
    while len(await file.fetch(MARKS)) != 2_000:
        pass
    await file.transact([Statement(MARK, (0, 2))])


async def test_after_a_cancelled_one_the_next_begins_when_it_is_through(path: Path) -> None:
    """A catch-up that was cancelled at shutdown went on beside the last rows and the closing: its
    BEGIN met another's, or a closed database."""
    file = await File.writing(path)
    for shard in range(3):
        writing = asyncio.ensure_future(
            file.transact([Statement(MARK, (shard, number)) for number in range(20)])
        )
        await asyncio.tasks.sleep(0)
        writing.cancel()
        await asyncio.wait((writing,))
    await file.transact([Statement(MARK, (3, 3))])
    await file.close()
    reading = await File.reading(path)
    assert await reading.fetch(MARKS) == [(0, 19), (1, 19), (2, 19), (3, 3)]
    await reading.close()


async def test_the_other_connection_reads_and_cannot_write(file: File, path: Path) -> None:
    await file.transact([Statement(MARK, (0, 1))])
    reading = await File.reading(path)
    assert await reading.fetch(MARKS) == [(0, 1)]
    with pytest.raises(Trouble, match="readonly"):
        await reading.transact([Statement(MARK, (0, 2))])
    with pytest.raises(Trouble, match="readonly"):
        await reading.fetch("DELETE FROM marks")
    await reading.close()


async def test_a_disk_that_takes_nothing(file: File) -> None:
    await file.fetch("PRAGMA query_only = 1")
    with pytest.raises(Trouble):
        await file.transact([Statement(MARK, (0, 1))])
    await file.fetch("PRAGMA query_only = 0")
    await file.transact([Statement(MARK, (0, 1))])


async def test_values_that_cannot_be_asked_for(file: File) -> None:
    with pytest.raises(Unwritable):
        await file.fetch("SELECT ?", ("\ud800",))


async def test_no_file_to_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real failure would leave aiosqlite's thread ending after the test's loop."""

    async def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(aiosqlite, "connect", refuse)
    with pytest.raises(Trouble, match="unable to open"):
        await File.reading(path)


async def test_no_place_to_write(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(Trouble, match="plain"):
        await File.writing(tmp_path / "plain" / "audit.db")


@pytest.fixture
def nonsense(tmp_path: Path) -> Path:
    path = tmp_path / "audit.db"
    path.write_bytes(b"this is no database, whatever its name says " * 50)
    return path


async def test_no_database(nonsense: Path) -> None:
    with pytest.raises(Damaged):
        await File.writing(nonsense)


async def test_another_version(file: File, path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    other.close()
    with pytest.raises(Trouble, match="another version"):
        await File.writing(path)


def make_older(path: Path, version: int) -> None:
    """As a file of this version was: 3 had no `rule`, 2 did not tell up to where it was summed up,
    1 had no sums."""
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE calls DROP COLUMN rule")
        if version < 3:
            db.execute("DROP TABLE summed")
        if version < 2:
            for table in ("unsummed", "tally_days", "tally_hours", "tally_runs", "tally_parts"):
                db.execute(f"DROP TABLE {table}")
            db.execute("DROP TABLE large_runs")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_file_of_an_older_version_gets_what_it_lacks(path: Path, version: int) -> None:
    file = await File.writing(path)
    await file.transact([Statement(*insertion([row(1)]))])
    await file.close()
    make_older(path, version)
    for n in (2, 3):  # opened again it has all
        file = await File.writing(path)
        await file.transact([Statement(*insertion([row(n, rule="currency")]))])
        reading = await File.reading(path)
        found = await reading.fetch("SELECT rule FROM calls ORDER BY n")
        assert found == [(None,)] + [("currency",)] * (n - 1)
        assert await Reader(reading).call(row(1).id) is not None
        assert await reading.fetch("PRAGMA user_version") == [(VERSION,)]
        await reading.close()
        await file.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own")
async def test_who_reads_steps_back_further_than_who_writes_and_the_loop_not_at_all(
    tmp_path: Path,
) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    before = set(os.listdir("/proc/self/task"))
    path = tmp_path / "audit.db"
    async with contextlib.AsyncExitStack() as closing:
        for opening in (File.writing, File.reading):
            closing.push_async_callback((await opening(path)).close)
        made = set(os.listdir("/proc/self/task")) - before
        nices = sorted(os.getpriority(os.PRIO_PROCESS, int(thread)) - mine for thread in made)
    assert nices == [WRITING_NICE, READING_NICE]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine


async def test_where_a_thread_has_no_priority_of_its_own_nobody_steps_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.delattr(os, "nice")
    file = await File.writing(path)
    assert await file.fetch(MARKS) == []
    await file.close()


async def test_a_sandbox_that_forbids_it_keeps_nobody_from_the_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", forbidden)
    for opening in (File.writing, File.reading):
        file = await opening(path)
        assert await file.fetch(MARKS) == []
        await file.close()
