"""The load's own client against servers that answer in every legal way, and in none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import cast

import pytest

from bench import load
from bench.vendor import FACES, FixedVendor, request_end

GET = load.request("GET", "/x")


@asynccontextmanager
async def server(answer: bytes, *, close: bool = False) -> AsyncIterator[str]:
    """Gives `answer` for each request, in two pieces."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            for piece in (answer[:25], answer[25:]):
                writer.write(piece)
                await writer.drain()
            if close:
                break
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield "{}:{}".format(*listening.sockets[0].getsockname()[:2])


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n",
         200, b"hi!"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", 429, b""),
    ],
)  # fmt: skip
async def test_burst_reads_answers(answer: bytes, status: int, body: bytes) -> None:
    async with server(answer) as address:
        results = await load.burst(address, [GET] * 5, 2)
    assert [(result.status, result.body) for result in results] == [(status, body)] * 5
    assert all(result.seconds > 0 for result in results)


async def test_burst_keeps_the_order_of_requests() -> None:
    listening = await asyncio.get_running_loop().create_server(Named, "127.0.0.1", 0)
    async with listening:
        address = "{}:{}".format(*listening.sockets[0].getsockname()[:2])
        results = await load.burst(
            address, [load.request("GET", f"/{number}") for number in range(50)], 8
        )
    assert [int(result.body) for result in results] == list(range(50))
    assert results[0].header("content-LENGTH") == "2"
    assert results[0].header("nothing") is None


class Named(asyncio.Protocol):
    """Answers with the number in the path, in two digits."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        number = int(data.split()[1][1:])
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d" % number)


async def test_broken_answers_are_told_and_the_rest_goes_on() -> None:
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi", close=True) as address:
        results = await load.burst(address, [GET] * 3, 1)
    assert [(result.status, result.body) for result in results] == [(0, b"hi")] * 3
    assert all(result.broken for result in results)


@asynccontextmanager
async def fixed_vendor() -> AsyncIterator[str]:
    numbers = count(1)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: FixedVendor(numbers), "127.0.0.1", 0)
    async with listening:
        yield "{}:{}".format(*listening.sockets[0].getsockname()[:2])


async def test_closed_loop_counts_what_it_sent() -> None:
    post = load.form_post("/v1/payment_intents", "k", "amount=1")
    async with fixed_vendor() as address:
        tally = await load.closed_loop(address, post, 4, 0.05)
    assert tally.statuses == {200: len(tally.seconds)}
    assert len(tally.seconds) > 4
    assert tally.wall_s >= 0.05


async def test_open_loop_sends_its_schedule() -> None:
    async with fixed_vendor() as address:
        tally = await load.open_loop(address, GET, rate=1_000, seconds=0.1, connections=3)
    assert tally.statuses == {200: 100}


async def test_open_loop_keeps_what_another_clock_says_of_each_answer() -> None:
    told = count()
    async with fixed_vendor() as address:
        tally = await load.open_loop(
            address, GET, rate=1e6, seconds=3e-6, connections=1, watch=lambda: float(next(told))
        )
    assert tally.watched == [1.0, 1.0, 1.0], "one look when it leaves, one when it is answered"


async def test_open_loop_counts_a_stall_from_the_schedule() -> None:
    """One slow connection for 20 requests: the last waited for all before it."""
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as address:
        tally = await load.open_loop(address, GET, rate=1e6, seconds=20e-6, connections=1)
    assert tally.seconds == sorted(tally.seconds)
    assert tally.seconds[-1] > tally.seconds[0]


async def test_open_loop_ends_when_the_server_does() -> None:
    async with server(b"HTTP/1.1 200 OK\r\n", close=True) as address:
        tally = await load.open_loop(address, GET, rate=1_000, seconds=0.01, connections=2)
    assert tally.statuses == {0: 10}


def test_requests_are_framed() -> None:
    assert load.request("GET", "/", headers=[("A", "b")], host="h") == (
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n"
    )
    assert load.request("POST", "/").endswith(b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (GET, len(GET)),
        (GET[:-1], 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 41),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", 0),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 58),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n", 0),
    ],
)
def test_the_fixed_vendor_finds_the_end_of_a_request(data: bytes, end: int) -> None:
    assert request_end(data) == end


async def test_a_rush_connects_at_once_and_answers_each() -> None:
    async with fixed_vendor() as address:
        tally = await load.rush(address, GET, 20)
    assert tally.statuses == {200: 20}
    assert max(tally.seconds) <= tally.wall_s
    assert (await load.rush(address, GET, 2)).statuses == {0: 2}


@pytest.mark.parametrize("name", FACES)
async def test_the_fixed_vendor_answers_json_with_ids_of_its_own(name: str) -> None:
    head, _, body = FACES[name].answer(7).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    found, other = json.loads(body), json.loads(FACES[name].answer(8).partition(b"\r\n\r\n")[2])
    assert found != other
