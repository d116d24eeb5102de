"""A connection seen from its client: order, keep-alive, bodies, deadlines and polite ends."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import BodyTooLarge, KeyMissing, RequestTimeout
from gateway.http.message import ClientGone, Request, Response
from gateway.http.phases import DISCARD_BYTES_MAX, LINGER_BYTES_MAX
from tests.unit.gateway.http.loopback import House

GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
HOST = b"Host: x\r\n"


def post(body: bytes, *lines: bytes, length: int | None = None) -> bytes:
    head = [b"POST /p HTTP/1.1", b"Host: x", *lines]
    head.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


async def ignore_body(request: Request) -> Response:
    return Response(200, [], b"unread")


async def test_requests_follow_each_other_on_one_connection(house: House) -> None:
    client = await house.meet()
    for number in range(3):
        reply = await client.ask(GET % number)
        assert (reply.status, reply.body) == (200, b"GET /%d " % number)
        assert set(reply.headers) == {"date", "content-length"}


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(house: House) -> None:
    running = 0

    async def slow(request: Request) -> Response:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        return Response(200, [], request.path.encode() + await request.body.read_all(9))

    client = await house.meet(slow)
    client.send(GET % 1 + post(b"body") + GET % 2 + GET % 3)
    bodies = [(await client.reply()).body for _ in range(4)]
    assert bodies == [b"/1", b"/pbody", b"/2", b"/3"]


async def test_between_pipelined_requests_others_have_their_turn(house: House) -> None:
    """An answer that waits for nothing would else hold the loop as long as there are requests."""
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count)

    async def at_once(request: Request) -> Response:
        return Response(200, [], str(turns).encode())

    client = await house.meet(at_once)
    count()
    client.send(b"".join(GET % number for number in range(50)))
    seen = [int((await client.reply()).body) for _ in range(50)]
    assert len(set(seen)) == 50


async def test_bytes_behind_a_running_call_wait_within_bounds(house: House) -> None:
    go_on = asyncio.Event()

    async def wait(request: Request) -> Response:
        await go_on.wait()
        return Response(200, [], request.path.encode())

    client = await house.meet(wait)
    wide = b"GET /1 HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n" % (b"b" * 12_000)
    client.send(GET % 0)
    while client.writer.transport.get_write_buffer_size() == 0:
        client.send(wide * 16)
        await asyncio.sleep(0)
    go_on.set()
    for number in (0, 1, 1, 1):
        assert (await client.reply()).body == b"/%d" % number


async def test_a_head_may_come_byte_by_byte(house: House) -> None:
    client = await house.meet()
    for byte in post(b"abc"):
        client.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert (await client.reply()).body == b"POST /p abc"


async def test_a_request_says_what_was_sent(house: House) -> None:
    seen: list[Request] = []

    async def look(request: Request) -> Response:
        seen.append(request)
        assert not request.gone()
        return Response(204, [])

    client = await house.meet(look)
    reply = await client.ask(b"GET /a/b?c=d?e HTTP/1.1\r\nHost: GW:1\r\nX-A: 1\r\n\r\n")
    assert reply.status == 204
    request = seen[0]
    assert (request.target, request.path, request.query) == ("/a/b?c=d?e", "/a/b", "c=d?e")
    assert (request.host, request.peer, request.headers[b"x-a"]) == ("gw", "127.0.0.1", b"1")
    assert (request.body.length, await request.body.read()) == (0, b"")
    assert request.is_http_11


async def test_chunked_bodies_come_in(house: House) -> None:
    client = await house.meet()
    client.send(b"POST /c HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab")
    client.send(b"c\r\n2\r\nde\r\n0\r\n\r\n" + GET % 1)
    assert (await client.reply()).body == b"POST /c abcde"
    assert (await client.reply()).body == b"GET /1 "


async def test_long_bodies_are_read_as_they_come(house: House) -> None:
    size = 3_000_000

    async def count(request: Request) -> Response:
        got = 0
        while piece := await request.body.read():
            assert type(piece) is bytes
            got += len(piece)
        return Response(200, [], b"%d" % got)

    client = await house.meet(count)
    reply = await client.ask(post(b"x" * size))
    assert reply.body == b"%d" % size


async def test_100_continue_is_sent_when_somebody_reads(house: House) -> None:
    reading = asyncio.Event()

    async def decide(request: Request) -> Response:
        await reading.wait()
        return Response(200, [], await request.body.read_all(10))

    client = await house.meet(decide)
    client.send(post(b"", b"Expect: 100-continue", length=4))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await client.reader.readexactly(1)
    reading.set()
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await client.ask(b"abcd")).body == b"abcd"
    assert (await client.ask(GET % 1)).status == 200


async def test_a_refused_client_keeps_its_body(house: House) -> None:
    async def refuse(request: Request) -> Response:
        raise KeyMissing

    client = await house.meet(refuse)
    reply = await client.ask(post(b"", b"Expect: 100-continue", length=4))
    assert (reply.status, reply.headers["connection"]) == (401, "close")
    assert await client.at_end()


async def test_a_body_that_came_unasked_is_not_invited(house: House) -> None:
    client = await house.meet()
    assert (await client.ask(post(b"abc", b"Expect: 100-continue"))).body == b"POST /p abc"


async def test_head_has_the_length_and_not_the_body(house: House) -> None:
    async def answer(request: Request) -> Response:
        return Response(200, [], b"abc")

    client = await house.meet(answer)
    client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.reply(bodiless=True)).headers["content-length"] == "3"
    assert (await client.ask(GET % 1)).body == b"abc"


async def test_http_10_is_answered_and_closed(house: House) -> None:
    client = await house.meet()
    reply = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET % 1)
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert await client.at_end()


async def test_connection_close_is_the_end(house: House) -> None:
    client = await house.meet()
    reply = await client.ask(b"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (reply.body, reply.headers["connection"]) == (b"GET /1 ", "close")
    assert await client.at_end()


async def test_a_handler_can_end_the_connection(house: House) -> None:
    async def last(request: Request) -> Response:
        return Response(200, [], b"bye", close=True)

    client = await house.meet(last)
    assert (await client.ask(GET % 1)).headers["connection"] == "close"
    assert await client.at_end()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n" % (b"b" * 20_000), 431),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"\x16\x03\x01", 400),
    ],
)
async def test_refused_framing_is_answered_closed_and_nothing_behind_it_read(
    house: House, raw: bytes, status: int
) -> None:
    async def never(request: Request) -> Response:
        raise AssertionError(request.path)

    client = await house.meet(never)
    reply = await client.ask(raw + GET % 1)
    assert (reply.status, reply.headers["connection"]) == (status, "close")
    assert await client.at_end()


async def test_a_refusal_behind_an_answer(house: House) -> None:
    client = await house.meet()
    client.send(GET % 1 + b"BAD\r\n\r\n")
    assert (await client.reply()).status == 200
    assert (await client.reply()).status == 400
    assert await client.at_end()


async def test_bad_chunks_reach_the_reader_and_end_the_connection(house: House) -> None:
    client = await house.meet()
    client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    reply = await client.ask(b"2;x\r\nde\r\n" + GET % 1)
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert await client.at_end()


async def test_a_body_too_large_is_refused_and_the_answer_arrives(house: House) -> None:
    async def small(request: Request) -> Response:
        return Response(200, [], await request.body.read_all(1000))

    client = await house.meet(small)
    reply = await client.ask(post(b"x" * 900_000))
    assert (reply.status, reply.headers["x-code"]) == (BodyTooLarge.status, BodyTooLarge.code)
    assert reply.headers["connection"] == "close"
    assert await client.at_end()


async def test_the_small_rest_of_a_body_is_read_away(house: House) -> None:
    client = await house.meet(ignore_body)
    reply = await client.ask(post(b"", length=DISCARD_BYTES_MAX))
    assert "connection" not in reply.headers
    client.send(b"x" * 60_000)
    client.send(b"x" * (DISCARD_BYTES_MAX - 60_000) + GET % 1)
    assert (await client.reply()).body == b"unread"
    assert (await client.ask(GET % 2)).body == b"unread"


@pytest.mark.parametrize(
    "raw",
    [
        post(b"", length=DISCARD_BYTES_MAX + 1),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
    ],
)
async def test_a_long_or_unknown_rest_ends_the_connection_politely(
    house: House, raw: bytes
) -> None:
    client = await house.meet(ignore_body)
    reply = await client.ask(raw)
    assert reply.headers["connection"] == "close"
    client.send(b"x" * 500_000)
    assert await client.at_end()


async def test_lingering_has_a_bound(house: House) -> None:
    server = house.serve(ignore_body)
    client = await house.connect(server)
    assert (await client.ask(post(b"", length=1 << 30))).status == 200
    while server.connections:
        if not client.writer.transport.is_closing():
            client.send(b"x" * (LINGER_BYTES_MAX // 4))
        await asyncio.sleep(0)


async def test_a_broken_handler_is_our_fault_and_keeps_the_connection(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request) -> Response:
        raise ZeroDivisionError

    client = await house.meet(broken)
    with caplog.at_level(logging.CRITICAL, logger="keybrake.http"):
        reply = await client.ask(GET % 1)
    assert (reply.status, reply.headers["x-code"]) == (500, "internal")
    assert (await client.ask(GET % 1)).status == 500


async def test_an_answer_that_cannot_be_written_is_a_close(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def split(request: Request) -> Response:
        return Response(200, [(b"a", b"b\r\nc: d")], b"")

    client = await house.meet(split)
    with caplog.at_level(logging.CRITICAL, logger="keybrake.http"):
        client.send(GET % 1)
        assert await client.at_end()


async def test_who_hangs_up_cancels_no_handler(house: House) -> None:
    started, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    gone: list[bool] = []

    async def work(request: Request) -> Response:
        gone.append(request.gone())
        started.set()
        await go_on.wait()
        gone.append(request.gone())
        ended.set()
        return Response(200, [], b"x" * 1_000_000)

    server = house.serve(work)
    client = await house.connect(server)
    client.send(GET % 1)
    await started.wait()
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()
    for _ in range(5):
        await asyncio.sleep(0)
    assert server.connections == 1
    go_on.set()
    await ended.wait()
    assert gone == [False, True]
    assert await server.drain(20.0)


async def test_half_a_close_still_gets_its_answers(house: House) -> None:
    client = await house.meet()
    client.send(GET % 1 + GET % 2)
    client.writer.write_eof()
    assert (await client.reply()).body == b"GET /1 "
    assert (await client.reply()).body == b"GET /2 "
    assert await client.at_end()


async def test_an_answer_reaches_a_client_that_sends_no_more(house: House) -> None:
    go_on, started = asyncio.Event(), asyncio.Event()
    gone: list[bool] = []

    async def wait(request: Request) -> Response:
        started.set()
        await go_on.wait()
        gone.append(request.gone())
        return Response(200, [], b"late")

    client = await house.meet(wait)
    client.send(GET % 1)
    client.writer.write_eof()
    await started.wait()
    await asyncio.sleep(0)
    go_on.set()
    assert (await client.reply()).body == b"late"
    assert len(gone) == 1
    assert await client.at_end()


async def test_a_reader_of_a_vanished_client_is_not_answered(house: House) -> None:
    ended, started = asyncio.Event(), asyncio.Event()

    async def read(request: Request) -> Response:
        started.set()
        try:
            return Response(200, [], await request.body.read_all(100))
        finally:
            ended.set()

    server = house.serve(read)
    client = await house.connect(server)
    client.send(post(b"", length=9))
    await started.wait()
    client.writer.transport.abort()
    await ended.wait()
    assert await server.drain(20.0)


@pytest.mark.parametrize("raw", [b"", b"GET / HT"])
async def test_a_client_that_leaves_before_its_head_is_whole_gets_nothing(
    house: House, raw: bytes
) -> None:
    client = await house.meet()
    client.send(raw)
    client.writer.write_eof()
    assert await client.at_end()


@pytest.mark.parametrize("framing", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
async def test_half_a_body_is_no_body(house: House, framing: bytes) -> None:
    failures: list[type[Exception]] = []

    async def read(request: Request) -> Response:
        try:
            return Response(200, [], await request.body.read_all(100))
        except ClientGone as exc:
            failures.append(type(exc))
            raise

    client = await house.meet(read)
    client.send(b"POST / HTTP/1.1\r\n" + HOST + framing + b"\r\n\r\n3\r\nab")
    client.writer.write_eof()
    assert (await client.reply()).status == 400
    assert failures == [ClientGone]
    assert await client.at_end()


async def test_an_unread_half_body_ends_with_its_client(house: House) -> None:
    server = house.serve(ignore_body)
    client = await house.connect(server)
    assert (await client.ask(post(b"ab", length=9))).status == 200
    client.writer.write_eof()
    assert await client.at_end()


async def test_a_slow_head_is_408(house: House) -> None:
    client = await house.meet(head_timeout_s=0.02)
    reply = await client.ask(b"GET / HTTP/1.1\r\nHos")
    assert (reply.status, reply.headers["x-code"]) == (408, RequestTimeout.code)
    assert await client.at_end()


async def test_a_head_that_drips_is_late_all_the_same(house: House) -> None:
    client = await house.meet(head_timeout_s=0.02)
    answered = asyncio.ensure_future(client.reply())
    while not answered.done():
        client.send(b"G")
        await asyncio.sleep(0.001)
    assert (await answered).status == 408


async def test_a_slow_body_is_408(house: House) -> None:
    client = await house.meet(body_timeout_s=0.02)
    reply = await client.ask(post(b"ab", length=9))
    assert (reply.status, reply.headers["connection"]) == (408, "close")
    assert await client.at_end()


async def test_a_streamed_body_may_take_longer_if_it_makes_its_rate(house: House) -> None:
    """100 bytes at 1,000 a second are good for 0.1 s beyond any shorter timeout."""
    reached = asyncio.Event()

    async def read(request: Request) -> Response:
        began_s = asyncio.get_running_loop().time()
        got = b""
        try:
            while piece := await request.body.read():
                got += piece
                reached.set()
        except RequestTimeout:
            took_s = asyncio.get_running_loop().time() - began_s
            return Response(408, [], b"%d %d" % (len(got), took_s >= 0.09))
        raise AssertionError("it never came to an end")

    client = await house.meet(read, body_timeout_s=0.01, body_rate_min=1000)
    assert (await client.ask(post(b"x" * 100, length=200))).body == b"100 1"


async def test_an_idle_connection_is_closed(house: House) -> None:
    client = await house.meet(idle_timeout_s=0.5)
    assert (await client.ask(GET % 1)).status == 200
    assert await client.at_end()


async def test_a_rest_that_never_comes_is_not_waited_for_long(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.http.connection.LINGER_S", 0.01)
    client = await house.meet(ignore_body, idle_timeout_s=0.5)
    assert (await client.ask(post(b"", length=100))).status == 200
    assert await client.at_end()


async def test_a_client_that_takes_nothing_is_cut_off(house: House) -> None:
    closed = asyncio.Event()

    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65_536
            finally:
                closed.set()

        return Response(200, [], stream=pieces())

    server = house.serve(endless, write_timeout_s=0.02)
    client = await house.connect(server, limit=1024)
    client.send(GET % 1)
    await closed.wait()
    assert await server.drain(20.0)


async def test_a_closed_connection_that_takes_nothing_is_cut_off(house: House) -> None:
    async def large(request: Request) -> Response:
        return Response(200, [], b"x" * 8_000_000, close=True)

    server = house.serve(large, write_timeout_s=0.3)
    client = await house.connect(server, limit=1024)
    client.send(GET % 1)
    await client.reader.readexactly(1)
    assert await server.drain(20.0)


async def test_a_slow_reader_slows_the_stream_and_memory_stays_bounded(house: House) -> None:
    """Pieces made and pieces taken never differ by more than the buffers hold."""
    made = 0

    async def long(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal made
            for _ in range(1024):
                made += 65_536
                yield b"x" * 65_536

        return Response(200, [], stream=pieces(), length=65_536 * 1024)

    client = await house.meet(long)
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.send(GET % 1)
    await client.head()
    taken, widest = 0, 0
    while taken < 65_536 * 1024:
        taken += len(await client.reader.read(65_536))
        widest = max(widest, made - taken)
    assert widest < 12_000_000


async def test_a_slow_handler_slows_its_client(house: House) -> None:
    go_on = asyncio.Event()

    async def wait(request: Request) -> Response:
        await go_on.wait()
        got = 0
        while piece := await request.body.read():
            got += len(piece)
        return Response(200, [], b"%d" % got)

    size = 40_000_000
    client = await house.meet(wait)
    client.send(post(b"x" * size))
    transport = client.writer.transport
    before, same = -1, 0
    while same < 50:  # the socket takes no more: both kernels and our mark are full
        left = transport.get_write_buffer_size()
        same = same + 1 if left == before else 0
        before = left
        await asyncio.sleep(0.001)
    assert before > size // 2
    go_on.set()
    assert (await client.reply()).body == b"%d" % size


# ── streams that last ───────────────────────────────────────────────────────────────────────────


class News:
    """A handler whose answer is a stream that waits until it is told, or its client has gone."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.waiting = asyncio.Event()
        self.closed = asyncio.Event()
        self.over = False

    async def __call__(self, request: Request) -> Response:
        request.on_gone(self.wake.set)
        return Response(200, [(b"content-type", b"text/event-stream")], stream=self._tell(request))

    async def _tell(self, request: Request) -> AsyncIterator[bytes]:
        try:
            yield b": hello\n\n"
            while not self.over and not request.gone():
                self.waiting.set()
                await self.wake.wait()
                self.wake.clear()
                yield b"data: news\n\n"
        finally:
            self.closed.set()


SHORT: dict[str, Any] = {
    "head_timeout_s": 0.01,
    "body_timeout_s": 0.01,
    "write_timeout_s": 0.01,
    "idle_timeout_s": 0.01,
}


async def test_no_deadline_cuts_a_stream_whose_client_reads(house: House) -> None:
    news = News()
    server = house.serve(news, **SHORT)
    client = await house.connect(server)
    client.send(GET % 1)
    assert (await client.head())[1]["transfer-encoding"] == "chunked"
    expired = asyncio.Event()
    deaf = await house.connect(server)  # its own deadline passes, and the stream's does not
    asyncio.get_running_loop().create_task(deaf.at_end()).add_done_callback(lambda _: expired.set())
    await expired.wait()
    news.over = True
    news.wake.set()
    assert await client._chunks() == b": hello\n\ndata: news\n\n"
    assert not client.reader.at_eof()


@pytest.mark.parametrize("goodbye", ["close", "half-close", "reset"])
async def test_a_hang_up_ends_a_stream_that_waits(house: House, goodbye: str) -> None:
    news = News()
    server = house.serve(news)
    client = await house.connect(server)
    client.send(GET % 1)
    await news.waiting.wait()
    if goodbye == "half-close":
        client.writer.write_eof()
    elif goodbye == "reset":
        client.writer.transport.abort()
    else:
        await client.close()
    await news.closed.wait()
    await server._service.emptied.wait()


async def test_a_drain_ends_as_soon_as_the_stream_does(house: House) -> None:
    news = News()
    server = house.serve(news)
    client = await house.connect(server)
    client.send(GET % 1)
    await news.waiting.wait()
    draining = asyncio.get_running_loop().create_task(server.drain(20.0))
    await asyncio.sleep(0)
    assert not draining.done()
    news.over = True
    news.wake.set()
    assert await draining
    assert (await client.reply()).body == b": hello\n\ndata: news\n\n"


async def test_who_asks_after_the_hang_up_is_told_at_once(house: House) -> None:
    started, told = asyncio.Event(), asyncio.Event()

    async def late(request: Request) -> Response:
        request.on_gone(started.set)
        request.on_gone(both.set)
        await started.wait()
        await both.wait()
        request.on_gone(told.set)
        return Response(200, [])

    both = asyncio.Event()
    client = await house.meet(late)
    client.send(GET % 1)
    client.writer.write_eof()
    await told.wait()
    assert (await client.reply()).status == 200


async def test_nobody_is_told_of_a_hang_up_after_the_answer(house: House) -> None:
    told: list[int] = []

    async def answer(request: Request) -> Response:
        request.on_gone(lambda: told.append(1))
        return Response(200, [])

    server = house.serve(answer)
    client = await house.connect(server)
    assert (await client.ask(GET % 1)).status == 200
    await client.close()
    await server._service.emptied.wait()
    assert told == []
