"""`POST /vault/backup`, and the process that looks at a copy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.admin import backup
from ledger import CopyFailed, CopyRunning, Order
from tests.ledgers import funded, open_in
from tests.unit.gateway.admin.side import Side


async def test_a_backup_is_made_where_the_settings_say(side: Side) -> None:
    status, made = await side.ask("POST", "/vault/backup", {"with_key": True})
    assert status == 200
    assert (made["verified"], made["with_key"], len(made["shards"])) == (True, True, 1)
    assert side.history.flushed == 1
    order = side.ledger.ordered
    assert order is not None
    assert order.backups.parts[-2:] == ("var", "backups")
    assert order.audit == Path("var/audit.db")


async def test_one_at_a_time_and_a_failed_one_says_why(side: Side) -> None:
    side.ledger.copy_fails = CopyRunning("x")
    status, problem = await side.ask("POST", "/vault/backup", {})
    assert (status, problem["error"]) == (409, "backup_running")
    side.ledger.copy_fails = CopyFailed("no room for a copy")
    status, problem = await side.ask("POST", "/vault/backup", {})
    assert (status, problem["error"]) == (503, "backup_failed")
    assert "no room for a copy" in problem["detail"]


async def test_another_process_looks_at_the_copy(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    await funded(ledger)
    copied = await ledger.back_up(Order(tmp_path / "backups"), backup.verified)
    await ledger.close()
    key = tmp_path / "var" / "ledger.key"
    other = tmp_path / "other.key"
    other.write_text("ab" * 32)
    await backup.verified(Path(copied.path), key)
    with pytest.raises(CopyFailed, match="row 1 was altered"):
        await backup.verified(Path(copied.path), other)


async def test_a_look_that_is_cancelled_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    begun = asyncio.Event()
    real = asyncio.create_subprocess_exec

    async def sleeping(*words: str, **more: object) -> asyncio.subprocess.Process:
        started.append(await real("sleep", "60", **more))  # type: ignore[arg-type]
        begun.set()
        return started[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", sleeping)
    looking = asyncio.ensure_future(backup.verified(tmp_path, tmp_path))
    await begun.wait()
    await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert started[0].returncode == -9
