"""Copies of an open ledger, and of one that nobody has open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.clock import HandClock
from ledger import CopyFailed, CopyRunning, LedgerRefused, Order, back_up, copies_in, verify_copy
from ledger.copier import Copier
from tests.ledgers import NOON_US, funded, open_in, settings_in, tamper


async def fine(folder: Path, key: Path) -> None:
    assert verify_copy(folder, key).ok


async def test_holds_go_on_while_it_is_made(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var", shards=2)
    account = await funded(ledger, 1_000_000)
    looked = asyncio.Event()

    async def look(folder: Path, key: Path) -> None:
        assert folder.suffix == ".partial"
        await ledger.hold(account, 1)
        await fine(folder, key)
        looked.set()

    copied = await ledger.back_up(Order(tmp_path / "backups"), look)
    assert looked.is_set()
    assert [shard.shard for shard in copied.shards] == [0, 1]
    assert copies_in(tmp_path / "backups") == [Path(copied.path)]
    await ledger.close()


async def test_one_at_a_time(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    order, go = Order(tmp_path / "backups"), asyncio.Event()
    begun = asyncio.Event()

    async def wait(folder: Path, key: Path) -> None:
        begun.set()
        await go.wait()

    first = asyncio.ensure_future(ledger.back_up(order, wait))
    await begun.wait()
    with pytest.raises(CopyRunning):
        await ledger.back_up(order, fine)
    go.set()
    await first
    await ledger.back_up(order, fine)
    assert len(copies_in(order.backups)) == 2
    await ledger.close()


async def test_a_copy_that_does_not_hold_is_thrown_away(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")

    async def no(folder: Path, key: Path) -> None:
        raise CopyFailed("it is not whole")

    with pytest.raises(CopyFailed, match="not whole"):
        await ledger.back_up(Order(tmp_path / "backups"), no)
    assert list((tmp_path / "backups").iterdir()) == []
    await funded(ledger)
    await ledger.close()


async def test_closing_the_ledger_ends_a_copy(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    begun = asyncio.Event()

    async def forever(folder: Path, key: Path) -> None:
        begun.set()
        await asyncio.Event().wait()

    asked = asyncio.ensure_future(ledger.back_up(Order(tmp_path / "backups"), forever))
    await begun.wait()
    await ledger.close()
    with pytest.raises(CopyFailed, match="stopped"):
        await asked
    assert list((tmp_path / "backups").iterdir()) == []


async def test_who_asked_may_go_and_the_copy_is_made(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    begun, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait(folder: Path, key: Path) -> None:
        begun.set()
        await go.wait()

    asked = asyncio.ensure_future(ledger.back_up(Order(tmp_path / "backups"), wait))
    await begun.wait()
    task = ledger._backups._task
    assert task is not None
    task.add_done_callback(lambda _: ended.set())
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    go.set()
    await ended.wait()
    assert len(copies_in(tmp_path / "backups")) == 1
    await ledger.close()


async def test_a_ledger_that_nobody_has_open(tmp_path: Path) -> None:
    settings, order = settings_in(tmp_path / "var", 2), Order(tmp_path / "backups")
    ledger = await open_in(tmp_path / "var", shards=2)
    await funded(ledger)
    with pytest.raises(LedgerRefused, match="in use"):
        back_up(settings, order, NOON_US)
    await ledger.close()
    copied = back_up(settings, order, NOON_US)
    assert verify_copy(Path(copied.path), tmp_path / "var" / "ledger.key").ok
    again = await open_in(tmp_path / "var", shards=2, clock=HandClock(NOON_US))
    await again.close()


async def test_no_copy_is_kept_of_books_that_are_not_whole(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    for _ in range(3):
        await funded(ledger)
    await ledger.close()
    tamper(tmp_path / "var" / "ledger-0.db", "UPDATE journal SET mac = x'00' WHERE seq = 2")
    with pytest.raises(CopyFailed, match="row 2 was altered"):
        back_up(settings_in(tmp_path / "var"), Order(tmp_path / "backups"), NOON_US)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_folder_without_copies(tmp_path: Path) -> None:
    assert copies_in(tmp_path / "none") == []
    (tmp_path / "x.partial").mkdir()
    (tmp_path / "x.partial" / "backup.json").write_text("{}")
    assert copies_in(tmp_path) == []
    assert Copier.__doc__
