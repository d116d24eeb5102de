from __future__ import annotations

import asyncio

import pytest

from gateway.call.looking import Eyes, ToldBody
from gateway.call.turnstile import Turnstile
from gateway.errors import RateLimited
from gateway.settings import VendorSettings
from gateway.upstream.pool import NotSent
from tests.calls import PretendUpstream, Script
from vendors.contract import Lookup

LOOKUP = Lookup("/v1/prices/price_1", "its amount")


def turnstile(places: int) -> Turnstile:
    settings = VendorSettings("stripe", "x", connections_max=places, queue_wait_s=0.01)
    return Turnstile(settings, asyncio.get_running_loop())


async def test_a_look_takes_its_turn_and_gives_it_back() -> None:
    script = Script((200, {"id": "price_1"}))
    entrance = turnstile(1)
    eyes = Eyes(PretendUpstream(script), entrance, "vk_1")  # type: ignore[arg-type]
    reply = await eyes.look(LOOKUP, {b"stripe-account": b"acct_1"})
    assert reply.body == b'{"id":"price_1"}'
    assert script.orders[0].headers == [(b"stripe-account", b"acct_1")]
    assert entrance.try_enter("vk_1")
    with pytest.raises(RateLimited):
        await eyes.look(LOOKUP, {})


async def test_without_an_entrance_nothing_is_looked_at() -> None:
    eyes = Eyes(PretendUpstream(Script()), None, "vk_1")  # type: ignore[arg-type]
    with pytest.raises(NotSent, match="not looked up"):
        await eyes.look(LOOKUP, {})


async def test_a_told_body_is_read_whole_or_once() -> None:
    body = ToldBody(b"a=1")
    assert (body.length, await body.read_all(1)) == (3, b"a=1")
    assert [await body.read(), await body.read()] == [b"a=1", b""]
