"""One client socket of a sandbox: h11 reads requests, answers are written by hand.

h11 is used for reading only, with a fresh parser for each request (building one costs less than
sending an answer through it). Answers are plain bytes of ours, because a sandbox must also be able
to send what h11 would refuse to make: half a head, left-over bytes, two lengths. The vendor's
logic is synchronous and in memory, so a request without a scripted fault is answered inside
`data_received`, without a task or a future. Pipelined requests are answered in order.

Bodies are gathered, except uploads: those go chunk by chunk into a sink that only counts.
Long answers are produced while the socket takes them (`pause_writing`, `resume_writing`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol, cast

import h11

Obj = dict[str, Any]
"""A JSON object. Stored ones are replaced, never changed in place: events keep the old ones."""

Headers = Sequence[tuple[bytes, bytes]]

HEAD_BYTES_MAX: Final = 65_536
ZEROS: Final = bytes(262_144)
STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class Sink(Protocol):
    """Takes a body that is too long to keep."""

    def feed(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """method, path and query: as sent, decoded as ASCII. headers: names in lower case, in order.
    upload: the sink that took the body, when the vendor asked for one; body is empty then."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    upload: Sink | None = None

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower case) name."""
        for known, value in self.headers:
            if known == name:
                return value
        return None


@dataclass(slots=True)
class Answer:
    """body is sent as it is; with zeros=N, N zero bytes are streamed instead."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    zeros: int | None = None


class Begun(Protocol):
    """A request that passed the vendor's door: its idempotency key is in use until it ends."""

    def execute(self) -> Answer: ...

    def substitute(self, answer: Answer, *, stored: bool) -> Answer:
        """End without executing (or after it): this answer goes out, stored for a replay or not."""

    def abandon(self) -> None:
        """End as if the request had never arrived."""


class Vendor(Protocol):
    name: str

    def sink(self, method: str, path: str, headers: Headers) -> Sink | None: ...

    def begin(self, request: Request) -> Answer | Begun: ...


class Player(Protocol):
    """Takes a whole request and calls the connection's `send`, `send_raw` or `hang_up` for it."""

    @property
    def vendor(self) -> Vendor: ...

    def play(self, request: Request, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One client. Its door for the player: send, send_raw, hang_up, proceed.

    _busy: a request is with the player. _paused: the client takes no bytes. While either holds,
    nothing more is read from the parser.
    """

    __slots__ = (
        "_advancing",
        "_busy",
        "_chunks",
        "_closing",
        "_ended",
        "_head",
        "_open",
        "_parser",
        "_paused",
        "_player",
        "_sink",
        "_transport",
        "_zeros",
    )

    def __init__(self, player: Player, open_connections: set[Connection]) -> None:
        self._player = player
        self._open = open_connections
        self._parser = fresh_parser()
        self._transport: asyncio.Transport | None = None
        self._head: h11.Request | None = None
        self._chunks: list[bytes] = []
        self._sink: Sink | None = None
        self._advancing = False
        self._busy = False
        self._paused = False
        self._closing = False
        self._ended = False
        self._zeros = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._zeros = 0
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._parser.receive_data(data)
        self._advance()

    def eof_received(self) -> bool:
        """A client may close its sending side and still read: stay open while an answer is due."""
        self._ended = True
        return self._busy

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._zeros:
            self._pour()
        else:
            self._advance()

    # Reading.

    def _advance(self) -> None:
        """Take what the parser has, until it wants more or an answer is due. Not reentrant: an
        answer that is sent from inside comes back here by the loop, not by recursion."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while not (self._busy or self._paused or self._transport is None):
                event = self._parser.next_event()
                if event is h11.NEED_DATA:
                    self._welcome_body()
                    if self._ended:
                        self.hang_up()
                    return
                self._take(event)
        except h11.RemoteProtocolError:
            self.send_raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            self.hang_up()
        finally:
            self._advancing = False

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is h11.Request:
            self._start(event)
        elif kind is h11.EndOfMessage:
            self._finish()
        elif kind is not h11.Data:
            self.hang_up()
        elif self._sink is None:
            self._chunks.append(bytes(event.data))
        else:
            self._sink.feed(event.data)

    def _start(self, head: h11.Request) -> None:
        self._head = head
        method, path = head.method.decode(), head.target.partition(b"?")[0].decode("latin-1")
        self._sink = self._player.vendor.sink(method, path, head.headers)

    def _welcome_body(self) -> None:
        if self._parser.they_are_waiting_for_100_continue:
            self.send_raw(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._parser.send(h11.InformationalResponse(status_code=100, headers=[]))

    def _finish(self) -> None:
        head = self._head
        assert head is not None
        path, _, query = head.target.decode("latin-1").partition("?")
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        request = Request(head.method.decode(), path, query, head.headers, body, self._sink)
        connection = request.header(b"connection")
        if head.http_version != b"1.1" or (connection and connection.lower() == b"close"):
            self._closing = True
        rest, _ = self._parser.trailing_data
        self._parser = fresh_parser()
        if rest:
            self._parser.receive_data(rest)
        self._chunks, self._sink, self._head = [], None, None
        self._busy = True
        self._player.play(request, self)

    # Answering: the player's side.

    def send(self, answer: Answer, *, bodiless: bool = False) -> None:
        """Write one answer with its length and go on with the next request. bodiless: for HEAD."""
        length = len(answer.body) if answer.zeros is None else answer.zeros
        head = head_bytes(answer, length, closing=self._closing)
        if bodiless:
            self.send_raw(head)
        elif answer.zeros is None:
            self.send_raw(head + answer.body)
        else:
            self.send_raw(head)
            self._zeros = length
            self._pour()
            return
        self.proceed()

    def send_raw(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close after what was written, or at once with a reset."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        if reset:
            transport.abort()
        else:
            transport.close()

    def proceed(self) -> None:
        """The answer is out: the next request on this connection may be read."""
        self._busy = False
        if self._closing:
            self.hang_up()
        else:
            self._advance()

    def _pour(self) -> None:
        """Write zeros while the socket takes them; `resume_writing` comes back for the rest."""
        while self._zeros and not self._paused:
            count = min(self._zeros, len(ZEROS))
            self._zeros -= count
            self.send_raw(ZEROS if count == len(ZEROS) else ZEROS[:count])
        if not self._zeros and self._transport is not None:
            self.proceed()


def fresh_parser() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)


def head_bytes(answer: Answer, length: int | None, *, closing: bool = False) -> bytes:
    """The head of an answer. length None: the caller frames the body itself."""
    parts = [STATUS_LINES[answer.status]]
    for name, value in answer.headers:
        parts.append(b"%b: %b\r\n" % (name, value))
    if length is not None and answer.status != HTTPStatus.NO_CONTENT:
        parts.append(b"Content-Length: %d\r\n" % length)
    parts.append(b"Connection: close\r\n\r\n" if closing else b"\r\n")
    return b"".join(parts)


async def listen(
    player: Player, host: str, port: int
) -> tuple[asyncio.Server, set[Connection], Callable[[], str]]:
    """A listening server, its live connections, and its address as host:port."""
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(player, connections), host, port, backlog=4_096
    )

    def address() -> str:
        bound = server.sockets[0].getsockname()
        return f"{bound[0]}:{bound[1]}"

    return server, connections, address
