"""Streams: framed, closed whatever happens, and never finished when they broke."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from gateway.http import outflow as outflow_module
from gateway.http.message import Request, Response
from tests.unit.gateway.http.loopback import House
from tests.vendor_double import until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET_10 = b"GET / HTTP/1.0\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"


class Stream:
    """Pieces to give, then an exception perhaps; says whether it was closed."""

    def __init__(self, *pieces: bytes, failure: Exception | None = None) -> None:
        self._pieces = list(pieces)
        self._failure = failure
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        if self._pieces:
            return self._pieces.pop(0)
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


class Answers:
    """A handler that streams what it was given, the same for every request."""

    def __init__(self, stream: AsyncIterator[bytes], length: int | None, status: int = 200) -> None:
        self._answer = (status, stream, length)

    async def __call__(self, request: Request) -> Response:
        status, stream, length = self._answer
        return Response(status, [], stream=stream, length=length)


async def test_a_known_length_is_sent_as_such(house: House) -> None:
    stream = Stream(b"ab", b"", b"cde")
    client = await house.meet(Answers(stream, 5))
    reply = await client.ask(GET)
    assert (reply.body, reply.headers["content-length"]) == (b"abcde", "5")
    assert stream.closed


async def test_an_unknown_length_goes_out_in_chunks(house: House) -> None:
    stream = Stream(b"ab", b"", b"cde")
    client = await house.meet(Answers(stream, None))
    client.send(GET + GET)
    assert (await client.reply()).body == b"abcde"
    assert (await client.reply()).body == b""


async def test_http_10_gets_an_unknown_length_until_the_close(house: House) -> None:
    client = await house.meet(Answers(Stream(b"ab", b"cde"), None))
    reply = await client.ask(GET_10)
    assert reply.body == b"abcde"
    assert "transfer-encoding" not in reply.headers


@pytest.mark.parametrize(("raw", "status"), [(HEAD, 200), (GET, 304)])
async def test_a_bodiless_answer_closes_its_stream_unread(
    house: House, raw: bytes, status: int
) -> None:
    stream = Stream(b"ab")
    client = await house.meet(Answers(stream, 2, status))
    client.send(raw)
    assert (await client.reply(bodiless=True)).status == status
    client.send(raw)
    assert (await client.reply(bodiless=True)).status == status
    assert stream.closed


async def test_a_stream_need_not_be_closable(house: House) -> None:
    class Bare:
        def __init__(self) -> None:
            self._left = 2

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            self._left -= 1
            if self._left < 0:
                raise StopAsyncIteration
            return b"x"

    client = await house.meet(Answers(Bare(), None))
    assert (await client.ask(GET)).body == b"xx"


@pytest.mark.parametrize(
    ("stream", "length"),
    [
        (Stream(b"ab", failure=OSError("gone")), None),
        (Stream(b"ab", failure=OSError("gone")), 5),
        (Stream(b"ab"), 5),
        (Stream(b"ab", b"cdef"), 5),
    ],
)
async def test_a_broken_stream_is_never_finished(
    house: House, stream: Stream, length: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    client = await house.meet(Answers(stream, length))
    client.send(GET + GET)
    caplog.set_level(logging.WARNING, logger="keybrake.http")
    with pytest.raises(asyncio.IncompleteReadError):
        await client.reply()
    assert "broke off" in caplog.text
    assert stream.closed


async def test_a_broken_stream_without_framing_is_reset(house: House) -> None:
    client = await house.meet(Answers(Stream(b"ab", failure=OSError("gone")), None))
    with pytest.raises(ConnectionResetError):
        await client.ask(GET_10)


async def test_a_client_that_leaves_ends_its_stream(house: House) -> None:
    for length in (None, 1 << 40):
        ended = asyncio.Event()

        async def endless(ended: asyncio.Event = ended) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65_536
                    await asyncio.sleep(0)
            finally:
                ended.set()

        client = await house.meet(Answers(endless(), length))
        client.send(GET)
        await client.head()
        client.writer.transport.abort()
        await ended.wait()


async def test_an_answer_nobody_waits_for_closes_its_stream(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.http.server.CLOSE_WAIT_S", 0.01)
    stream, go_on, started = Stream(b"ab"), asyncio.Event(), asyncio.Event()

    async def late(request: Request) -> Response:
        started.set()
        await go_on.wait()
        return Response(200, [], stream=stream)

    server = house.serve(late)
    client = await house.connect(server)
    client.send(GET)
    await started.wait()
    await server.close()
    go_on.set()
    assert await server.drain(20.0)
    assert stream.closed


async def test_large_answers_leave_in_one_piece(house: House) -> None:
    async def large(request: Request) -> Response:
        return Response(200, [], b"x" * 5_000_000)

    client = await house.meet(large)
    client.send(GET + GET)
    for _ in range(2):
        assert len((await client.reply()).body) == 5_000_000


async def test_a_body_may_stream_out_while_it_comes_in(house: House) -> None:
    async def echo(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            while piece := await request.body.read():
                yield piece

        return Response(200, [], stream=pieces(), length=request.body.length)

    client = await house.meet(echo)
    body = bytes(range(256)) * 8_000
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    reply = await client.reply()
    assert reply.body == body
    assert "connection" not in reply.headers
    assert (await client.ask(GET)).status == 200


async def test_a_stream_that_leaves_a_long_body_unread_ends_the_connection(house: House) -> None:
    client = await house.meet(Answers(Stream(b"ab"), 2))
    reply = await client.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n")
    assert reply.body == b"ab"
    assert await client.at_end()


async def test_of_too_many_who_take_nothing_the_longest_is_cut_off(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each keeps a part of its answer in our memory, here and at the vendor's side."""
    monkeypatch.setattr(outflow_module, "STUCK_MAX", 2)
    streams: list[Stream] = []

    async def long(request: Request) -> Response:
        streams.append(Stream(*[b"x" * 65_536] * 400))
        return Response(200, [], stream=streams[-1])

    server = house.serve(long)
    service = server._service
    clients = []
    for stuck in (1, 2, 2, 2):
        clients.append(await house.connect(server))
        clients[-1].writer.transport.pause_reading()  # type: ignore[attr-defined]
        clients[-1].send(GET)
        await until(lambda: len(streams) == len(clients))
        await until(lambda: len(service.stuck) + service.cut_off == len(clients))
        assert len(service.stuck) == stuck
    await until(lambda: streams[1].closed)
    assert [stream.closed for stream in streams] == [True, True, False, False]
    for client in clients:
        client.writer.transport.abort()
    await service.emptied.wait()
    assert service.stuck == {}
