"""The audit log from its door: recording, catching up with journals, losing the file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from ledger import BudgetTerms
from ledger.entries import Ending, Entry, HoldState, Shed
from ledger.history import Filters, History, Trouble
from ledger.history import history as module
from ledger.history.file import File, Statement
from ledger.history.history import REBUILD_GROUPS
from ledger.history.schema import creation, insertion
from ledger.history.tallies import FILL, FILL_ROWS, UNSUMMED
from tests.ledgers import NOON_US, open_in
from tests.unit.ledger.history.journals import (
    AT_US,
    MemoryJournals,
    ended,
    held,
    parted,
    restored,
    row,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
async def history(path: Path) -> AsyncIterator[History]:
    opened = await History.open(path)
    yield opened
    await opened.close()


async def states(history: History) -> dict[str, tuple[str, int]]:
    await history.flush()
    records = await history.calls(Filters(), 1_000)
    return {r["id"]: (r["state"], r["cost_micros"]) for r in records}


async def test_a_call_and_what_comes_of_its_hold(history: History) -> None:
    history.record(row(1, hold_id=1, state="standing", cost_micros=5))
    history.follow([Ending(1, HoldState.SETTLED, 4), Ending(99, HoldState.RELEASED)])
    history.give_back(1, "re_1", 2)
    history.record(row(2, hold_id=2, state="standing", cost_micros=5))
    history.follow([Shed(2)])
    assert await states(history) == {row(1).id: ("settled", 4), row(2).id: ("taken_over", 0)}
    record = await history.call(row(1).id)
    assert record is not None
    assert record["restored_micros"] == 2
    assert history.metrics() == {
        "waiting": 0,
        "written": 2,
        "dropped_free": 0,
        "dropped_held": 0,
        "dropped_changes": 0,
        "dropped_unwritable": 0,
    }
    assert history.trouble is None


async def test_a_lost_file_is_rebuilt_whole(path: Path) -> None:
    journals = MemoryJournals(shards=2)
    journals.add(held(1), held(2))
    journals.add(ended(1, HoldState.SETTLED, 3, status=200), shard=0)
    journals.add(held(3), shard=1)
    journals.add(ended(3, HoldState.STANDING, 0, 4), parted(3), shard=1)
    journals.add(restored(1, "re_1", 2))
    for _ in range(2):
        history = await History.open(path)
        assert await history.catch_up(journals) == 5
        assert await states(history) == {
            row(1).id: ("settled", 3),
            row(2).id: ("open", 5_000_000),
            row(3).id: ("taken_over", 0),
        }
        record = await history.call(row(1).id)
        assert record is not None
        assert (record["status"], record["restored_micros"]) == (200, 2)
        await history.close()
        for part in path.parent.iterdir():
            part.unlink()


async def test_a_start_reads_only_what_is_new(path: Path) -> None:
    journals = MemoryJournals()
    journals.add(held(1))
    journals.add(ended(1, HoldState.SETTLED, 3))
    first = await History.open(f"sqlite:{path}")
    assert await first.catch_up(journals) == 2
    await first.close()
    second = await History.open(path)
    assert await second.catch_up(journals) == 0
    journals.add(held(2))
    await second.close()
    third = await History.open(path)
    assert await third.catch_up(journals) == 1
    await third.close()


async def test_live_calls_need_not_be_read_again(path: Path) -> None:
    journals = MemoryJournals()
    first = await History.open(path)
    await first.catch_up(journals)
    journals.add(held(1))
    await first.move_marks()
    await first.move_marks()
    journals.add(ended(1, HoldState.SETTLED, 3))
    first.record(row(1, hold_id=1, state="settled", cost_micros=3))
    await first.move_marks()
    await first.move_marks()
    await first.close()
    second = await History.open(path)
    assert await second.catch_up(journals) == 0
    assert await states(second) == {row(1).id: ("settled", 3)}
    await second.close()


async def test_marks_are_kept_by_themselves(
    history: History, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first look fails, the next ones do not."""
    monkeypatch.setattr(module, "MARK_EVERY_S", 0.0)
    journals = MemoryJournals()
    await history.catch_up(journals)
    journals.stumbles.append(OSError("an archive is gone"))
    journals.add(held(1), ended(1, HoldState.SETTLED, 3))
    reading = await File.reading(path)
    async with asyncio.timeout(10):
        while not await reading.fetch("SELECT * FROM marks"):
            pass
    assert await reading.fetch("SELECT shard, seq FROM marks") == [(0, 1)]
    await reading.close()
    assert "marks stay where they are: an archive is gone" in caplog.text


async def test_a_call_in_flight_at_a_crash_is_found_again(path: Path) -> None:
    journals = MemoryJournals()
    first = await History.open(path)
    await first.catch_up(journals)
    journals.add(held(1))
    await first.close()
    journals.add(ended(1, HoldState.IN_DOUBT))
    second = await History.open(path)
    assert await second.catch_up(journals) == 2
    assert await states(second) == {row(1).id: ("in_doubt", 5_000_000)}
    await second.close()


async def test_holds_that_a_start_found_open_are_in_doubt(history: History) -> None:
    journals = MemoryJournals()
    journals.add(held(1), held(2))
    journals.holds[1].go_on(ended(1, HoldState.IN_DOUBT))
    journals.holds[2].go_on(ended(2, HoldState.STANDING, 1, 2))
    await history.catch_up(journals)
    assert await states(history) == {row(1).id: ("in_doubt", 5_000_000), row(2).id: ("standing", 3)}


async def test_what_happens_during_a_rebuild_comes_after_it(history: History) -> None:
    """A hold in doubt is settled while its row is not there yet."""
    journals = MemoryJournals()
    for n in range(REBUILD_GROUPS + 1):
        journals.add(held(n + 1))
        journals.add(ended(n + 1, HoldState.IN_DOUBT))
    catching_up = asyncio.ensure_future(history.catch_up(journals))
    await asyncio.sleep(0)  # it has begun
    last = REBUILD_GROUPS + 1
    history.follow([Ending(last, HoldState.SETTLED, 1)])
    history.record(row(9_999, hold_id=9_999, state="settled", cost_micros=2))
    assert await catching_up == 2 * last
    found = await states(history)
    assert found[row(last).id] == ("settled", 1)
    assert found[row(1).id] == ("in_doubt", 5_000_000)
    assert found[row(9_999).id] == ("settled", 2)


async def test_a_reader_does_not_miss_what_is_still_being_read(history: History) -> None:
    journals = MemoryJournals()
    journals.add(held(1))
    catching_up = asyncio.ensure_future(history.catch_up(journals))
    await asyncio.sleep(0)  # it has begun
    assert await states(history) == {row(1).id: ("open", 5_000_000)}
    await catching_up


async def test_live_rows_outlast_a_rebuild_of_the_same_calls(history: History) -> None:
    journals = MemoryJournals()
    journals.add(held(1))
    live = row(1, hold_id=1, state="settled", cost_micros=3, held_micros=5_000_000, duration_ms=9)
    history.record(live)
    await history.flush()
    await history.catch_up(journals)
    record = await history.call(live.id)
    assert record is not None
    assert (record["state"], record["cost_micros"], record["duration_ms"]) == ("settled", 3, 9)


async def test_a_mark_past_the_journals_end_is_not_believed(path: Path) -> None:
    journals = MemoryJournals()
    journals.add(held(1))
    journals.add(ended(1, HoldState.SETTLED, 1))
    first = await History.open(path)
    await first.catch_up(journals)
    await first.close()
    shorter = MemoryJournals()
    second = await History.open(path)
    await second.catch_up(shorter)
    assert shorter.reads == [(0, 0)]
    await second.close()


class Failing(MemoryJournals):
    def read_entries(self, shard: int, after_seq: int) -> Iterator[tuple[int, list[Entry]]]:
        yield 1, [held(1)]
        raise OSError("an archive is gone")


async def test_journals_that_cannot_be_read_do_not_stop_the_log(history: History) -> None:
    with pytest.raises(OSError, match="an archive is gone"):
        await history.catch_up(Failing())
    history.record(row(2, hold_id=2, state="standing"))
    history.follow([Ending(2, HoldState.SETTLED, 1)])
    assert await states(history) == {row(2).id: ("settled", 1)}


def fill_with_nonsense(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)
    path.with_name("audit.db-wal").write_bytes(b"x")


async def test_a_damaged_file_is_set_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill_with_nonsense(path)
    history = await History.open(path)
    journals = MemoryJournals()
    journals.add(held(1))
    await history.catch_up(journals)
    assert len(await states(history)) == 1
    await history.close()
    assert path.with_name("audit.db.damaged").read_bytes().startswith(b"no database")
    assert "set aside" in caplog.text


async def test_another_version_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(Trouble, match="another version"):
        await History.open(path)


def begin_without_sums(path: Path, rows: int) -> None:
    """As a file of version 1."""
    with sqlite3.connect(path) as db:
        for statement in creation():
            db.execute(statement)
        for n in range(rows):
            db.execute(*insertion([row(n, cost_micros=1)]))
        db.execute("PRAGMA user_version = 1")
    db.close()


async def test_a_file_without_sums_gets_them_meanwhile(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is asked is right from the first moment on, and calls are written beside it. The first
    part finds a disk that does not take it."""
    monkeypatch.setattr(module, "FILL_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "FILL_RETRY_S", 0.0)
    begin_without_sums(path, FILL_ROWS + 5)
    transact, stumbles = File.transact, [Trouble("no room")]

    async def stumbling(self: File, statements: Sequence[Statement]) -> None:
        if stumbles and statements[0].sql == FILL[0]:
            raise stumbles.pop()
        await transact(self, statements)

    monkeypatch.setattr(File, "transact", stumbling)
    history = await History.open(path)
    reading = await File.reading(path)
    costs = set()
    history.record(row(10**6, cost_micros=10))
    await history.flush()
    async with asyncio.timeout(10):
        while await reading.fetch(UNSUMMED) != [(0,)]:
            (group,) = await history.spend("vendor", 0, AT_US * 2, 9)
            costs.add(group["cost_micros"])
    (group,) = await history.spend("vendor", 0, AT_US * 2, 9)
    assert costs | {group["cost_micros"]} == {FILL_ROWS + 15}
    assert await reading.fetch("SELECT sum(calls) FROM tally_runs") == [(FILL_ROWS + 5,)], (
        "not the newest"
    )
    assert "sums are not filled in yet: no room" in caplog.text
    await reading.close()
    await history.close()


async def test_filling_goes_on_at_the_next_start(path: Path) -> None:
    begin_without_sums(path, 3)
    for _ in range(2):
        history = await History.open(path)
        await history.close()
    async with asyncio.timeout(10):
        history = await History.open(path)
        while (await history.overview(0, AT_US * 2)).calls != 3:
            pass
        await history.close()


async def test_a_failed_open_leaves_no_connection(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_reading(path: Path) -> File:
        raise Trouble("unable to open database file")

    monkeypatch.setattr(File, "reading", no_reading)
    with pytest.raises(Trouble):
        await History.open(path)
    monkeypatch.undo()
    history = await History.open(path)
    await history.close()


async def test_a_real_ledger_tells_it_all_again(tmp_path: Path, path: Path) -> None:
    """Settled, standing, released and in flight, through checkpoints and archives and a crash."""
    ledger = await open_in(tmp_path / "books", shards=2, checkpoint_entries=8)
    accounts = [await ledger.open_account(BudgetTerms(daily_micros=10**9)) for _ in range(2)]
    for n in range(40):
        memo = held(n).memo
        hold = await ledger.hold(accounts[n % 2], 1_000, memo=memo, call_id=row(n).id)
        if n % 4 < 3:
            state = (HoldState.SETTLED, HoldState.STANDING, HoldState.RELEASED)[n % 4]
            standing = 700 if n % 4 == 1 else 0
            ending = Ending(hold.hold_id, state, 100, standing, b'{"status": 200}')
            await ledger.book((ending,), now_us=NOON_US).durable()
    first = await History.open(path)
    await first.catch_up(ledger)
    await first.close()
    await ledger.close()
    again = await open_in(tmp_path / "books", shards=2, checkpoint_entries=8)
    second = await History.open(path)
    await second.catch_up(again)
    expected = (("settled", 100), ("standing", 800), ("released", 0), ("in_doubt", 1_000))
    assert await states(second) == {row(n).id: expected[n % 4] for n in range(40)}
    assert len(await second.in_doubt(100)) == 10
    await second.close()
    await again.close()
