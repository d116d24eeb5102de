"""The log remembers where each journal ended, and when."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.run import heads
from tests.ledgers import funded, open_in
from tests.vendor_double import until


async def test_each_journals_end_is_told_again_and_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "keybrake")
    monkeypatch.setattr(heads, "EVERY_S", 0)
    ledger = await open_in(tmp_path, shards=2)
    await funded(ledger)
    ends = await ledger.heads()
    telling = asyncio.ensure_future(heads.tell_heads(ledger))
    await until(lambda: len(caplog.records) >= 4)
    telling.cancel()
    await asyncio.wait((telling,))
    told = [tuple(r.__dict__[name] for name in ("shard", "seq", "mac")) for r in caplog.records]
    assert told[:2] == told[2:4] == [(shard, seq, mac.hex()) for shard, seq, mac in ends]
    await ledger.close()
