"""Listeners on loopback, and a client that speaks bytes and reads answers by their framing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import Refusal
from gateway.http.message import Request, Response
from gateway.http.server import Server
from gateway.http.tls import Tls
from gateway.settings import ServerSettings


def render(refusal: Refusal) -> Response:
    return Response(refusal.status, [(b"x-code", refusal.code.encode())], refusal.text.encode())


async def answer_ok(request: Request) -> Response:
    body = await request.body.read_all(1 << 20)
    return Response(200, [], f"{request.method} {request.target} ".encode() + body)


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One socket. Answers are read by their framing, strictly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = raw[:-4].split("\r\n")
        pairs = [header.split(": ", 1) for header in lines]
        headers = dict(pairs)
        assert len(headers) == len(pairs)
        return int(line.split()[1]), headers

    async def reply(self, *, bodiless: bool = False) -> Reply:
        status, headers = await self.head()
        if bodiless or status in (204, 304):
            return Reply(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Reply(status, headers, await self._chunks())
        if "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
            return Reply(status, headers, body)
        return Reply(status, headers, await self.reader.read())

    async def ask(self, data: bytes) -> Reply:
        self.send(data)
        return await self.reply()

    async def at_end(self) -> bool:
        return await self.reader.read() == b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return body


class House:
    """Starts servers and clients, and cleans up after them."""

    def __init__(self) -> None:
        self._servers: list[Server] = []
        self._clients: list[Client] = []

    def serve(
        self,
        handler: Callable[[Request], Awaitable[Response]] = answer_ok,
        tls: Tls | None = None,
        **changes: Any,
    ) -> Server:
        settings = replace(ServerSettings(listen="127.0.0.1:0"), **changes)
        server = Server(handler, render, settings, tls=tls)
        server.start()
        self._servers.append(server)
        return server

    async def connect(self, server: Server, **options: Any) -> Client:
        client = Client(*await asyncio.open_connection(*server.address, **options))
        self._clients.append(client)
        return client

    async def meet(
        self, handler: Callable[[Request], Awaitable[Response]] = answer_ok, **changes: Any
    ) -> Client:
        return await self.connect(self.serve(handler, **changes))

    async def clean(self) -> None:
        for client in self._clients:
            await client.close()
        for server in self._servers:
            await server.close()
