"""A peer: a reverse proxy on uvicorn (httptools, uvloop) and httpx that swaps one header.

    python bench/peers/uvicorn_proxy.py --vendor http://127.0.0.1:8001 --secret sk_test_x

What most people write when they write a proxy in Python today; a bare ASGI application, so that no
framework's routing is in the figures. It runs in an environment of its own (uvicorn.txt)."""

from __future__ import annotations

import argparse
import gc
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
DROPPED = frozenset(
    {b"host", b"authorization", b"content-length", b"connection", b"transfer-encoding"}
)
KEPT_BACK = frozenset({b"content-length", b"transfer-encoding", b"connection", b"date"})


class Proxy:
    """The application."""

    def __init__(self, vendor: str, secret: str) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(base_url=vendor, limits=limits, timeout=None)
        self._secret = (b"authorization", f"Bearer {secret}".encode())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = [pair for pair in scope["headers"] if pair[0] not in DROPPED]
        path = scope["raw_path"].decode()
        if scope["query_string"]:
            path += "?" + scope["query_string"].decode()
        answer = await self._client.request(
            scope["method"],
            path,
            headers=[*headers, self._secret],
            content=await whole_body(receive),
        )
        kept = [pair for pair in answer.headers.raw if pair[0].lower() not in KEPT_BACK]
        kept.append((b"content-length", str(len(answer.content)).encode()))
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": answer.content})


async def whole_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vendor", required=True)
    parser.add_argument("--secret", required=True)
    given = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    host, port = listener.getsockname()
    config = uvicorn.Config(
        Proxy(given.vendor, given.secret),
        lifespan="off",
        access_log=False,
        log_level="warning",
        backlog=4_096,
    )
    print(json.dumps({"peer": "uvicorn", "address": f"{host}:{port}"}), flush=True)
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
