"""The whole call: all of the house but the kernel, the disk and the audit log's file.

`call.*` goes from a caller's bytes to the bytes of the answer and has everything in it: both
sockets' protocols, admission, the quote, the hold, the exchange, the outcome, the line of the log.
`proxy.*` is the same without the callers' side.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Final

from bench.micro.piece import Once, Piece, Prepare
from bench.micro.server import SDK_HEADERS, Caller, asked
from bench.micro.smallhouse import CHARGE, SmallHouse, small_house
from gateway.http.message import Response

CALLS: Final = 96
"""Three times as many as the log makes into lines at once."""


@asynccontextmanager
async def proxy(body: bytes) -> AsyncIterator[Once]:
    async with small_house() as house:

        async def once() -> Response:
            return await house.proxy.answer(house.request(body))

        answer = await once()
        assert answer.status == 200, answer.body
        yield once


@asynccontextmanager
async def from_sdk() -> AsyncIterator[Once]:
    """With an Idempotency-Key, another one each time."""
    async with small_house() as house:
        caller, numbers = Caller(house.proxy.answer), count(1)
        key = ("Idempotency-Key", "%032x")
        template = house.charge(*SDK_HEADERS, key)

        async def once() -> bytes:
            return await caller.ask(template % next(numbers))

        assert (await once()).startswith(b"HTTP/1.1 200 ")
        yield once
        caller.close()


def _call(make: Callable[[SmallHouse], bytes]) -> Prepare:
    @asynccontextmanager
    async def prepare() -> AsyncIterator[Once]:
        async with small_house() as house, asked(house.proxy.answer, make(house)) as once:
            yield once

    return prepare


PIECES: Final = (
    Piece("proxy.charge", "Proxy.answer: a charge", partial(proxy, CHARGE), CALLS),
    Piece("proxy.read", "Proxy.answer: a look, which costs nothing", partial(proxy, b""), CALLS),
    Piece("call.charge", "a charge, from bytes to bytes", _call(SmallHouse.charge), CALLS),
    Piece("call.read", "a look, from bytes to bytes", _call(SmallHouse.read), CALLS),
    Piece("call.sdk", "a charge from an SDK, with an Idempotency-Key", from_sdk, CALLS),
)
