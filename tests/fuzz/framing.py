"""What comes from callers before anything is decided: heads, bodies in chunks, PROXY headers.

h11 reads the same bytes beside us. It is the more lenient reader: it may take what we refuse, but
of what we take it must make the same.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import h11
import uvloop

from gateway.errors import RequestMalformed
from gateway.http import secondreader
from gateway.http.bodygate import ChunkedGate
from gateway.http.connection import Connection
from gateway.http.headgate import MAY_REPEAT
from gateway.http.message import Request, Response
from gateway.http.proxyheader import NoProxyHeader, ProxyHeader, read_header
from gateway.http.service import Service
from gateway.settings import ServerSettings
from tests.fuzz.tape import Tape, Target, cut
from tests.socketless import Wire

LIMITS = ServerSettings(head_bytes_max=1_024, headers_max=12, target_bytes_max=256)
_LOOP = uvloop.new_event_loop()
Whole = tuple[str, str, Mapping[bytes, bytes], bytes]
"""A request: method, target, headers, body."""
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


@dataclass(slots=True)
class Heard:
    """What a connection made of bytes: the requests it handed on, with their bodies where they
    came whole, and the statuses it answered with."""

    requests: list[Whole] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


async def _serve(raw: bytes, sizes: bytes) -> Heard:
    heard = Heard()

    async def note(request: Request) -> Response:
        body = await request.body.read_all(1 << 20)
        heard.requests.append((request.method, request.target, request.headers, body))
        return Response(200, [])

    service = Service(note, lambda refusal: Response(refusal.status, []), LIMITS)
    service.admit("peer")
    wire, connection = Wire(), Connection(service, "peer")
    connection.connection_made(wire)
    for piece in cut(raw, sizes):
        if not wire.closed:
            connection.data_received(piece)
            await asyncio.sleep(0)
    while connection._task is not None:
        connection.eof_received()
        await asyncio.sleep(0)
    connection.connection_lost(None)
    assert not service.connections
    heard.statuses += map(int, _STATUS.findall(wire.written))
    return heard


def serve(raw: bytes, sizes: bytes, *, shapes: bool = True) -> Heard:
    """shapes: heads of a known shape are not shown to h11 again."""
    before, secondreader.ENABLED = secondreader.ENABLED, shapes
    try:
        return _LOOP.run_until_complete(_serve(raw, sizes))
    finally:
        secondreader.ENABLED = before


def requests_of_h11(raw: bytes) -> list[Whole]:
    """Whole requests, as h11 alone reads them; a header that may repeat is left out."""
    found: list[Whole] = []
    reader = h11.Connection(h11.SERVER, 1 << 20)
    reader.receive_data(raw)
    try:
        while type(head := reader.next_event()) is h11.Request:
            body = b""
            while type(event := reader.next_event()) is h11.Data:
                body += event.data
            if type(event) is not h11.EndOfMessage:
                break
            found.append((head.method.decode(), head.target.decode(), _lone(head), body))
            reader.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
            reader.send(h11.EndOfMessage())
            reader.start_next_cycle()
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        pass
    return found


def _lone(head: h11.Request) -> dict[bytes, bytes]:
    return {name: value for name, value in head.headers if name not in MAY_REPEAT}


def request(data: bytes) -> None:
    """However it is cut, and whoever reads along: the same requests, and h11 finds them too."""
    tape = Tape(data)
    sizes = tape.sizes()
    raw = tape.rest()
    whole, pieces, plain = serve(raw, b""), serve(raw, sizes), serve(raw, sizes, shapes=False)
    assert pieces == plain
    assert pieces.requests == whole.requests
    assert len(whole.statuses) >= len(whole.requests)
    theirs = requests_of_h11(raw)
    ours = [
        (method, target, {n: v for n, v in headers.items() if n not in MAY_REPEAT}, body)
        for method, target, headers, body in whole.requests
    ]
    assert ours == theirs[: len(ours)]


def _chunks(pieces: list[bytes]) -> tuple[str, bytes, bytes]:
    """How it went, the body, and what lies behind it."""
    gate, body = ChunkedGate(), list[bytes]()
    for number, piece in enumerate(pieces):
        try:
            rest = gate.take(piece, body)
        except RequestMalformed:
            return "refused", b"", b""
        if rest is not None:
            return "whole", b"".join(body), rest + b"".join(pieces[number + 1 :])
    return "goes on", b"".join(body), b""


def chunked_body(data: bytes) -> None:
    tape = Tape(data)
    sizes = tape.sizes()
    raw = tape.rest()
    ours = _chunks([raw])
    assert _chunks(list(cut(raw, sizes))) == ours
    theirs = h11.Connection(h11.SERVER, 1 << 20)
    theirs.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + raw)
    theirs.next_event()
    body, event = b"", None
    try:
        while type(event := theirs.next_event()) is h11.Data:
            body += event.data
    except h11.RemoteProtocolError:
        assert ours[0] == "refused"
        return
    ended = type(event) is h11.EndOfMessage
    if ours[0] != "refused":
        assert (ours[0] == "whole") is ended
        assert ours[1] == body
        assert not ended or ours[2] == theirs.trailing_data[0]


def _proxy_header(data: bytes) -> ProxyHeader | str | None:
    try:
        return read_header(data)
    except NoProxyHeader:
        return "none"


def proxy_header(data: bytes) -> None:
    """Once decided it stays decided, and a source is an address as the machine would write it."""
    told = [_proxy_header(data[:size]) for size in range(len(data) + 1)]
    decided = [header for header in told if header is not None]
    assert len(set(decided)) <= 1
    assert told == [None] * (len(told) - len(decided)) + decided
    header = decided[0] if decided else None
    if isinstance(header, ProxyHeader):
        assert header.size <= len(data)
        assert header.source in (None, str(ipaddress.ip_address(header.source or "::")))


TARGETS = (
    Target("request", request),
    Target("chunks", chunked_body),
    Target("proxyheader", proxy_header, 512),
)
