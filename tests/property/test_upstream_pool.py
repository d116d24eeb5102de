"""Any story of calls, answers, hang-ups, aborts and cancellations: no connection is shared, lost or
used past its end, and no answer reaches another call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.upstream.pool import Aborted, NotSent, Order, OutcomeUnknown, Reply, Upstream, Watch
from tests.vendor_double import (
    Peer,
    ScriptedBody,
    all_of,
    cancelled_at,
    turns,
    upstream_to,
    vendor_double,
)

MOODS = ("well", "well", "drips", "spoils", "closes", "resets", "dies", "streams")
FATES = ("waits", "waits", "aborts", "cancels", "leaves early", "uploads")


@dataclass(slots=True)
class Story:
    """What the vendor does with each request that says so in its path, and what was heard."""

    heard: list[bytes] = field(default_factory=list)

    async def script(self, peer: Peer) -> None:
        while True:
            request = await peer.request()
            _, number, mood = request.lines[0].split()[1].split(b"/")
            self.heard.append(number)
            await self._answer(peer, number, mood.decode())

    async def _answer(self, peer: Peer, number: bytes, mood: str) -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(number), number)
        if mood == "dies":
            raise ConnectionResetError
        if mood == "resets":
            return peer.reset()
        if mood == "closes":
            raw = raw.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n")
        if mood == "drips":
            for at in range(len(raw)):
                peer.say(raw[at : at + 1])
                await turns(1)
            return None
        peer.say(raw + raw if mood == "spoils" else raw)
        return None


async def _call(upstream: Upstream, number: int, mood: str, fate: str) -> None:
    watch = Watch()
    text = b"%d" % number
    body = ScriptedBody(b"a", b"b") if fate == "uploads" else b"ab"
    whole = 0 if mood == "streams" or fate == "leaves early" else 1000
    order = Order(b"POST", b"/%s/%s" % (text, mood.encode()), [], body, whole_bytes_max=whole)
    if fate == "aborts":
        asyncio.get_running_loop().call_later(0, watch.abort)
    try:
        reply: Reply = await upstream.send(order, watch)
        if fate == "leaves early":
            await reply.close()
        else:
            assert await all_of(reply.chunks()) == text
    except (NotSent, OutcomeUnknown, Aborted):
        pass


async def _tell(calls: list[tuple[str, str, int]], together: int) -> None:
    story = Story()
    async with (
        vendor_double(story.script) as double,
        upstream_to(double.url, connections_max=together) as upstream,
    ):
        places = asyncio.Semaphore(together)

        async def one(number: int, mood: str, fate: str, at: int) -> None:
            async with places:
                call = _call(upstream, number, mood, fate)
                if fate != "cancels":
                    return await call
                await cancelled_at(call, at)
                return None

        jobs = [one(number, *call) for number, call in enumerate(calls)]
        await asyncio.gather(*jobs)
        assert upstream.in_flight == 0
        assert upstream.connections == upstream.idle <= together
        assert len(set(story.heard)) == len(story.heard)  # no request was sent twice


CALL = st.tuples(st.sampled_from(MOODS), st.sampled_from(FATES), st.integers(0, 5))


@pytest.mark.parametrize("together", [1, 4])
def test_any_story(together: int) -> None:
    @settings(deadline=None, max_examples=60)
    @given(st.lists(CALL, max_size=30))
    def tell(calls: list[tuple[str, str, int]]) -> None:
        uvloop.run(_tell(calls, together))

    tell()
