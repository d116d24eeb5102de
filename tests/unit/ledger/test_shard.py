"""One shard: books and journal in step, and reading back while rows move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import HandClock
from ledger.chain import Row
from ledger.codec import Unreadable, encode_checkpoint
from ledger.entries import BudgetTerms, Ending, HoldState, Note, Shed
from ledger.errors import CapExceeded, ImpossibleEntry
from ledger.layout import open_layout
from ledger.replay import load_checkpoint, recover
from ledger.shard import Shard
from ledger.snapshot import dump
from ledger.state import State
from ledger.store import SqliteStore
from tests.ledgers import NOON_US, Deaths, settings_in


@pytest.fixture
async def shard(tmp_path: Path) -> AsyncIterator[Shard]:
    settings = settings_in(tmp_path)
    layout = open_layout(settings)
    [store] = layout.stores
    made = Shard(
        store,
        recover(store, layout.key),
        settings,
        HandClock(NOON_US),
        asyncio.get_running_loop(),
        on_death=Deaths(),
        through=lambda store: store,
    )
    yield made
    await made.close()
    layout.lock.release()


async def account(shard: Shard, micros: int = 1_000) -> int:
    account_id, batch = shard.open_account(BudgetTerms(daily_micros=micros), None, ())
    await batch.durable()
    return account_id


def hold(shard: Shard, account_id: int, micros: int) -> int:
    made, _ = shard.hold(account_id, micros, 1, b"", "", "", "", None, True, False)
    return made.hold_id


async def test_check_and_apply_are_one_step(shard: Shard) -> None:
    mine = await account(shard)
    hold(shard, mine, 1_000)
    with pytest.raises(CapExceeded):
        hold(shard, mine, 1)
    found = shard.check(mine, 1, 1)
    assert found is not None
    assert found.account_id == mine


async def test_the_books_follow_from_the_journal(shard: Shard, tmp_path: Path) -> None:
    mine = await account(shard)
    first = hold(shard, mine, 10)
    hold(shard, mine, 20)
    shard.book([Ending(first, HoldState.SETTLED, 9)], NOON_US)
    await shard.note([Note("k", "n", b"1")]).durable()
    replayed = State(0)
    for _, entries in shard.read_entries(0):
        for entry in entries:
            replayed.apply(entry)
    assert dump(replayed) == dump(shard.state)


async def test_a_group_that_is_impossible_leaves_books_and_journal_alone(shard: Shard) -> None:
    mine = await account(shard)
    first = hold(shard, mine, 10)
    await shard.journal.latest().durable()
    before = dump(shard.state)
    with pytest.raises(ImpossibleEntry):
        shard.book([Ending(first, HoldState.SETTLED, 9), Shed(first)], NOON_US)
    assert dump(shard.state) == before
    assert shard.journal.queued == 0


async def test_a_leg_that_cannot_leave_keeps_its_refunds(shard: Shard) -> None:
    made, _ = shard.hold(await account(shard), 10, 1, b"", "", "", "", None, True, True)
    await shard.book([Ending(made.hold_id, HoldState.SETTLED, 10)], NOON_US).durable()
    await shard.restore(made.hold_id, 4, "re_1").durable()
    before = dump(shard.state)
    with pytest.raises(ImpossibleEntry):
        shard.book([Shed(made.hold_id)], NOON_US)
    assert dump(shard.state) == before


@pytest.mark.parametrize("read_before", [0, 1])
async def test_rows_that_move_while_they_are_read_are_read_once(
    shard: Shard, monkeypatch: pytest.MonkeyPatch, read_before: int
) -> None:
    for _ in range(3):
        await account(shard)
    all_rows = list(shard.read_entries(0))
    rows_here = SqliteStore.rows
    looked: list[int] = []

    def moved_after_the_archives_were_read(store: SqliteStore, after_seq: int) -> list[Row]:
        looked.append(after_seq)
        found = list(rows_here(store, after_seq))
        return found if len(looked) > 1 else found[:read_before] + found[read_before + 1 :]

    monkeypatch.setattr(SqliteStore, "rows", moved_after_the_archives_were_read)
    assert list(shard.read_entries(0)) == all_rows
    assert looked == [0, read_before]


def test_a_checkpoint_of_nobody_s_is_unreadable() -> None:
    for books in ({"last": 3}, {"last": (0, 0), "accounts": [], "holds": ["short"]}):
        with pytest.raises(Unreadable, match="cannot be read"):
            load_checkpoint(0, encode_checkpoint(1, 2, books))
