"""A page's worth of a long list, in order, and calls go on meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from gateway.dashboard import order
from gateway.dashboard.order import first_of


@pytest.mark.parametrize("count", [0, 1, 4, 11, 50])
async def test_it_is_what_sorting_all_gives(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "PIECE", 3)
    found = [(number * 7 % 5, number) for number in range(11)]
    told = await first_of(found, lambda item: item[0], count)
    assert told == sorted(found, key=lambda item: item[0])[:count]
    assert await first_of([], float, count) == []


async def test_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "PIECE", 2)
    sorting = asyncio.ensure_future(first_of(list(range(20)), float, 20))
    turns = 0
    while not sorting.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 20
    assert await sorting == list(range(20))
