"""Books that are written in parts between other work, by a whole ledger on a disk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest

from gateway.clock import HandClock
from ledger import (
    Ending,
    HoldState,
    JournalFull,
    Ledger,
    LedgerRefused,
    Note,
    Order,
    RetryKey,
    checkpoints,
    shelf,
    sweep,
    verify,
    verify_copy,
    writer,
)
from ledger.archive import archives_of
from ledger.copier import Copier
from ledger.journalfile import StoreFull
from ledger.shard import Shard
from ledger.shelf import Shelf, drawer_of
from ledger.snapshot import dump
from tests.ledgers import (
    NOON_US,
    Faults,
    crash_image,
    full,
    funded,
    open_in,
    settings_in,
    tamper,
)

ACCOUNTS = 80


@pytest.fixture(autouse=True)
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the books are."""
    monkeypatch.setattr(checkpoints, "WHOLE_MAX", 0)
    monkeypatch.setattr(checkpoints, "_REST_S", 0)
    monkeypatch.setattr(sweep, "BYTES_MAX", 1)
    monkeypatch.setattr(writer, "LOOK_S", 0.001)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
async def ledger(tmp_path: Path, faults: Faults) -> AsyncIterator[Ledger]:
    made = await open_in(tmp_path / "var", through=faults)
    for _ in range(ACCOUNTS):
        await funded(made)
    yield made
    if not made._ticking.cancelled():
        await made.close()


def shard_of(ledger: Ledger) -> Shard:
    [shard] = ledger._by_number.values()
    return shard


def under_way(ledger: Ledger) -> bool:
    return shard_of(ledger)._checkpoints._sweep is not None


async def work(ledger: Ledger) -> None:
    """A call and a half."""
    for account in (min(shard_of(ledger).state.accounts), max(shard_of(ledger).state.accounts)):
        hold = await ledger.hold(account, 5)
        if account % 2:
            ending = Ending(hold.hold_id, HoldState.SETTLED, 4)
            await ledger.book([ending], now_us=NOON_US).durable()


async def whole(ledger: Ledger) -> None:
    while under_way(ledger):
        await work(ledger)
    await shard_of(ledger).journal.latest().durable()


def told(ledger: Ledger) -> dict[str, object]:
    books: dict[str, object] = orjson.loads(orjson.dumps(dump(shard_of(ledger).state)))
    return books


async def reopened(directory: Path) -> dict[str, object]:
    """What a start finds; it books what was open as in doubt, and so does who compares."""
    again = await open_in(directory)
    books = told(again)
    await again.close()
    return books


async def test_calls_go_on_while_the_books_are_written(ledger: Ledger, tmp_path: Path) -> None:
    await work(ledger)
    shard_of(ledger).checkpoint()
    shard_of(ledger).checkpoint()  # one at a time
    images: list[tuple[Path, object]] = []
    while under_way(ledger):
        await work(ledger)
        if len(images) < 3:
            image = crash_image(tmp_path / "var", tmp_path / f"cut{len(images)}", ledger)
            images.append((image, told(ledger)["accounts"]))
    await whole(ledger)
    await work(ledger)
    images.append(
        (crash_image(tmp_path / "var", tmp_path / "cut", ledger), told(ledger)["accounts"])
    )
    for image, accounts in images:
        assert spent(await reopened(image)) == spent({"accounts": accounts})
        report = verify(settings_in(image))
        assert report.ok, report.first_error
    assert report.shards[0].checkpoints >= 1


def spent(books: dict[str, object]) -> list[tuple[int, int]]:
    """Per account, all that counts: open holds are in doubt after a start, and count the same."""
    accounts = books["accounts"]
    assert isinstance(accounts, list)
    return [(row[0], sum(row[3][:5])) for row in accounts]


async def test_a_start_goes_on_from_it_and_older_rows_move_away(
    ledger: Ledger, tmp_path: Path
) -> None:
    shard = shard_of(ledger)
    shard.checkpoint()
    await whole(ledger)
    await until(lambda: archives_of(shard.path))
    await work(ledger)
    assert sum(1 for _, row in ledger.read_entries(shard.number) for _ in row) > ACCOUNTS
    await ledger.close()
    first = shard_of(again := await open_in(tmp_path / "var"))._store.last_checkpoint()
    assert first is not None
    assert first > ACCOUNTS
    await again.close()
    report = verify(settings_in(tmp_path / "var"))
    assert report.ok, report.first_error


@pytest.mark.parametrize("appends", [0, 1, 2])
async def test_no_room_gives_it_up_and_it_is_written_later(
    ledger: Ledger, faults: Faults, tmp_path: Path, appends: int
) -> None:
    shard = shard_of(ledger)
    faults.only.faults = [*[None] * appends, full()]
    shard.checkpoint()
    while under_way(ledger):  # noqa: ASYNC110 - nothing but the parts is to be appended
        await asyncio.sleep(0)
    await until_well(ledger)
    assert shard.journal.entries_since_checkpoint >= 1_000_000
    await work(ledger)
    shard_of(ledger).tick(ledger._loop.time())
    await whole(ledger)
    assert shard.journal.entries_since_checkpoint < 1_000
    await ledger.close()
    report = verify(settings_in(tmp_path / "var"))
    assert report.ok, report.first_error
    assert report.shards[0].checkpoints >= 1


@pytest.mark.parametrize("in_one_row", [True, False], ids=["in one row", "in parts"])
@pytest.mark.parametrize("held", [True, False], ids=["a hold before it", "nothing before it"])
async def test_what_was_forgotten_stays_so_where_its_beginning_found_no_room(
    tmp_path: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch, in_one_row: bool, held: bool
) -> None:
    """A day is over, so holds are let go of, but for their RetryKeys: a replay has to do so in the
    same place, or the next checkpoint says what no replay gives."""
    clock = HandClock(NOON_US)
    ledger = await open_in(tmp_path / "var", through=faults, clock=clock, retry_memory_h=48)
    account = await funded(ledger)
    for key in two_of_one_drawer():
        over = await ledger.hold(account, 9, retry=RetryKey(key, b"d" * 32), restorable=True)
        ending = Ending(over.hold_id, HoldState.SETTLED, 7)
        await ledger.book([ending], now_us=NOON_US).durable()
    clock.advance(86_400)
    waiting = asyncio.ensure_future(ledger.hold(account, 9)) if held else None
    await asyncio.sleep(0)
    faults.only.faults = [full(), full()]
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "WHOLE_MAX", 256 if in_one_row else 0)
        shard_of(ledger).checkpoint()
    shard_of(ledger).note([Note("after", "it", b"")])
    await until(lambda: not faults.only.faults and ticked(ledger) and not under_way(ledger))
    if waiting is not None:
        with pytest.raises(JournalFull):
            await waiting
    assert ledger.find(over.hold_id) is None
    shard_of(ledger).checkpoint()
    await until(lambda: not under_way(ledger))
    await shard_of(ledger).journal.latest().durable()
    image = crash_image(tmp_path / "var", tmp_path / "image", ledger)
    assert await reopened(image) == told(ledger)
    await ledger.close()
    report = verify(settings_in(tmp_path / "var"))
    assert (report.first_error, report.shards[0].checkpoints) == (None, 1)


def two_of_one_drawer() -> list[bytes]:
    """What a walk writes as one piece, or, if it lets go of them itself, as two."""
    keys = [number.to_bytes(32) for number in range(20_000)]
    return [key for key in keys if drawer_of(key) == drawer_of(keys[0])][:2]


def ticked(ledger: Ledger) -> bool:
    """A full disk is tried again on a tick."""
    shard_of(ledger).journal.tick(ledger._loop.time())
    return ledger.trouble is None


async def quietly(ledger: Ledger) -> None:
    try:
        await asyncio.sleep(0)
        await work(ledger)
    except JournalFull:
        shard_of(ledger).journal.tick(ledger._loop.time())


async def until_well(ledger: Ledger) -> None:
    while ledger.trouble is not None:
        await quietly(ledger)


async def test_closing_brings_it_to_its_end(ledger: Ledger, tmp_path: Path) -> None:
    shard_of(ledger).checkpoint()
    await work(ledger)
    assert under_way(ledger)
    before = told(ledger)
    await ledger.close()
    assert not under_way(ledger)
    report = verify(settings_in(tmp_path / "var"))
    assert (report.ok, report.shards[0].checkpoints) == (True, 1)
    assert spent(await reopened(tmp_path / "var")) == spent(before)


async def test_closing_writes_them_again_if_much_came_since_it_began(
    ledger: Ledger, tmp_path: Path
) -> None:
    shard_of(ledger).checkpoint()
    shard_of(ledger).note([Note("kind", str(number), b"x") for number in range(ACCOUNTS // 4)])
    assert under_way(ledger)
    before = told(ledger)
    await ledger.close()
    report = verify(settings_in(tmp_path / "var"))
    assert (report.ok, report.shards[0].checkpoints) == (True, 2)
    again = await open_in(tmp_path / "var")
    assert shard_of(again).state.replayed == 0
    assert spent(told(again)) == spent(before)
    await again.close()


async def test_those_of_format_2_are_read_and_verified(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its drawers were larger, and had another letter."""
    await ledger.note([Note("kind", f"name {number}", b"\xff") for number in range(90)])
    emit = sweep.Sweep._emit
    with monkeypatch.context() as older:
        older.setattr(sweep.Sweep, "_emit", lambda walk, piece: emit(walk, _as_of_format_2(piece)))
        for module in (sweep, shelf):
            older.setattr(module, "DRAWERS", 2)
        shard_of(ledger).state.notes["kind"] = Shelf()
        for number in range(90):
            shard_of(ledger).state.notes["kind"].put(f"name {number}", b"\xff")
        shard_of(ledger).checkpoint()
        await until(lambda: not under_way(ledger))
        await shard_of(ledger).journal.latest().durable()
    image = crash_image(tmp_path / "var", tmp_path / "image", ledger)
    tamper(image / "ledger-0.db", "UPDATE meta SET value = '2' WHERE name = 'format'")
    report = verify(settings_in(image))
    assert (report.first_error, report.shards[0].checkpoints) == (None, 1)
    assert await reopened(image) == told(ledger)


def _as_of_format_2(piece: tuple[object, ...]) -> tuple[object, ...]:
    return ("n", *piece[1:]) if piece[0] == "d" else piece


async def test_closing_with_no_room_leaves_it(
    ledger: Ledger, faults: Faults, tmp_path: Path
) -> None:
    shard_of(ledger).checkpoint()
    faults.only.always = StoreFull("no room (ordered)")
    await ledger.close()
    report = verify(settings_in(tmp_path / "var"))
    assert (report.ok, report.shards[0].checkpoints) == (True, 0)


async def test_closing_does_not_wait_for_a_disk_that_is_gone(
    ledger: Ledger, faults: Faults, tmp_path: Path
) -> None:
    shard_of(ledger)._checkpoints._patience_s = 0.01
    faults.only.gate.clear()
    shard_of(ledger).checkpoint()
    closing = asyncio.ensure_future(ledger.close())
    await asyncio.wait((closing,), timeout=0.1)
    faults.only.gate.set()
    await closing
    report = verify(settings_in(tmp_path / "var"))
    assert (report.ok, report.shards[0].checkpoints) == (True, 0)


async def test_a_walk_over_much_that_is_written_already_pauses_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(number) for number in range(10)]
    await ledger.note([Note("kind", name, b"x") for name in names])
    monkeypatch.setattr(sweep, "COST_MAX", 1)
    shard_of(ledger).checkpoint()
    shard_of(ledger).note([Note("kind", name, None) for name in names])
    await whole(ledger)
    assert shard_of(ledger)._store.last_checkpoint() is not None


async def test_large_books_are_not_written_for_a_few_entries(
    ledger: Ledger, tmp_path: Path
) -> None:
    shard_of(ledger).checkpoint()
    await whole(ledger)
    shard_of(ledger).journal.entries_since_checkpoint = 1
    await ledger.close()
    assert verify(settings_in(tmp_path / "var")).shards[0].checkpoints == 1
    again = await open_in(tmp_path / "var")
    assert shard_of(again).journal.entries_since_checkpoint > 0
    await again.close()


async def test_nothing_new_is_nothing_to_write(ledger: Ledger, tmp_path: Path) -> None:
    shard_of(ledger).checkpoint()
    while under_way(ledger):  # noqa: ASYNC110 - nothing is to happen meanwhile
        await asyncio.sleep(0)
    await ledger.close()
    assert verify(settings_in(tmp_path / "var")).shards[0].checkpoints == 1


async def test_it_comes_after_a_fourth_of_what_it_writes_or_a_day(tmp_path: Path) -> None:
    clock = HandClock(NOON_US)
    ledger = await open_in(tmp_path / "other", clock=clock, checkpoint_entries=1)
    for _ in range(ACCOUNTS):
        await funded(ledger)
    shard = shard_of(ledger)
    shard.journal.entries_since_checkpoint = ACCOUNTS // 4 - 1
    shard_of(ledger).tick(ledger._loop.time())
    assert not under_way(ledger)
    shard.journal.entries_since_checkpoint = ACCOUNTS // 4
    shard_of(ledger).tick(ledger._loop.time())
    assert under_way(ledger)
    await whole(ledger)
    shard.journal.entries_since_checkpoint = 1
    clock.advance(86_401)
    shard_of(ledger).tick(ledger._loop.time())
    assert under_way(ledger)
    await ledger.close()


async def until(there: Callable[[], object]) -> None:
    while not there():  # noqa: ASYNC110  # what is waited for has no event
        await asyncio.sleep(0)


async def until_archived(ledger: Ledger) -> None:
    """And gone from the journal."""
    shard = shard_of(ledger)
    await until(lambda: shard._store.archived_upto)


async def test_a_copy_whose_moment_lies_in_a_checkpoint_has_a_whole_one_before_it(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Other shards are copied first: meanwhile it ends, and what was before it moves away."""
    shard = shard_of(ledger)
    shard.checkpoint()
    await until(lambda: shard._checkpoints._parts >= 2)
    assert under_way(ledger)
    copier = Copier(Order(tmp_path / "backups", with_key=True), ledger._layout.key_path, NOON_US)
    copier.begin([shard.path])
    cuts = ledger._cut()
    await whole(ledger)
    await until_archived(ledger)
    copier.write(cuts)
    copied = Path(copier.publish().path)
    assert verify_copy(copied).ok
    again = await open_in(copied)
    assert len(shard_of(again).state.accounts) == ACCOUNTS
    await again.close()


@pytest.mark.parametrize("kind", ["entries > 0", "entries = 0"])
async def test_a_row_that_is_passed_off_as_a_part_stops_the_start(
    ledger: Ledger, tmp_path: Path, kind: str
) -> None:
    """What kind of row it is stands beside what the chain covers."""
    await work(ledger)
    if kind == "entries = 0":
        shard_of(ledger).checkpoint()
        await whole(ledger)
    image = crash_image(tmp_path / "var", tmp_path / "image", ledger)
    path = image / shard_of(ledger).path.name
    tamper(path, f"UPDATE journal SET entries = -2 WHERE {kind}")
    with pytest.raises(LedgerRefused, match="is not a part of a checkpoint"):
        await open_in(image)


async def test_a_row_with_fewer_entries_than_it_says_stops_the_start(
    ledger: Ledger, tmp_path: Path
) -> None:
    image = crash_image(tmp_path / "var", tmp_path / "image", ledger)
    path = image / shard_of(ledger).path.name
    tamper(path, "UPDATE journal SET entries = 7 WHERE seq = 3")
    with pytest.raises(LedgerRefused, match="row 3 has 1 entries, not 7"):
        await open_in(image)


async def test_books_without_their_checkpoint_are_never_taken_for_empty(
    ledger: Ledger, tmp_path: Path
) -> None:
    shard = shard_of(ledger)
    shard.checkpoint()
    await whole(ledger)
    await until_archived(ledger)
    await ledger.close()
    tamper(shard.path, "UPDATE journal SET entries = -2 WHERE entries = 0")
    with pytest.raises(LedgerRefused, match="no whole checkpoint follows row"):
        await open_in(tmp_path / "var")


async def test_no_part_takes_the_room_that_is_kept_for_what_happens(
    ledger: Ledger, faults: Faults
) -> None:
    [account, *_] = shard_of(ledger).state.accounts
    hold = await ledger.hold(account, 5)
    shard, store = shard_of(ledger), faults.only
    parts: list[int] = []
    shard.checkpoint()
    while shard._checkpoints._parts < 2 or shard._checkpoints._batch is not None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert shard._checkpoints._timer is not None
    shard._checkpoints._timer.cancel()
    store.faults = [full()]
    shard.journal.hurry(shard.book([Ending(hold.hold_id, HoldState.SETTLED, 4)], NOON_US))
    await until(lambda: shard.journal.trouble)
    real = store.append

    def append(entries: int, body: bytes) -> None:
        parts.append(entries)
        real(entries, body)

    store.append = append  # type: ignore[method-assign]
    shard._checkpoints._go_on()
    await until(lambda: not under_way(ledger))
    assert -2 not in parts
    assert shard.journal.entries_since_checkpoint >= shard._checkpoints._entries_max


async def test_the_next_one_waits_for_the_last_part_of_the_one_before(
    ledger: Ledger, faults: Faults, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sweep, "COST_MAX", 1 << 30)
    monkeypatch.setattr(sweep, "BYTES_MAX", 1 << 30)
    shard = shard_of(ledger)
    shard.checkpoint()
    begun = shard._checkpoints._batch
    assert begun is not None
    await begun.done
    faults.only.gate.clear()
    await until(lambda: not under_way(ledger))
    last = shard._checkpoints._batch
    assert last is not None
    shard.checkpoint()
    assert not under_way(ledger)
    faults.only.gate.set()
    await last.done
    await asyncio.sleep(0)
    shard.checkpoint()
    assert under_way(ledger)
    await whole(ledger)
    await ledger.close()
    report = verify(settings_in(tmp_path / "var"))
    assert report.ok, report.first_error


async def test_a_start_that_is_refused_leaves_the_format_as_it_was(tmp_path: Path) -> None:
    made = await open_in(tmp_path / "old", shards=2)
    await made.close()
    path = tmp_path / "old" / "ledger-0.db"
    tamper(path, "UPDATE meta SET value = '1' WHERE name = 'format'")
    (tmp_path / "old" / "ledger-1.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(LedgerRefused):
        await open_in(tmp_path / "old")
    with contextlib.closing(sqlite3.connect(path)) as conn:
        [form] = conn.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    assert form == "1"
