"""The vendors' side: one request out and one answer in, on a warm connection to a pretended
vendor. The answer is an intent of 880 bytes behind a head of 14 lines, read whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bench.micro.piece import Once, Piece
from bench.micro.pretend import PretendLoop
from bench.micro.smallhouse import CHARGE, SECRETS, Stripe, settings_in
from gateway.settings import MIB
from gateway.upstream.order import Order, Reply, Watch
from gateway.upstream.upstreams import Upstreams
from vendors import VENDORS

_HEADERS: Final = [
    (b"authorization", f"Bearer {SECRETS[0]}".encode()),
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"user-agent", b"Stripe/v1 PythonBindings/12.1.0"),
    (b"stripe-version", b"2025-04-30.basil"),
    (b"idempotency-key", b"kb_0123456789abcdef0123456789abcdef"),
]


@asynccontextmanager
async def post() -> AsyncIterator[Once]:
    PretendLoop.vendor = staticmethod(Stripe())
    loop, settings = asyncio.get_running_loop(), settings_in("").vendors
    upstreams = Upstreams(settings, loop, {"stripe": VENDORS["stripe"]})
    upstream = upstreams.account("stripe", "default")

    async def once() -> Reply:
        order = Order(b"POST", b"/v1/payment_intents", list(_HEADERS), CHARGE, "", MIB)
        return await upstream.send(order, Watch())

    reply = await once()
    assert reply.status == 200
    assert reply.body is not None
    yield once
    await upstreams.close()


PIECES: Final = (Piece("exchange.post", "a form out, an answer in, read whole", post),)
