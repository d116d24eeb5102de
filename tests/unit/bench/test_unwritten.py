"""A ledger that writes nothing once it is open: for measuring only."""

from __future__ import annotations

from pathlib import Path

from bench.unwritten import Forgetful
from gateway.clock import SystemClock
from gateway.settings import LedgerSettings
from ledger import BudgetTerms, Ledger


async def held_in(kind: type[Ledger], folder: Path) -> tuple[int, int]:
    """Holds before and after a hold of it is closed and opened again, as the real one."""
    settings = LedgerSettings(shards=(f"sqlite:{folder}/ledger-0.db",))
    ledger = await kind.open(settings, SystemClock(), on_death=print)
    account = await ledger.open_account(BudgetTerms(daily_micros=10))
    await ledger.hold(account, 5)
    before = len(list(ledger.open_holds()))
    await ledger.close()
    again = await Ledger.open(settings, SystemClock(), on_death=print)
    after = len(list(again.open_holds()))
    await again.close()
    return before, after


async def test_a_hold_counts_and_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    assert await held_in(Ledger, tmp_path / "real") == (1, 1)
    (tmp_path / "forgetful").mkdir()
    assert await held_in(Forgetful, tmp_path / "forgetful") == (1, 0)
