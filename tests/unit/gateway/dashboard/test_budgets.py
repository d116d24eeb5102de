"""Budgets of all keys: looked up in slices, shared, kept for a while, each budget counted once."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from gateway.dashboard import budgets
from gateway.dashboard.budgets import Budgets, once_each
from gateway.vault import keyring
from tests.unit.gateway.admin.side import BODY, Side

pytestmark = pytest.mark.anyio


async def made(side: Side, number: int) -> None:
    for _ in range(number):
        await side.api.ask("POST", "/vault/keys", body=dict(BODY))


async def test_all_keys_newest_first_and_two_who_ask_at_once_share_one_look() -> None:
    side = Side()
    await made(side, 3)
    looked = Budgets(side.api.house)
    first, second = await asyncio.gather(looked.lines(), looked.lines())
    assert first is second
    ids = [line.key.terms.key_id for line in first]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3


async def test_a_look_is_kept_until_somebody_needs_a_fresh_one() -> None:
    side = Side()
    await made(side, 1)
    looked = Budgets(side.api.house)
    first = await looked.lines()
    await made(side, 1)
    assert await looked.lines() is first
    assert len(await looked.lines(fresh=True)) == 2


async def test_the_loop_turns_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "SLICE_S", 0.0)
    side = Side()
    await made(side, 4)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.get_running_loop().create_task(count())
    await Budgets(side.api.house).lines()
    counting.cancel()
    assert turns >= 4


async def test_a_shared_budget_counts_once() -> None:
    side = Side()
    await made(side, 2)
    lines: Any = await Budgets(side.api.house).lines()
    lines[1].key.account_id = lines[0].key.account_id
    assert once_each(lines) == [lines[0]]


async def test_a_look_that_is_over_keeps_no_key_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "KEPT_MAX", 0)
    monkeypatch.setattr(budgets, "KEPT_S", 0.0)
    monkeypatch.setattr(budgets, "KEPT_TIMES", 0)
    side = Side()
    await made(side, 2)
    looked = Budgets(side.api.house)
    assert len(await looked.lines()) == 2
    for _ in range(100):
        await asyncio.sleep(0)
    gc.collect()
    assert side.registry.awake() == []
    assert len(await looked.lines()) == 2
