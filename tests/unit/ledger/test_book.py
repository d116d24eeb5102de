"""The ledger's door, from outside: what a gateway sees of it, through crashes and full disks."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.clock import HandClock
from ledger import (
    SHARD_SHIFT,
    BudgetTerms,
    CapExceeded,
    Ending,
    Held,
    HoldState,
    ImpossibleEntry,
    JournalFull,
    JournalUnavailable,
    Ledger,
    LedgerRefused,
    Limit,
    Note,
    RetryKey,
    Shed,
    verify,
)
from ledger import journal as journal_module
from ledger.journalfile import StoreBroken, StoreFull
from ledger.snapshot import dump
from ledger.store import SqliteStore
from tests.ledgers import (
    DAY_US,
    NOON_US,
    Deaths,
    Faults,
    crash_image,
    full,
    funded,
    open_in,
    settings_in,
    tamper,
)

S = HoldState
KEY = RetryKey(b"k" * 16, b"d" * 16)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON_US)


@pytest.fixture
async def ledger(tmp_path: Path, clock: HandClock) -> AsyncIterator[Ledger]:
    made = await open_in(tmp_path / "var", clock=clock, shards=2)
    yield made
    await made.close()


async def settled(ledger: Ledger, account_id: int, micros: int, **others: Any) -> int:
    """Hold and settle; the hold's id."""
    hold = await ledger.hold(account_id, micros, **others)
    await ledger.book([Ending(hold.hold_id, S.SETTLED, micros)], now_us=NOON_US).durable()
    return hold.hold_id


def books(ledger: Ledger) -> list[dict[str, Any]]:
    return [dump(shard.state) for shard in ledger._by_number.values()]


# -- holds ---------------------------------------------------------------------------------------


async def test_a_hold_counts_until_it_is_settled(ledger: Ledger) -> None:
    account = await funded(ledger, 1_000)
    hold = await ledger.hold(account, 600, call_id="call_1", tag="pi_1", remark="r")
    assert (hold.state, hold.memo_ref, hold.day) == (S.OPEN, "call_1", 20_000)
    assert ledger.find(hold.hold_id) is hold
    assert ledger.tagged("pi_1") == (hold,)
    with pytest.raises(CapExceeded) as refused:
        await ledger.hold(account, 401)
    assert (refused.value.limit, refused.value.account_id) == (Limit.DAILY, account)
    assert refused.value.standing.remaining_micros == 400
    ledger.book([Ending(hold.hold_id, S.SETTLED, 500)], now_us=NOON_US)
    standing = ledger.standing(account, NOON_US)
    assert (standing.spent_micros, standing.held_micros) == (500, 0)
    assert ledger.find(hold.hold_id) is None


async def test_racing_holds_never_pass_the_cap(ledger: Ledger) -> None:
    account = await funded(ledger, 500)
    holds = (ledger.hold(account, 10) for _ in range(256))
    answers = await asyncio.gather(*holds, return_exceptions=True)
    assert sum(isinstance(answer, CapExceeded) for answer in answers) == 206
    assert ledger.standing(account, NOON_US).remaining_micros == 0
    assert ledger.today(account, NOON_US)[1] == 0


async def test_an_issuer_s_cap_refuses_its_keys_and_neither_leg_stays(ledger: Ledger) -> None:
    issuer = await funded(ledger, 100, zone="Asia/Tokyo")
    key = await ledger.open_account(BudgetTerms(daily_micros=1_000), parent=issuer)
    assert key >> SHARD_SHIFT == issuer >> SHARD_SHIFT
    hold = await ledger.hold(key, 60)
    assert (hold.parent_id, hold.parent_day) == (issuer, 20_000)
    with pytest.raises(CapExceeded) as refused:
        await ledger.hold(key, 60)
    assert refused.value.account_id == issuer
    assert ledger.standing(key, NOON_US).held_micros == 60
    own = await ledger.hold(key, 60, with_parent=False)
    assert own.parent_id is None
    ledger.book([Shed(hold.hold_id)], now_us=NOON_US)
    assert ledger.standing(key, NOON_US).held_micros == 60
    assert ledger.standing(issuer, NOON_US).held_micros == 60


async def test_issuer_and_key_each_have_their_own_day(tmp_path: Path) -> None:
    clock = HandClock(
        20_000 * DAY_US + 16 * DAY_US // 24
    )  # 16:00 in UTC, 1:00 of the next in Tokyo
    ledger = await open_in(tmp_path, clock=clock)
    issuer = await funded(ledger, 100, zone="Asia/Tokyo")
    key = await ledger.open_account(BudgetTerms(), parent=issuer)
    hold = await ledger.hold(key, 1)
    assert (hold.day, hold.parent_day) == (20_000, 20_001)
    await ledger.close()


async def test_shadow_passes_its_own_caps_and_is_told_of_them(ledger: Ledger) -> None:
    issuer = await funded(ledger, 100)
    shadow = await ledger.open_account(BudgetTerms(daily_micros=10, enforce=False), parent=issuer)
    assert ledger.check(shadow, 10) is None
    found = ledger.check(shadow, 50)
    assert found is not None
    assert found.account_id == shadow
    await ledger.hold(shadow, 50)
    with pytest.raises(CapExceeded) as refused:
        await ledger.hold(shadow, 60)
    assert refused.value.account_id == issuer


async def test_a_group_is_booked_as_a_whole_or_not_at_all(ledger: Ledger) -> None:
    account = await funded(ledger)
    one, other = await ledger.hold(account, 10), await ledger.hold(account, 20)
    with pytest.raises(ImpossibleEntry):
        ledger.book(
            [Ending(one.hold_id, S.SETTLED, 5), Ending(other.hold_id, S.OPEN)], now_us=NOON_US
        )
    assert (one.state, other.state) == (S.OPEN, S.OPEN)
    ledger.book(
        [Ending(one.hold_id, S.STANDING, 0, 30), Ending(other.hold_id, S.RELEASED)],
        now_us=NOON_US,
    )
    assert (one.state, other.state) == (S.STANDING, S.RELEASED)
    await ledger.book([], now_us=NOON_US).durable()


async def test_a_caller_that_is_cancelled_while_it_waits_holds_nothing(tmp_path: Path) -> None:
    faults = Faults()
    ledger = await open_in(tmp_path, through=faults)
    account = await funded(ledger)
    faults.only.gate.clear()
    faults.only.reached.clear()
    task = asyncio.ensure_future(ledger.hold(account, 600))
    await asyncio.to_thread(faults.only.reached.wait)
    task.cancel()
    faults.only.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ledger.standing(account, NOON_US).held_micros == 0
    await ledger.close()
    assert verify(settings_in(tmp_path)).ok


async def test_a_caller_that_is_cancelled_where_the_disk_is_full_is_not_released_twice(
    tmp_path: Path,
) -> None:
    faults = Faults()
    ledger = await open_in(tmp_path, through=faults)
    account = await funded(ledger)
    faults.only.faults = [full()]
    faults.only.gate.clear()
    faults.only.reached.clear()
    task = asyncio.ensure_future(ledger.hold(account, 600))
    await asyncio.to_thread(faults.only.reached.wait)
    task.cancel()
    faults.only.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ledger.standing(account, NOON_US).held_micros == 0
    await ledger.close()


@pytest.mark.parametrize(("amount", "units"), [(-1, 1), (1, -1)])
async def test_a_negative_hold_is_impossible(ledger: Ledger, amount: int, units: int) -> None:
    account = await funded(ledger)
    with pytest.raises(ImpossibleEntry):
        await ledger.hold(account, amount, units=units)


async def test_unknown_ids_are_impossible(ledger: Ledger) -> None:
    with pytest.raises(ImpossibleEntry, match="no account"):
        await ledger.hold(77, 1)
    with pytest.raises(ImpossibleEntry, match="no shard"):
        await ledger.hold(9 << SHARD_SHIFT, 1)
    assert ledger.find(77) is None
    assert ledger.find(9 << SHARD_SHIFT) is None


async def test_what_cannot_be_journaled_is_not_applied(ledger: Ledger) -> None:
    account = await funded(ledger)
    with pytest.raises(ValueError, match="cannot be journaled"):
        await ledger.hold(account, 5, tag="\ud800")
    assert ledger.standing(account, NOON_US).held_micros == 0


# -- accounts, top-ups, refunds, retries ---------------------------------------------------------


async def test_accounts_spread_over_the_shards(ledger: Ledger) -> None:
    accounts = [await funded(ledger) for _ in range(4)]
    assert sorted(account >> SHARD_SHIFT for account in accounts) == [0, 0, 1, 1]
    assert ledger.shards() == (0, 1)


async def test_a_cap_is_amended_and_topped_up(ledger: Ledger, clock: HandClock) -> None:
    account = await funded(ledger, 100)
    await ledger.amend_account(account, BudgetTerms(daily_micros=200))
    await ledger.top_up(account, 50, day=20_000, until_us=clock.now_us() + 1_000_000)
    await ledger.hold(account, 250)
    clock.advance(1)
    assert ledger.standing(account, clock.now_us()).over_cap_micros == 50
    with pytest.raises(ImpossibleEntry, match="zone"):
        await ledger.amend_account(account, BudgetTerms(zone="Asia/Tokyo"))


async def test_a_leg_that_leaves_takes_its_refunds_along(tmp_path: Path) -> None:
    """One that fails when its hold is long forgotten would be taken back a second time."""
    clock = HandClock(NOON_US)
    ledger = await open_in(tmp_path / "shed", clock=clock)
    issuer = await funded(ledger, 1_000)
    mine = await ledger.open_account(BudgetTerms(daily_micros=1_000), parent=issuer)
    hold = await ledger.hold(mine, 100, restorable=True)
    ledger.book([Ending(hold.hold_id, HoldState.SETTLED, 100)], now_us=NOON_US)
    ledger.restore(hold.hold_id, 30, "re_1")
    ledger.restore(hold.hold_id, 20, "re_2")
    ledger.restore(hold.hold_id, -20, "re_2")
    ledger.book([Shed(hold.hold_id)], now_us=NOON_US)
    assert not list(ledger.restored())
    assert standing_of(ledger, mine) == (0, 0)
    clock.advance(2 * 86_400)
    [shard] = ledger._by_number.values()
    shard.checkpoint()
    assert ledger.find(hold.hold_id) is None
    await ledger.restore(hold.hold_id, -30, "re_1").durable()
    assert standing_of(ledger, mine) == (0, 0)
    assert standing_of(ledger, issuer) == (100, 0)
    await ledger.close()
    assert verify(settings_in(tmp_path / "shed")).first_error is None


def standing_of(ledger: Ledger, account_id: int) -> tuple[int, int]:
    """What was spent in all, and what was given back of it."""
    [shard] = ledger._by_number.values()
    total = shard.state.account(account_id).total
    return total.spent(), total.restored


async def test_a_refund_restores_once_per_id(ledger: Ledger) -> None:
    account = await funded(ledger, 100)
    hold_id = await settled(ledger, account, 100, restorable=True)
    await ledger.restore(hold_id, 30, "re_1").durable()
    await ledger.restore(hold_id, 30, "re_1").durable()
    assert ledger.standing(account, NOON_US).remaining_micros == 30
    assert [(gave.refund_id, gave.amount_micros) for gave in ledger.restored()] == [("re_1", 30)]
    ledger.restore(hold_id, -30, "re_1")
    assert not list(ledger.restored())
    assert ledger.standing(account, NOON_US).remaining_micros == 0


async def test_a_note_is_found_by_its_name_in_any_shard(ledger: Ledger) -> None:
    accounts = [await funded(ledger) for _ in range(2)]
    for n, account in enumerate(accounts):
        await ledger.note([Note("kind", f"n{n}", b"%d" % n)], account_id=account)
    assert [ledger.noted("kind", name) for name in ("n0", "n1", "n2")] == [b"0", b"1", None]


async def test_a_call_that_was_fewer_units_gives_the_rest_back(ledger: Ledger) -> None:
    account = await ledger.open_account(BudgetTerms(daily_micros=100, daily_units=5))
    hold = await ledger.hold(account, 50, units=5)
    with pytest.raises(CapExceeded):
        await ledger.hold(account, 10, units=1)
    ledger.book([Ending(hold.hold_id, S.SETTLED, 20, units=2)], now_us=NOON_US)
    assert ledger.standing(account, NOON_US).units == 2
    await ledger.hold(account, 10, units=3)


async def test_a_retry_finds_its_hold_for_as_long_as_it_is_remembered(
    ledger: Ledger, clock: HandClock
) -> None:
    account = await funded(ledger)
    hold = await ledger.hold(account, 5, retry=KEY)
    found = ledger.retried(KEY.key)
    assert found is not None
    assert (found.hold, found.digest) == (hold, KEY.digest)
    ledger.book([Ending(hold.hold_id, S.SETTLED, 5)], now_us=NOON_US)
    found = ledger.retried(KEY.key)
    assert found is not None
    assert (found.hold, found.hold_id, found.account_id) == (None, hold.hold_id, account)
    clock.advance(20 * 3_600)
    assert ledger.retried(KEY.key) is None


async def test_open_holds_are_listed_by_state(ledger: Ledger) -> None:
    account = await funded(ledger)
    holds = [await ledger.hold(account, 5, restorable=True) for _ in range(3)]
    ledger.book([Ending(holds[0].hold_id, S.IN_DOUBT)], now_us=NOON_US)
    ledger.book([Ending(holds[1].hold_id, S.SETTLED, 5)], now_us=NOON_US)
    assert list(ledger.open_holds(S.IN_DOUBT)) == [holds[0]]
    assert list(ledger.open_holds()) == [holds[0], holds[2]]


async def test_one_object_s_holds_come_oldest_first_over_all_shards(
    ledger: Ledger, clock: HandClock
) -> None:
    accounts = [await funded(ledger), await funded(ledger)]
    holds = []
    for account in reversed(accounts):
        holds.append(await ledger.hold(account, 1, tag="pi_1"))
        clock.advance(1)
    assert ledger.tagged("pi_1") == tuple(holds)


async def test_notes_are_durable_records_of_the_caller_s(ledger: Ledger) -> None:
    account = await ledger.open_account(BudgetTerms(), notes=[Note("key", "a", b"1")])
    await ledger.note([Note("key", "b", b"2"), Note("run", "c", b"3")], account_id=account)
    await ledger.note([Note("bar", "d", b"4")])
    await ledger.note([Note("key", "a", None)], account_id=account)
    assert list(ledger.notes("key")) == [Note("key", "b", b"2")]
    assert list(ledger.notes("bar")) == [Note("bar", "d", b"4")]


# -- starts --------------------------------------------------------------------------------------


async def test_a_clean_close_and_a_start_change_nothing(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path, shards=2)
    account = await funded(ledger)
    hold = await ledger.hold(account, 600, retry=KEY, tag="pi_1")
    ledger.book([Ending(hold.hold_id, S.STANDING, 0, 600)], now_us=NOON_US)
    before = books(ledger)
    await ledger.close()
    again = await open_in(tmp_path, shards=2)
    assert books(again) == before
    assert again.tagged("pi_1")[0].state is S.STANDING
    await again.close()
    assert verify(settings_in(tmp_path, 2)).ok


async def test_after_a_crash_what_was_in_flight_is_in_doubt_and_counts(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "live")
    account = await funded(ledger)
    await ledger.hold(account, 600)
    image = crash_image(tmp_path / "live", tmp_path / "image", ledger)
    await ledger.close()
    again = await open_in(image)
    [hold] = again.open_holds()
    assert hold.state is S.IN_DOUBT
    assert again.standing(account, NOON_US).in_doubt_micros == 600
    image_again = crash_image(image, tmp_path / "again", again)  # the doubt itself is durable
    await again.close()
    third = await open_in(image_again)
    assert [hold.state for hold in third.open_holds()] == [S.IN_DOUBT]
    await third.close()
    assert verify(settings_in(image_again)).ok


async def test_the_clock_begins_where_the_books_left_off(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path, clock=HandClock(NOON_US))
    await funded(ledger)
    assert ledger.last_journaled_us() == NOON_US
    await ledger.close()
    clock = HandClock(NOON_US - DAY_US)
    again = await open_in(tmp_path, clock=clock)
    assert clock.now_us() == NOON_US
    await again.close()


async def test_a_start_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    gc.disable()
    try:
        await (await open_in(tmp_path)).close()
        assert not gc.isenabled()
    finally:
        gc.enable()
    await (await open_in(tmp_path)).close()
    assert gc.isenabled()


async def test_an_altered_row_refuses_the_start(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path)
    await funded(ledger)
    await ledger.close()
    path = tmp_path / "ledger-0.db"
    tamper(path, "UPDATE journal SET body = CAST('[1]' AS BLOB) WHERE seq = 2")
    with pytest.raises(LedgerRefused, match="row 2 was altered") as refused:
        await open_in(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("failure", [StoreFull("no room"), StoreBroken("EIO")])
async def test_a_start_that_cannot_write_its_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(_store: SqliteStore) -> None:
        raise failure

    monkeypatch.setattr(SqliteStore, "be_current", fail)
    with pytest.raises(LedgerRefused, match=r"ledger-0\.db cannot be written: "):
        await open_in(tmp_path)


@pytest.mark.parametrize("failure", [StoreFull("no room"), StoreBroken("EIO")])
async def test_a_start_without_room_for_the_reserve_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(_store: SqliteStore) -> None:
        raise failure

    monkeypatch.setattr(SqliteStore, "keep_reserve", fail)
    with pytest.raises(LedgerRefused, match="no room can be reserved"):
        await open_in(tmp_path)


async def test_a_start_that_cannot_book_its_doubts_is_refused(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "live")
    await ledger.hold(await funded(ledger), 600)
    image = crash_image(tmp_path / "live", tmp_path / "image", ledger)
    await ledger.close()
    deaths = Deaths()

    def broken(store: Any) -> Any:
        faulty = Faults()(store)
        faulty.always = StoreBroken("EIO")
        return faulty

    with pytest.raises(LedgerRefused, match="cannot be written"):
        await open_in(image, on_death=deaths, through=broken)
    assert deaths == ["ledger shard 0 (ledger-0.db): StoreBroken: EIO"]


# -- trouble -------------------------------------------------------------------------------------


async def test_a_full_disk_refuses_holds_and_keeps_endings(tmp_path: Path) -> None:
    faults = Faults()
    ledger = await open_in(tmp_path, through=faults)
    account = await funded(ledger)
    hold = await ledger.hold(account, 100)
    faults.only.always = full()
    ledger.book([Ending(hold.hold_id, S.SETTLED, 90)], now_us=NOON_US)
    with pytest.raises(JournalFull):
        await ledger.hold(account, 5)
    assert ledger.trouble == "disk full"
    for refused in (
        ledger.hold(account, 5),
        ledger.open_account(BudgetTerms()),
        ledger.amend_account(account, BudgetTerms()),
        ledger.top_up(account, 5, day=20_000, until_us=None),
        ledger.note([Note("bar", "all", b"")]),  # applied and queued all the same
    ):
        with pytest.raises(JournalFull):
            await refused
    assert list(ledger.notes("bar")) == [Note("bar", "all", b"")]
    assert ledger.standing(account, NOON_US).spent_micros == 90
    faults.only.always = None
    while ledger.trouble is not None:
        ledger._tick()
        await asyncio.sleep(0.001)
    await ledger.hold(account, 5)
    await ledger.close()
    again = await open_in(tmp_path)
    standing = again.standing(account, NOON_US)
    assert (standing.settled_micros, standing.in_doubt_micros) == (90, 5)
    assert list(again.notes("bar")) == [Note("bar", "all", b"")]
    await again.close()


async def test_a_close_with_a_full_disk_does_not_hang(tmp_path: Path) -> None:
    faults = Faults()
    ledger = await open_in(tmp_path, through=faults)
    account = await funded(ledger)
    faults.only.always = full()
    with pytest.raises(JournalFull):
        await ledger.hold(account, 5)
    ticket = ledger.book([], now_us=NOON_US)  # nothing to wait for
    await ticket.durable()
    with pytest.raises(JournalFull):
        await ledger.note([Note("bar", "all", b"")])
    await ledger.close()
    assert verify(settings_in(tmp_path)).ok


async def test_a_dead_journal_is_told_once_and_refuses_everything(tmp_path: Path) -> None:
    faults, deaths = Faults(), Deaths()
    ledger = await open_in(tmp_path, shards=2, through=faults, on_death=deaths)
    accounts = [await funded(ledger), await funded(ledger)]
    holds = [await ledger.hold(account, 5) for account in accounts]
    for store in faults.stores:
        store.always = StoreBroken("EIO")
    for account in accounts:
        with pytest.raises(JournalUnavailable):
            await ledger.hold(account, 5)
    assert deaths == ["ledger shard 0 (ledger-0.db): StoreBroken: EIO"]
    assert ledger.trouble == "dead"
    ticket = ledger.book([Ending(holds[0].hold_id, S.SETTLED, 5)], now_us=NOON_US)
    with pytest.raises(JournalUnavailable):
        await ticket.durable()
    await ledger.close()


# -- checkpoints, reading back -------------------------------------------------------------------


async def test_a_checkpoint_comes_after_so_many_entries_and_rows_move_away(
    tmp_path: Path,
) -> None:
    ledger = await open_in(tmp_path, checkpoint_entries=10)
    account = await funded(ledger, 10_000)
    for _ in range(12):
        await settled(ledger, account, 5)
    before = books(ledger)
    ledger._tick()
    for _ in range(3):
        await settled(ledger, account, 5)
    [shard] = ledger.shards()
    entries = [entry for _, row in ledger.read_entries(shard) for entry in row]
    assert len([entry for entry in entries if isinstance(entry, Held)]) == 15
    last_seq = max(seq for seq, _ in ledger.read_entries(shard))
    assert ledger.last_seq(shard) == last_seq
    assert list(ledger.read_entries(shard, last_seq)) == []
    assert [seq for seq, _ in ledger.read_entries(shard, last_seq - 1)] == [last_seq]
    await ledger.close()
    assert books(ledger) != before
    report = verify(settings_in(tmp_path))
    assert report.ok
    assert report.shards[0].checkpoints == 2
    assert report.shards[0].entries == 31


async def test_a_quiet_ledger_writes_its_books_once_a_day(ledger: Ledger, clock: HandClock) -> None:
    account = await funded(ledger)
    await settled(ledger, account, 5, restorable=True)
    shard = ledger._shard(account)
    ledger._tick()
    assert len(shard.state.holds) == 1
    clock.advance(86_401)
    ledger._tick()
    assert shard.state.holds == {}
    await shard.journal.latest().durable()
    seq = ledger.last_seq(shard.number)
    clock.advance(86_401)
    ledger._tick()  # nothing happened since: nothing to write
    await shard.journal.latest().durable()
    assert ledger.last_seq(shard.number) == seq


async def test_a_note_takes_the_room_that_it_needs(ledger: Ledger) -> None:
    """A text of orjson's keeps 4 KB for itself: a key's record is a tenth of that, and stays."""
    account = await funded(ledger)
    gc.collect()
    tracemalloc.start()
    for number in range(200):
        text = orjson.dumps({"record": number})
        await ledger.note([Note("record", str(number), text)], account_id=account)
    del text
    gc.collect()
    grown_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(list(ledger.notes("record"))) == 200
    assert grown_bytes < 200 * 2_048


async def test_where_the_journals_end_is_told(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "live", shards=2)
    await funded(ledger)
    told = await ledger.heads()
    crash_image(tmp_path / "live", tmp_path / "copy")
    await ledger.close()
    report = verify(settings_in(tmp_path / "copy", shards=2))
    found = [(shard.shard, shard.head_seq, shard.head_mac) for shard in report.shards]
    assert [(number, seq, mac.hex()) for number, seq, mac in told] == found
    assert any(seq > 0 for _, seq, _ in told)


async def test_no_checkpoint_is_written_in_trouble(tmp_path: Path) -> None:
    faults = Faults()
    ledger = await open_in(tmp_path, through=faults, checkpoint_entries=1)
    account = await funded(ledger)
    faults.only.always = full()
    with pytest.raises(JournalFull):
        await ledger.hold(account, 5)
    [shard] = ledger._by_number.values()
    shard.checkpoint()
    assert shard.journal.queued == 0
    await ledger.close()


async def test_metrics_are_sums_and_maxima_over_the_shards(ledger: Ledger) -> None:
    for account in (await funded(ledger), await funded(ledger)):
        await ledger.hold(account, 5)
    metrics = ledger.metrics()
    assert (metrics["accounts"], metrics["holds"], metrics["entries"]) == (2, 2, 4)
    assert metrics["batch_entries_max"] == 1
    assert metrics["queued"] == 0


async def test_a_disk_that_does_not_keep_up_holds_back_a_bounded_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come while it stands still: the others hear no at once, and nothing of theirs is
    held, kept or written."""
    monkeypatch.setattr(journal_module, "WAITING_MAX", 32)
    faults = Faults()
    ledger = await open_in(tmp_path, through=faults)
    account = await funded(ledger, 10_000)
    faults.only.gate.clear()
    faults.only.reached.clear()
    waiting = [asyncio.ensure_future(ledger.hold(account, 1))]
    await asyncio.to_thread(faults.only.reached.wait)
    waiting += [asyncio.ensure_future(ledger.hold(account, 1)) for _ in range(32)]
    await asyncio.sleep(0)
    refused = 0
    tracemalloc.start()
    for _ in range(5_000):
        with pytest.raises(JournalUnavailable, match="does not keep up"):
            await ledger.hold(account, 1)
        refused += 1
    grown_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown_bytes < 250_000, "50 bytes each"
    assert (ledger.metrics()["queued"], ledger.metrics()["behind"]) == (32, refused)
    assert ledger.standing(account, NOON_US).held_micros == 33
    faults.only.gate.set()
    assert len(await asyncio.gather(*waiting)) == 33
    assert (await ledger.hold(account, 1)).state is S.OPEN
    assert ledger.standing(account, NOON_US).held_micros == 34
    await ledger.close()
