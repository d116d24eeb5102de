"""The gateway's own settings and clocks have the shapes that the ledger asks for."""

from __future__ import annotations

from gateway import clock, settings
from ledger.settings import Clock, LedgerSettings


def test_the_gateway_s_types_fit() -> None:
    as_settings: LedgerSettings = settings.LedgerSettings()
    clocks: list[Clock] = [clock.SystemClock(), clock.HandClock()]
    names = [name for name in vars(LedgerSettings) if not name.startswith("_")]
    assert {"shards", "synchronous", "checkpoint_entries", "reserve_bytes"} <= set(names)
    assert all(hasattr(as_settings, name) for name in names)
    assert all(each.begin_at_us(0) == 0 and each.now_us() > 0 for each in clocks)
