"""The cheapest vendor there is: a fixed intent of 920 bytes for every request, from a raw protocol.

For benchmarks only, where the vendor must cost next to nothing: it looks for the end of a head and
for a length, and never reads what was asked. Each answer has an id of its own, since a gateway
remembers objects by id. `python -m bench.vendor` prints one JSON line with its address.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from typing import Final, cast

import uvloop

BODY_BYTES: Final = 920
_START: Final = b'{"id":"pi_%024x","object":"payment_intent","amount":1200,"amount_capturable":0,'
_REST: Final = (
    b'"amount_details":{"tip":{}},"amount_received":1200,"application":null,'
    b'"application_fee_amount":null,"automatic_payment_methods":null,"canceled_at":null,'
    b'"cancellation_reason":null,"capture_method":"automatic_async",'
    b'"client_secret":"pi_0_secret_0","confirmation_method":"automatic","created":1795000000,'
    b'"currency":"usd","customer":null,"description":null,"last_payment_error":null,'
    b'"latest_charge":"ch_000000000000000000000001","livemode":false,"metadata":{},'
    b'"next_action":null,"payment_method":"pm_000000000000000000000001",'
    b'"payment_method_types":["card"],"processing":null,"status":"succeeded"'
)
_END: Final = b',"x":"%b"}'
_PAD: Final = BODY_BYTES - len(_START % 0) - len(_REST) - len(_END % b"")
_TAIL: Final = _REST + _END % (b"x" * _PAD)
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_%024x\r\n"
    b"Content-Length: %d\r\n\r\n"
)
_LENGTH: Final = b"content-length:"


class FixedVendor(asyncio.Protocol):
    """One client of the fixed vendor."""

    __slots__ = ("_buffer", "_numbers", "_transport")

    def __init__(self, numbers: count[int]) -> None:
        self._numbers = numbers
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while end := request_end(self._buffer):
            self._buffer = self._buffer[end:]
            self._answer()

    def _answer(self) -> None:
        number = next(self._numbers)
        assert self._transport is not None
        self._transport.write(_HEAD % (number, BODY_BYTES) + _START % number + _TAIL)


def request_end(buffer: bytes) -> int:
    """Where the first request in the buffer ends; 0 when it is not complete. Bodies: by length, or
    one that comes in chunks and ends with the buffer."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return 0
    head = buffer[:head_end].lower()
    at = head.find(_LENGTH)
    if at >= 0:
        end = head_end + 4 + int(head[at + len(_LENGTH) :].partition(b"\r\n")[0])
        return end if len(buffer) >= end else 0
    if b"transfer-encoding: chunked" in head:
        return len(buffer) if buffer.endswith(b"0\r\n\r\n") else 0
    return head_end + 4


async def serve() -> None:
    numbers = count(1)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FixedVendor(numbers), "127.0.0.1", 0, backlog=4_096)
    host, port = server.sockets[0].getsockname()
    print(json.dumps({"vendor": "fixed", "address": f"{host}:{port}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        uvloop.run(serve())
    except KeyboardInterrupt:
        sys.exit(0)
