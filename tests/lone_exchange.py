"""One exchange without a network and without a pool: bytes in, what it made of them out."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, cast

import uvloop

from gateway.http.message import Headers
from gateway.upstream.backend import VendorConnection
from gateway.upstream.direct import Direct
from gateway.upstream.exchange import Exchange
from gateway.upstream.order import Limits, NotSent, Order, OutcomeUnknown, Watch
from gateway.upstream.origins import origin_of
from gateway.upstream.scrub import Scrubber
from gateway.upstream.stream import VendorStream
from tests.vendor_double import StillTransport, all_of

VENDOR: Final = origin_of("http://vendor/up", "")
SECRET: Final = "topsecret"


class Home:
    """An account: keeps whether a connection came back in order."""

    def __init__(self, direct: Direct) -> None:
        self.limits = Limits(30, 30, 60)
        self.scrubber = Scrubber(SECRET)
        self.direct = direct
        self.loop = asyncio.get_running_loop()
        self.kept: list[bool] = []

    def back(self, _: Exchange, __: VendorConnection | None, reusable: bool) -> None:
        self.kept.append(reusable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was written, the reply or the kind of failure, and may the connection be used again?
    direct: h11 was left out; no part of what has to be the same either way."""

    written: bytes
    failure: str
    status: int
    headers: Headers
    length: int | None
    body: bytes
    kept: list[bool]
    direct: bool = field(compare=False)


def cut(raw: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(at % (len(raw) + 1) for at in cuts), len(raw)]
    return [raw[a:b] for a, b in pairwise(bounds) if a < b]


def carry(order: Order, pieces: list[bytes], direct: Direct | None = None) -> Outcome:
    """Send the order; the answer comes in these pieces and then ends. direct: what is known of
    shapes so far."""
    with socket.socket() as still:
        return uvloop.run(_carry(order, pieces, direct or Direct(), still))


async def _carry(
    order: Order, pieces: list[bytes], direct: Direct, still: socket.socket
) -> Outcome:
    home = Home(direct)
    stream = VendorStream(home.loop)
    transport = StillTransport(cast("asyncio.Protocol", stream), still)
    stream.connection_made(transport)
    exchange = Exchange(order, Watch(), home)
    exchange.take(VendorConnection(VENDOR.httpcore, stream, []))
    for piece in pieces:
        home.loop.call_soon(stream.data_received, piece)
    home.loop.call_later(0, home.loop.call_soon, stream.eof_received)
    failure, status, headers, length, body = "", 0, Headers(), None, b""
    assert isinstance(order.body, bytes)
    try:
        reply = await exchange.run(VENDOR, order.body)
        status, headers, length = reply.status, reply.headers, reply.length
        body = await all_of(reply.chunks())
    except (NotSent, OutcomeUnknown) as exc:
        failure = type(exc).__name__  # however late: what came before it is no answer
        status, headers, length = 0, Headers(), None
        exchange.end()
    return Outcome(
        *(transport.written, failure, status, headers, length, body, home.kept), exchange._direct
    )
