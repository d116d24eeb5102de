"""The future that all who wait for one batch share."""

from __future__ import annotations

import asyncio

from ledger.verdict import Durability, Verdict


async def test_nobody_cancels_what_others_wait_for() -> None:
    shared = Durability(loop=asyncio.get_running_loop())
    assert not shared.cancel("one of them is gone")
    shared.set_result(Verdict.DURABLE)
    assert await shared is Verdict.DURABLE
