"""One client socket of a sandbox, without a socket: bytes in, bytes out."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from bench.sandbox.wire import (
    Answer,
    Begun,
    Connection,
    Headers,
    Request,
    Sink,
    Vendor,
    head_bytes,
)

GET = b"GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.ended = ""

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "reset"


class Counting:
    def __init__(self) -> None:
        self.count = 0

    def feed(self, data: bytes) -> None:
        self.count += len(data)


class Echo:
    """A player that answers with the path, or keeps the request for later."""

    name = "echo"

    def __init__(self, *, answers: bool = True) -> None:
        self.vendor: Vendor = self
        self.answers = answers
        self.requests: list[Request] = []

    def sink(self, method: str, path: str, headers: Headers) -> Sink | None:
        return Counting() if path == "/upload" else None

    def begin(self, request: Request) -> Answer | Begun:
        return Answer(200, request.path.encode())

    def play(self, request: Request, connection: Connection) -> None:
        self.requests.append(request)
        if self.answers:
            connection.send(cast("Answer", self.begin(request)))


def connected(player: Echo) -> tuple[Connection, Wire]:
    wire, connection = Wire(), Connection(player, set())
    connection.connection_made(wire)
    return connection, wire


def test_split_bytes_make_one_request() -> None:
    player = Echo()
    connection, wire = connected(player)
    data = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    for at in range(len(data)):
        connection.data_received(data[at : at + 1])
    [request] = player.requests
    assert (request.method, request.path, request.body) == ("POST", "/b", b"abc")
    assert wire.sent == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/b"


def test_pipelined_requests_wait_for_their_turn() -> None:
    player = Echo(answers=False)
    connection, wire = connected(player)
    connection.data_received(GET + GET.replace(b"/a", b"/b"))
    assert [request.path for request in player.requests] == ["/a"]
    connection.send(Answer(200, b"1"))
    assert [request.path for request in player.requests] == ["/a", "/b"]
    connection.send(Answer(200, b"2"))
    assert wire.sent.count(b"200 OK") == 2


def test_the_query_is_apart_and_headers_are_found() -> None:
    player = Echo()
    connected(player)[0].data_received(GET)
    [request] = player.requests
    assert (request.path, request.query, request.header(b"host")) == ("/a", "x=1", b"h")
    assert request.header(b"nothing") is None


def test_connections_close_when_they_should() -> None:
    for data in (GET.replace(b"1.1", b"1.0"), GET.replace(b"Host", b"Connection: close\r\nHost")):
        connection, wire = connected(Echo())
        connection.data_received(data)
        assert wire.ended == "closed"
        assert b"Connection: close" in wire.sent
    connection, wire = connected(Echo())
    connection.data_received(b"garbage\r\n\r\n")
    assert (wire.sent[:12], wire.ended) == (b"HTTP/1.1 400", "closed")
    connection, wire = connected(Echo())
    connection.hang_up(reset=True)
    connection.hang_up()
    assert wire.ended == "reset"


def test_a_half_closed_client_gets_all_its_answers() -> None:
    player = Echo(answers=False)
    connection, wire = connected(player)
    connection.data_received(GET + GET)
    assert connection.eof_received() is True
    connection.send(Answer(200, b"1"))
    connection.send(Answer(200, b"2"))
    assert (len(player.requests), wire.ended) == (2, "closed")


def test_expectations_are_met_and_uploads_counted() -> None:
    player = Echo()
    connection, wire = connected(player)
    head = b"POST /upload HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    connection.data_received(head)
    assert wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"hello")
    [request] = player.requests
    assert isinstance(request.upload, Counting)
    assert (request.upload.count, request.body) == (5, b"")


def test_long_answers_stop_when_the_client_does() -> None:
    connection, wire = connected(Echo(answers=False))
    connection.data_received(GET)
    connection.pause_writing()
    connection.send(Answer(200, b"", zeros=600_000))
    assert b"Content-Length: 600000" in wire.sent
    before = len(wire.sent)
    connection.resume_writing()
    assert len(wire.sent) - before == 600_000


def test_a_gone_client_is_not_written_to() -> None:
    player = Echo(answers=False)
    connection, wire = connected(player)
    connection.data_received(GET)
    connection.connection_lost(None)
    connection.send(Answer(200, b"late"))
    assert wire.sent == b""


def test_a_head_may_leave_its_framing_to_the_caller() -> None:
    assert head_bytes(Answer(204, b""), None) == b"HTTP/1.1 204 No Content\r\n\r\n"
