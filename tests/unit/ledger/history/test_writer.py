"""Rows queue, are written in batches, and wait for a disk that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ledger.history import writer as module
from ledger.history.file import File
from ledger.history.folding import ROWS_PER_MINUTE
from ledger.history.writer import FLUSH_ROWS, Writer
from tests.unit.ledger.history.journals import row

QUEUE_MAX = 20


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[File]:
    opened = await File.writing(tmp_path / "audit.db")
    yield opened
    await opened.close()


@pytest.fixture
async def writer(file: File) -> AsyncIterator[Writer]:
    opened = Writer(file, QUEUE_MAX)
    yield opened
    await opened.close()


async def kept(file: File, columns: str = '"id"') -> list[Any]:
    rows = await file.fetch(f"SELECT {columns} FROM calls ORDER BY at_us")
    return [found[0] if len(found) == 1 else found for found in rows]


async def broken(file: File, yes: bool) -> None:
    await file.fetch(f"PRAGMA query_only = {int(yes)}")


async def until_written(file: File, count: int) -> None:
    """Each look is a trip to the file's thread, in which the writer has its turn."""
    async with asyncio.timeout(10):
        while len(await kept(file)) < count:
            pass


async def test_rows_are_written_by_themselves(file: File, writer: Writer) -> None:
    writer.record(row(1))
    writer.record(row(2, decision="refused", code="key_expired"))
    assert writer.waiting == 2
    await until_written(file, 2)


async def test_a_full_batch_does_not_wait(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 3_600)
    writer = Writer(file)
    for n in range(FLUSH_ROWS):
        writer.record(row(n))
    await until_written(file, FLUSH_ROWS)
    await writer.close()


async def test_flush_writes_what_is_there(file: File, writer: Writer) -> None:
    assert await writer.flush()
    writer.record(row(1, hold_id=1, state="standing"))
    writer.amend(("settled", 5, 1, None))
    writer.give_back(("re_1", 2, 1))
    assert await writer.flush()
    assert await kept(file, '"state", cost_micros, restored_micros') == [("settled", 5, 2)]
    assert writer.written == 1


async def test_close_writes_the_rest(file: File) -> None:
    writer = Writer(file)
    writer.record(row(1))
    await writer.close()
    assert len(await kept(file)) == 1


async def test_changes_wait_for_a_rebuild(file: File, writer: Writer) -> None:
    writer.record(row(1, hold_id=1, state="in_doubt"))
    writer.let_changes_wait(True)
    writer.amend(("settled", 5, 1, None))
    writer.give_back(("re_1", 2, 1))
    await writer.flush()
    assert await kept(file, '"state"') == ["in_doubt"]
    writer.let_changes_wait(False)
    await writer.flush()
    assert await kept(file, '"state", restored_micros') == [("settled", 2)]


async def test_the_end_of_waiting_needs_no_new_call(file: File, writer: Writer) -> None:
    writer.record(row(1, hold_id=1, state="in_doubt"))
    writer.let_changes_wait(True)
    writer.amend(("settled", 5, 1, None))
    await until_written(file, 1)
    writer.let_changes_wait(False)
    async with asyncio.timeout(10):
        while await kept(file, '"state"') != ["settled"]:
            pass


async def test_refusals_in_a_loop_are_folded(file: File) -> None:
    writer = Writer(file)
    for n in range(ROWS_PER_MINUTE + 500):
        writer.record(row(n, decision="refused", code="daily_cap_exceeded"))
    await writer.flush()
    counts = await kept(file, '"count"')
    assert counts == [1] * ROWS_PER_MINUTE + [500]
    writer.record(row(9_999, decision="refused", code="daily_cap_exceeded"))
    await writer.close()
    assert await kept(file, '"count"') == [1] * ROWS_PER_MINUTE + [501]


async def test_a_refusal_after_its_hold_is_never_folded(file: File) -> None:
    writer = Writer(file)
    for n in range(ROWS_PER_MINUTE + 5):
        writer.record(row(n, decision="refused", code="key_revoked", hold_id=n, state="released"))
    await writer.close()
    assert len(await kept(file)) == ROWS_PER_MINUTE + 5


async def test_rows_wait_for_a_disk_that_comes_back(
    file: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.0)
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    writer = Writer(file)
    await broken(file, True)
    refused = {"decision": "refused", "code": "rate_limited"}
    for n in range(ROWS_PER_MINUTE + 1):
        writer.record(row(n, **refused))
    writer.record(row(900, hold_id=900, state="standing"))
    writer.amend(("settled", 5, 900, None))
    async with asyncio.timeout(10):
        while writer.trouble is None:
            assert await kept(file) == []
    assert not await writer.flush()
    await broken(file, False)
    await until_written(file, ROWS_PER_MINUTE + 2)
    await writer.close()
    assert writer.trouble is None
    assert (await kept(file, '"state", cost_micros'))[-1] == ("settled", 5)
    assert [r.levelname for r in caplog.records] == ["ERROR", "WARNING"]


async def test_what_does_not_fit_is_turned_away_in_order_of_worth(
    file: File, writer: Writer
) -> None:
    await broken(file, True)
    for n in range(QUEUE_MAX):
        writer.record(row(n))
    assert writer.dropped["free"] == QUEUE_MAX // 2
    for n in range(QUEUE_MAX):
        writer.record(row(100 + n, hold_id=100 + n))
    assert writer.dropped["held"] == QUEUE_MAX // 2
    assert writer.marks.stopped
    await broken(file, False)
    await writer.flush()
    ids = await kept(file)
    assert ids == [row(n).id for n in (*range(10), *range(100, 110))]


async def test_changes_that_do_not_fit_stop_the_marks(file: File, writer: Writer) -> None:
    await broken(file, True)
    for n in range(QUEUE_MAX):
        writer.amend(("settled", 1, n, None))
    assert not writer.marks.stopped
    writer.amend(("settled", 1, 99, None))
    assert writer.dropped["changes"] == 1
    assert writer.marks.stopped
    await broken(file, False)


async def test_a_disk_that_stays_away_does_not_hold_up_the_end(file: File) -> None:
    writer = Writer(file)
    await broken(file, True)
    writer.record(row(1))
    await writer.close()
    assert writer.waiting == 1


async def test_a_value_at_fault_takes_nothing_else_with_it(
    file: File, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    writer.record(row(1, hold_id=1))
    writer.record(row(2, reason="\ud800"))
    writer.record(row(3, quote_micros=2**70))
    writer.amend(("settled", 2**70, 1, None))
    writer.amend(("settled", 7, 1, None))
    writer.give_back(("re_1", 1, 1))
    assert await writer.flush()
    assert await kept(file, '"id", cost_micros, restored_micros') == [(row(1).id, 7, 1)]
    assert writer.dropped["unwritable"] == 4
    assert "cannot be written" in caplog.text
