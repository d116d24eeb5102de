"""The peer we compare with: a bare aiohttp reverse proxy that swaps one header, no more.

    python bench/peers/aiohttp_proxy.py --vendor http://127.0.0.1:8001 --secret sk_test_x

No budget, no journal, no allowlist: what remains is what a Python proxy costs before it thinks. It
is written as aiohttp's own pages show it (`web.Application`, `ClientSession`), with uvloop, without
an access log, and with its start-up objects frozen, as ours are. Small bodies are read whole, which
is the cheapest; `--stream` passes them on as they come, both ways."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from collections.abc import Awaitable, Callable

import aiohttp
import uvloop
from aiohttp import web

DROPPED = frozenset({"host", "authorization", "content-length", "connection", "transfer-encoding"})


def proxy(
    session: aiohttp.ClientSession, vendor: str, secret: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in DROPPED
        }
        headers["Authorization"] = f"Bearer {secret}"
        body = await request.read()
        async with session.request(
            request.method, vendor + request.path_qs, headers=headers, data=body or None
        ) as answer:
            content = await answer.read()
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date")
            }
            return web.Response(status=answer.status, headers=kept, body=content)

    return handle


def stream(
    session: aiohttp.ClientSession, vendor: str, secret: str
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {"Authorization": f"Bearer {secret}"}
        for name in ("Content-Type", "Content-Length"):
            if name in request.headers:
                headers[name] = request.headers[name]
        body = request.content if request.body_exists else None
        async with session.request(
            request.method, vendor + request.path_qs, headers=headers, data=body
        ) as answer:
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            response.content_length = answer.content_length
            await response.prepare(request)
            async for data in answer.content.iter_any():
                await response.write(data)
            await response.write_eof()
            return response

    return handle


async def serve(vendor: str, secret: str, *, streaming: bool) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        application = web.Application(client_max_size=1024**3)
        handle = (stream if streaming else proxy)(session, vendor, secret)
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4_096)
        await site.start()
        host, port = runner.addresses[0][:2]
        print(json.dumps({"peer": "aiohttp", "address": f"{host}:{port}"}), flush=True)
        gc.collect()
        gc.freeze()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vendor", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--stream", action="store_true")
    given = parser.parse_args()
    uvloop.run(serve(given.vendor, given.secret, streaming=given.stream))
