"""The cheapest vendor there is: a fixed answer for every request, from a raw protocol.

For benchmarks only, where the vendor must cost next to nothing: it looks for the end of a head and
for a length, and never reads what was asked. So each kind of answer has a listener of its own: a
Stripe intent of 920 bytes, a Twilio message, the id of a Resend mail; the intent again over TLS,
and once more after 30 s; and bodies by the gigabyte (bulk.py). Each answer has an id of its own,
since a gateway remembers objects by id.

    python -m bench.vendor [--tls-cert FILE]

prints one JSON line with its addresses once they listen. FILE: certificate and key.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final, cast

import uvloop

from bench.bulk import BulkVendor

TWILIO_SID: Final = "AC" + "7" * 32
BODY_BYTES: Final = 920
_INTENT: Final = b'{"id":"pi_%024x","object":"payment_intent","amount":1200,"amount_capturable":0,'
_INTENT_REST: Final = (
    b'"amount_details":{"tip":{}},"amount_received":1200,"application":null,'
    b'"application_fee_amount":null,"automatic_payment_methods":null,"canceled_at":null,'
    b'"cancellation_reason":null,"capture_method":"automatic_async",'
    b'"client_secret":"pi_0_secret_0","confirmation_method":"automatic","created":1795000000,'
    b'"currency":"usd","customer":null,"description":null,"last_payment_error":null,'
    b'"latest_charge":"ch_000000000000000000000001","livemode":false,"metadata":{},'
    b'"next_action":null,"payment_method":"pm_000000000000000000000001",'
    b'"payment_method_types":["card"],"processing":null,"status":"succeeded"'
)
_INTENT_END: Final = b',"x":"%b"}'
_PAD: Final = BODY_BYTES - len(_INTENT % 0) - len(_INTENT_REST) - len(_INTENT_END % b"")
_MESSAGE: Final = b'{"sid":"SM%032x",'
_MESSAGE_REST: Final = (
    b'"account_sid":"%(sid)b","api_version":"2010-04-01","body":"Your order is on its way.",'
    b'"date_created":"Mon, 23 Nov 2026 09:00:00 +0000","date_sent":null,'
    b'"date_updated":"Mon, 23 Nov 2026 09:00:00 +0000","direction":"outbound-api",'
    b'"error_code":null,"error_message":null,"from":"+15005550006","messaging_service_sid":null,'
    b'"num_media":"0","num_segments":"1","price":null,"price_unit":"USD","status":"queued",'
    b'"subresource_uris":{},"to":"+14155550100","uri":"/2010-04-01/Accounts/%(sid)b/Messages"}'
) % {b"sid": TWILIO_SID.encode()}
_HEAD: Final = (
    b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nRequest-Id: req_%%024x\r\n"
    b"Content-Length: %d\r\n\r\n"
)
_LENGTH: Final = b"content-length:"
SLOW_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Face:
    """How an answer looks. head and start: each has room for a number; rest: is always the same."""

    head: bytes
    start: bytes
    rest: bytes

    @classmethod
    def of(cls, status: bytes, start: bytes, rest: bytes) -> Face:
        return cls(_HEAD % (status, len(start % 0) + len(rest)), start, rest)

    def answer(self, number: int) -> bytes:
        return self.head % number + self.start % number + self.rest


STRIPE: Final = Face.of(b"200 OK", _INTENT, _INTENT_REST + _INTENT_END % (b"x" * _PAD))
TWILIO: Final = Face.of(b"201 Created", _MESSAGE, _MESSAGE_REST)
RESEND: Final = Face.of(b"200 OK", b'{"id":"00000000-0000-4000-8000-%012x"', b"}")
FACES: Final = {"stripe": STRIPE, "twilio": TWILIO, "resend": RESEND}


class FixedVendor(asyncio.Protocol):
    """One client of the fixed vendor."""

    __slots__ = ("_buffer", "_face", "_numbers", "_transport")

    def __init__(self, numbers: count[int], face: Face = STRIPE) -> None:
        self._numbers = numbers
        self._face = face
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
        assert self._transport is not None
        self._transport.write(self._face.answer(next(self._numbers)))


class SlowVendor(FixedVendor):
    """One whose answers take SLOW_S."""

    __slots__ = ()

    def _answer(self) -> None:
        asyncio.get_running_loop().call_later(SLOW_S, self._answer_late)

    def _answer_late(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            super()._answer()


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


# The process.


async def serve(tls_cert: str) -> None:
    """address: the intents, as long as there was nothing else."""
    numbers = count(1)
    told = {
        name: await _listen(partial(FixedVendor, numbers, face)) for name, face in FACES.items()
    }
    told["slow"] = await _listen(partial(SlowVendor, numbers))
    told["bulk"] = await _listen(BulkVendor)
    if tls_cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls_cert)
        told["tls"] = await _listen(partial(FixedVendor, numbers), context)
    print(json.dumps({"vendor": "fixed", "address": told["stripe"], **told}), flush=True)
    await asyncio.Event().wait()


async def _listen(
    protocol: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None = None
) -> str:
    """Its address."""
    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, backlog=4_096, ssl=tls
    )
    _SERVERS.append(server)
    host, port = server.sockets[0].getsockname()
    return f"{host}:{port}"


_SERVERS: Final[list[asyncio.Server]] = []
"""Kept: a server that nobody holds is closed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.vendor")
    parser.add_argument("--tls-cert", default="", metavar="FILE")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(parser.parse_args().tls_cert))
    return 0


if __name__ == "__main__":
    sys.exit(main())
