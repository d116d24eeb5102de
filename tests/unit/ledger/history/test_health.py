"""How the vendors answer, from the latest calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.history import health as module
from ledger.history.file import File, Statement
from ledger.history.health import Health, VendorHealth
from ledger.history.schema import insertion
from tests.unit.ledger.history.journals import AT_US, row


async def test_latency_and_failures_by_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await File.writing(tmp_path / "audit.db")
    reading = await File.reading(tmp_path / "audit.db")
    rows = [row(n, duration_ms=n, status=200) for n in range(1, 101)]
    rows += [row(101, status=504, count=2), row(102, status=402), row(103, vendor=None)]
    rows += [row(104, decision="refused", status=429), row(105, account="acme")]
    await file.transact([Statement(*insertion(rows))])
    health = Health(reading)
    assert await health.vendor_health(AT_US) == [
        VendorHealth("stripe", "acme", 1, 0, 0, None, None, AT_US + 105, AT_US + 105),
        VendorHealth("stripe", "default", 103, 2, 1, 50, 99, AT_US + 1, AT_US + 102),
    ]
    assert (await health.vendor_health(AT_US + 60))[1].p50_ms == 80
    monkeypatch.setattr(module, "HEALTH_CALLS", 2)
    acme, none = await health.vendor_health(AT_US), await health.vendor_health(AT_US * 2)
    assert ([each.account for each in acme], none) == (["acme"], [])
    await reading.close()
    await file.close()
