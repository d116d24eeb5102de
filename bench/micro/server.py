"""The callers' side: a head that is read, and a request from its bytes to the bytes of its answer.

Two heads: as `make bench` sends it (four lines), and as an SDK does (eleven).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from bench import load
from bench.micro.piece import Once, Piece, Prepare, alone
from bench.micro.pretend import PretendTransport, feed
from bench.micro.smallhouse import CHARGE
from gateway.call import refusals
from gateway.http.connection import Connection
from gateway.http.headgate import read_head
from gateway.http.message import Request, Response
from gateway.http.secondreader import SecondReader
from gateway.http.service import Handler, Service
from gateway.settings import ServerSettings

SDK_HEADERS: Final = (
    ("User-Agent", "Stripe/v1 PythonBindings/12.1.0"),
    ("Stripe-Version", "2025-04-30.basil"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Connection", "keep-alive"),
    (
        "X-Stripe-Client-User-Agent",
        '{"bindings_version":"12.1.0","lang":"python","publisher":"stripe","httplib":"requests",'
        '"lang_version":"3.11.2","platform":"Linux-6.1.0-x86_64-with-glibc2.36"}',
    ),
)
_SECRET: Final = "vault_key_" + "0aB" * 12
_ANSWER: Final = [
    (b"content-type", b"application/json"),
    (b"request-id", b"req_0123456789abcd"),
    (b"keybrake-call-id", b"call_01m83rzns0bkj6y7n043s43ra2"),
    (b"keybrake-cost-usd", b"12.00"),
    (b"keybrake-spent-usd", b"1200.00"),
    (b"keybrake-remaining-usd", b"800.00"),
]
_BODY: Final = b"x" * 920


def post(*headers: tuple[str, str]) -> bytes:
    return load.form_post("/stripe/v1/payment_intents", _SECRET, CHARGE.decode(), *headers)


def head_read(*headers: tuple[str, str]) -> Once:
    raw = post(*headers).removesuffix(CHARGE)
    settings, second = ServerSettings(), SecondReader()

    def once() -> None:
        second.confirm(raw, read_head(raw, settings))

    return once


class Caller:
    """A client of a real connection on a pretended socket."""

    def __init__(self, handler: Handler) -> None:
        self._service = Service(handler, refusals.plain, ServerSettings())
        self._service.admit("192.0.2.1")
        self._connection = Connection(self._service, "192.0.2.1")
        self._transport = PretendTransport(self._hear)
        self._connection.connection_made(self._transport)
        self._answer: asyncio.Future[bytes] = self._service.loop.create_future()

    def _hear(self, data: bytes) -> None:
        self._answer.set_result(data)

    async def ask(self, request: bytes) -> bytes:
        """The answer, which comes in one write."""
        self._answer = self._service.loop.create_future()
        feed(self._connection, request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()
        self._connection.connection_lost(None)


@asynccontextmanager
async def asked(handler: Handler, request: bytes) -> AsyncIterator[Once]:
    """One request after the other on one connection."""
    caller = Caller(handler)
    heard = await caller.ask(request)
    assert heard.startswith(b"HTTP/1.1 200 "), heard
    yield partial(caller.ask, request)
    caller.close()


async def _at_once(request: Request) -> Response:
    await request.body.read_all(1_048_576)
    return Response(200, list(_ANSWER), _BODY)


def _served(make: Callable[[], bytes]) -> Prepare:
    return lambda: asked(_at_once, make())


PIECES: Final = (
    Piece("head.short", "a head of 4 lines, through both readers", alone(head_read)),
    Piece("head.sdk", "a head of 10 lines, likewise", alone(partial(head_read, *SDK_HEADERS))),
    Piece("server.post", "bytes in, a handler that does nothing, bytes out", _served(post)),
    Piece("server.sdk", "the same with the SDK's head", _served(partial(post, *SDK_HEADERS))),
)
