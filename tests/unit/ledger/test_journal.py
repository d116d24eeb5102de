"""The journal on the loop: group commits, and every way in which a disk can fail it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from ledger import codec
from ledger import journal as journal_module
from ledger.batch import Batch
from ledger.entries import Ended, Held, HoldState, Noted
from ledger.errors import JournalFull, JournalUnavailable
from ledger.hold import Hold
from ledger.journal import Journal
from ledger.journalfile import StoreBroken
from ledger.layout import Layout, open_layout
from ledger.store import SqliteStore
from ledger.verdict import Verdict
from tests.ledgers import Deaths, FaultyStore, full, settings_in


class Bench:
    """A journal on a faulty store, and what it did to its surroundings."""

    def __init__(self, layout: Layout, directory: Path) -> None:
        [self.real] = layout.stores
        self.real.mover = None  # rows stay where a test looks for them
        self.store = FaultyStore(self.real)
        self.deaths = Deaths()
        self.undone: list[int] = []
        self.made = 0
        self.journal = Journal(
            self.store,
            settings_in(directory),
            asyncio.get_running_loop(),
            name="journal",
            take_back=self.take_back,
            on_death=self.deaths,
        )

    def take_back(self, holds: Sequence[Hold]) -> None:
        self.undone += [hold.hold_id for hold in holds]

    def hold(self) -> Batch:
        self.made += 1
        held = Held(self.made, 1, None, 1, None, 1, 5, 1, False, "", "", "", b"", None)
        return self.journal.hold(codec.encode(held), Hold(held))

    def note(self, name: str) -> Batch:
        return self.journal.append([codec.encode(Noted("k", name, b"", 1))])

    def end(self, hold_id: int) -> Batch:
        ended = Ended(hold_id, HoldState.RELEASED, 0, 0, 1, "", b"")
        return self.journal.append([codec.encode(ended)])

    async def in_flight(self) -> None:
        """Wait until the thread has a batch in its hands."""
        await asyncio.to_thread(self.store.reached.wait)
        self.store.reached.clear()

    async def round_trip(self) -> None:
        """Wait until the thread has done, and told, what it was asked for so far."""
        told = asyncio.get_running_loop().create_future()
        self.journal._writer.do(lambda _store: None, told.set_result)
        await told

    async def well(self) -> None:
        """Wind ticks until the journal is out of trouble."""
        while self.journal.trouble is not None:
            self.journal.tick(asyncio.get_running_loop().time())
            await self.round_trip()

    def rows(self) -> list[list[str]]:
        """What is on disk: a letter and a name or number for each entry."""
        return [
            [f"{type(e).__name__}:{e[1] if isinstance(e, Noted) else e[0]}" for e in entries]
            for entries in (codec.decode(row.body) for row in self.real.rows(0) if row.entries)
        ]

    def written(self) -> list[str]:
        return [entry for row in self.rows() for entry in row]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    layout = open_layout(settings_in(tmp_path))
    made = Bench(layout, tmp_path)
    made.store.keep_reserve()
    made.store.log.clear()
    yield made
    made.store.gate.set()
    await made.journal.close()
    layout.lock.release()


async def test_what_comes_in_one_turn_of_the_loop_is_one_row(bench: Bench) -> None:
    batches = [bench.hold() for _ in range(5)]
    assert [await batch.done for batch in batches] == [Verdict.DURABLE] * 5
    assert len(bench.rows()) == 1


async def test_what_comes_while_one_batch_is_on_its_way_is_the_next_one(bench: Bench) -> None:
    bench.store.gate.clear()
    first = bench.hold()
    await bench.in_flight()
    rest = [bench.hold(), bench.note("a"), bench.hold()]
    assert bench.journal.queued == 3
    bench.store.gate.set()
    assert await first.done is Verdict.DURABLE
    assert await rest[-1].done is Verdict.DURABLE
    assert bench.rows() == [["Held:1"], ["Held:2", "Noted:a", "Held:3"]]
    assert bench.journal.counters["batch_entries_max"] == 3
    assert bench.journal.entries_since_checkpoint == 4


async def test_what_nobody_waits_for_is_written_soon_all_the_same(bench: Bench) -> None:
    lone = bench.note("a")
    assert await lone.done is Verdict.DURABLE
    first = bench.hold()
    bench.store.gate.clear()
    await bench.in_flight()
    lazy = bench.note("b")
    bench.store.gate.set()
    await first.done
    assert await lazy.done is Verdict.DURABLE
    assert bench.written() == ["Noted:a", "Held:1", "Noted:b"]


async def test_whoever_waits_hurries_what_was_lazy(bench: Bench) -> None:
    await bench.note("a").durable()
    assert bench.written() == ["Noted:a"]


async def test_the_latest_batch_covers_all_before_it(bench: Bench) -> None:
    await bench.journal.latest().durable()  # nothing was booked: nothing to wait for
    bench.store.gate.clear()
    bench.hold()
    await bench.in_flight()
    in_flight = bench.journal.latest()
    bench.note("a")
    assert bench.journal.latest() is not in_flight
    bench.store.gate.set()
    await bench.journal.latest().durable()
    assert in_flight.done.done()


async def test_a_task_that_is_cancelled_cancels_nobody_else_s_batch(bench: Bench) -> None:
    bench.store.gate.clear()
    batch = bench.hold()
    task = asyncio.ensure_future(batch.durable())
    await bench.in_flight()
    task.cancel()
    bench.store.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await batch.done is Verdict.DURABLE


async def test_a_checkpoint_is_a_row_of_its_own_in_its_place(bench: Bench) -> None:
    bench.note("before")
    first = bench.journal.checkpoint(codec.encode_checkpoint(1, 2, {}))
    bench.note("after")
    await first.durable()
    await bench.journal.latest().durable()
    assert [row.entries for row in bench.real.rows(0)] == [1, 0, 1]
    alone = bench.journal.checkpoint(codec.encode_checkpoint(1, 2, {}))
    assert bench.journal.latest() is alone
    await alone.durable()
    assert [row.entries for row in bench.real.rows(0)] == [1, 0, 1, 0]


async def test_no_room_takes_holds_back_and_keeps_the_rest_in_order(bench: Bench) -> None:
    bench.store.faults = [full()]
    bench.note("a")
    hold = bench.hold()
    ticket = bench.end(9)
    bench.end(1)  # of the hold that will be taken back
    assert await hold.done is Verdict.FULL
    assert bench.undone == [1]
    assert bench.journal.trouble == "disk full"
    with pytest.raises(JournalFull):
        bench.journal.must_take()
    await ticket.durable()
    await bench.well()
    assert bench.written() == ["Noted:a", "Ended:9"]
    assert bench.store.log[:4] == ["failed", "free", "append", "keep"]
    bench.journal.must_take()


async def test_what_waits_behind_the_full_batch_is_taken_back_too(bench: Bench) -> None:
    bench.store.gate.clear()
    bench.store.faults = [full()]
    first = bench.hold()
    await bench.in_flight()
    second, note = bench.hold(), bench.note("a")
    bench.journal.checkpoint(codec.encode_checkpoint(1, 2, {}))
    third = bench.hold()
    bench.store.gate.set()
    assert {await batch.done for batch in (first, second, third)} == {Verdict.FULL}
    assert bench.undone == [1, 2, 3]
    assert bench.journal.entries_since_checkpoint >= 1_000_000  # the checkpoint is due again
    await note.durable()
    assert bench.written() == ["Noted:a"]


async def test_a_full_disk_with_holds_only_gives_no_reserve_up(bench: Bench) -> None:
    bench.store.faults = [full()]
    assert await bench.hold().done is Verdict.FULL
    await bench.well()
    assert bench.store.log == ["failed", "keep"]
    assert await bench.hold().done is Verdict.DURABLE


async def test_while_even_the_reserve_is_not_enough_endings_wait_in_order(bench: Bench) -> None:
    bench.store.always = full()
    ticket = bench.note("a")
    with pytest.raises(JournalFull):
        await ticket.durable()
    later = bench.note("b")
    bench.store.always = None
    await bench.well()
    await later.durable()
    assert bench.written() == ["Noted:a", "Noted:b"]


async def test_trouble_lasts_until_the_reserve_is_back(bench: Bench) -> None:
    bench.store.faults = [full()]
    bench.store.reserve_fault = full()
    await bench.note("a").durable()
    for _ in range(5):
        bench.journal.tick(asyncio.get_running_loop().time())
        await bench.round_trip()
        assert bench.journal.trouble == "disk full"
    await bench.note("b").durable()  # endings go on meanwhile
    bench.store.reserve_fault = None
    await bench.well()
    assert bench.written() == ["Noted:a", "Noted:b"]


async def test_what_comes_while_the_reserve_returns_is_written_first(bench: Bench) -> None:
    bench.store.faults = [full()]
    await bench.note("a").durable()
    bench.journal._full = True  # as it is between the write and the reserve's return
    late = bench.note("b")
    bench.journal._reserved(None)
    await late.durable()
    assert bench.written() == ["Noted:a", "Noted:b"]


@pytest.mark.parametrize("after", [False, True])
async def test_any_other_failure_is_the_end(bench: Bench, *, after: bool) -> None:
    bench.store.after = after
    bench.store.faults = [StoreBroken("EIO")]
    bench.store.gate.clear()
    first = bench.hold()
    await bench.in_flight()
    second = bench.hold()
    bench.store.gate.set()
    assert [await first.done, await second.done] == [Verdict.DEAD, Verdict.DEAD]
    assert bench.deaths == ["StoreBroken: EIO"]
    assert bench.journal.trouble == "dead"
    assert bench.undone == []  # nobody knows whether it is on disk: it goes on counting
    with pytest.raises(JournalUnavailable):
        bench.journal.must_take()
    with pytest.raises(JournalUnavailable):
        await bench.note("a").durable()
    bench.journal.tick(0.0)
    assert bench.written() == (["Held:1"] if after else [])


async def test_a_mistake_of_ours_is_the_end_and_leaves_nobody_waiting(bench: Bench) -> None:
    def mistake(_holds: Sequence[Hold]) -> None:
        raise AssertionError("ours")

    bench.journal._take_back = mistake
    bench.store.faults = [full()]
    assert await bench.hold().done is Verdict.DEAD
    assert bench.deaths == ["AssertionError: ours"]


async def test_a_reserve_that_cannot_be_touched_is_the_end_too(bench: Bench) -> None:
    bench.store.faults = [full()]
    bench.store.reserve_fault = OSError(5, "EIO")
    with pytest.raises(JournalUnavailable):
        await bench.note("a").durable()
    assert bench.deaths == ["OSError: [Errno 5] EIO"]


async def test_a_reserve_that_cannot_be_made_again_is_the_end_too(bench: Bench) -> None:
    bench.journal._reserved(StoreBroken("EIO"))
    bench.journal._reserved(StoreBroken("again"))
    assert bench.deaths == ["StoreBroken: EIO"]


async def test_holds_beyond_what_a_disk_keeps_up_with_are_refused_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "WAITING_MAX", 3)
    bench.store.gate.clear()
    first = bench.hold()
    await bench.in_flight()
    for _ in range(3):
        bench.journal.must_take()
        last = bench.hold()
    with pytest.raises(JournalUnavailable, match="does not keep up"):
        bench.journal.must_take()
    revoked = bench.note("revoke")
    assert (bench.journal.queued, bench.journal.trouble) == (4, None)
    bench.store.gate.set()
    for batch in (first, last, revoked):
        await batch.durable()
    bench.journal.must_take()
    assert (len(bench.written()), bench.journal.counters["behind"]) == (5, 1)


async def test_a_slow_disk_refuses_holds_until_it_is_back(bench: Bench) -> None:
    bench.store.gate.clear()
    batch = bench.hold()
    await bench.in_flight()
    now_s = asyncio.get_running_loop().time()
    for passed_s in (0.5, 1.0, 1.5):
        bench.journal.tick(now_s + passed_s)
        assert bench.journal.trouble is None
    bench.journal.tick(now_s + 2.6)
    assert bench.journal.trouble == "stalled"
    with pytest.raises(JournalUnavailable):
        bench.journal.must_take()
    bench.store.gate.set()
    assert await batch.done is Verdict.DURABLE
    assert bench.journal.trouble is None
    assert bench.deaths == []


async def test_a_disk_that_stays_away_is_the_end(bench: Bench) -> None:
    bench.store.gate.clear()
    batch = bench.hold()
    await bench.in_flight()
    now_s = asyncio.get_running_loop().time()
    for passed_s in range(1, 12):
        bench.journal.tick(now_s + passed_s)
    assert await batch.done is Verdict.DEAD
    assert bench.deaths == ["a commit takes longer than 10.0 s"]
    bench.store.gate.set()


async def test_a_loop_that_was_held_up_does_not_blame_the_disk(bench: Bench) -> None:
    bench.store.gate.clear()
    batch = bench.hold()
    await bench.in_flight()
    bench.journal.tick(asyncio.get_running_loop().time() + 3_600)
    assert bench.journal.trouble is None
    bench.store.gate.set()
    assert await batch.done is Verdict.DURABLE


async def test_a_thread_that_ended_is_noticed(bench: Bench) -> None:
    bench.journal._writer.close(lambda _: None)
    await asyncio.to_thread(bench.journal._writer._thread.join)
    bench.journal.tick(asyncio.get_running_loop().time())
    assert bench.deaths == ["its thread has ended"]


async def test_an_ending_of_a_hold_that_was_taken_back_is_not_waited_for(bench: Bench) -> None:
    bench.store.faults = [full()]
    bench.hold()
    with pytest.raises(JournalFull):
        await bench.end(1).durable()
    assert bench.written() == []


async def test_closing_tries_once_more_with_the_reserve(bench: Bench) -> None:
    bench.store.faults = [full()]
    bench.note("a")
    await bench.journal.close()
    assert bench.store.log[:3] == ["failed", "free", "append"]


async def test_closing_gives_up_on_a_disk_that_stays_full(bench: Bench) -> None:
    bench.store.faults = [full()] * 3
    with pytest.raises(JournalFull):
        await bench.note("a").durable()
    await bench.journal.close()
    assert bench.store.log[:5] == ["failed", "free", "failed", "failed", "append"]


async def test_closing_flushes_what_was_lazy(tmp_path: Path) -> None:
    layout = open_layout(settings_in(tmp_path))
    bench = Bench(layout, tmp_path)
    bench.note("a")
    await bench.journal.close()
    with pytest.raises(JournalUnavailable):
        await bench.note("b").durable()
    layout.lock.release()
    again = open_layout(settings_in(tmp_path))
    [store] = again.stores
    assert isinstance(store, SqliteStore)
    assert len(list(store.rows(0))) == 1
    again.close()
