"""Asking one vendor account, politely."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gateway.reconcile.asking import Asker, Unanswered
from gateway.upstream.order import NotSent
from gateway.upstream.pool import Upstream
from tests.calls import PretendUpstream
from tests.reconciling import Told
from vendors.contract import Lookup

WHAT = Lookup("/o/pi_1", "why")


def asker(told: Told, calls_per_second: int = 1_000) -> Asker:
    upstream = cast("Upstream", PretendUpstream(told))
    return Asker(upstream, calls_per_second, asyncio.get_running_loop())


async def test_any_answer_about_the_thing_is_an_answer() -> None:
    told = Told()
    asks = asker(told)
    assert (await asks.ask(WHAT)).status == 404
    told.object("pi_1", "settled")
    answer = await asks.ask(WHAT)
    assert (answer.status, asks.asked, asks.last_error) == (200, 2, "")


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 503])
async def test_one_that_cannot_answer_is_left_alone(status: int) -> None:
    told = Told()
    told.answers["/o/pi_1"] = (status, {})
    told.headers = [(b"retry-after", b"40")]
    asks, loop = asker(told), asyncio.get_running_loop()
    with pytest.raises(Unanswered, match=f"HTTP {status} to a read"):
        await asks.ask(WHAT)
    assert asks.pace.until_s == pytest.approx(loop.time() + 40, abs=5)
    with pytest.raises(Unanswered, match="left alone for a while"):
        await asks.ask(WHAT)
    assert len(told.asked) == 1


async def test_no_answer_is_none() -> None:
    told = Told()
    told.answers["/o/pi_1"] = NotSent("no connection")
    asks = asker(told)
    with pytest.raises(Unanswered, match="no connection"):
        await asks.ask(WHAT)
    assert asks.last_error == "no connection"


async def test_an_answer_too_long_is_not_read() -> None:
    told = Told()
    told.object("pi_1", "settled")
    upstream = PretendUpstream(told)
    upstream.whole_bytes_max = 3
    asks = Asker(cast("Upstream", upstream), 1_000, asyncio.get_running_loop())
    with pytest.raises(Unanswered, match="too long"):
        await asks.ask(WHAT)
    assert not asks.pace.backing_off(asyncio.get_running_loop().time())


async def test_it_waits_for_its_rate() -> None:
    told, loop = Told(), asyncio.get_running_loop()
    asks = asker(told, 100)
    asks.pace.wait_s(loop.time())
    asks.pace._left = 0.5
    began_s = loop.time()
    await asks.ask(WHAT)
    assert loop.time() - began_s >= 0.004
