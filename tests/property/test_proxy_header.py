"""Any bytes in any split: the PROXY reader never crashes, never differs, and is never asked by
somebody who is not trusted."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from itertools import pairwise

import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.message import Request, Response
from gateway.http.proxyheader import NoProxyHeader, ProxyHeader, read_header, receive
from gateway.http.server import Server
from gateway.settings import ServerSettings

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.8 55123 443\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

fixed = st.builds(
    lambda command, kind, size: bytes((command, kind)) + size.to_bytes(2),
    st.sampled_from((0x20, 0x21, 0x11)),
    st.sampled_from((0x00, 0x11, 0x21, 0x31, 0x12)),
    st.integers(0, 60) | st.integers(0, 65_535),
)
words = st.sampled_from((b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b"192.0.2.7 ", b"::1 ", b"1 "))
headers = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda head, rest: SIGNATURE + head + rest, fixed, st.binary(max_size=80)),
    st.builds(lambda found: b"".join(found) + b"\r\n", st.lists(words, max_size=9)),
    st.just(V1),
)
cuts = st.lists(st.integers(0, 5_000), max_size=8)


def outcome(data: bytes) -> ProxyHeader | type[NoProxyHeader] | None:
    try:
        return read_header(data)
    except NoProxyHeader:
        return NoProxyHeader


@given(headers)
def test_once_decided_it_stays_decided(data: bytes) -> None:
    told = [outcome(data[:size]) for size in range(len(data) + 1)]
    decided = [one for one in told if one is not None]
    assert len(set(decided)) <= 1
    assert told == [None] * (len(told) - len(decided)) + decided


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(edges)]


@settings(max_examples=60, deadline=None)
@given(headers, cuts)
def test_a_socket_in_any_split_gives_what_the_whole_bytes_give(
    data: bytes, cuts: list[int]
) -> None:
    ours, theirs = socket.socketpair()

    async def hear() -> object:
        loop = asyncio.get_running_loop()
        ours.setblocking(False)
        task = loop.create_task(receive(ours, loop))
        with suppress(BrokenPipeError, ConnectionResetError), theirs:
            for piece in pieces_of(data, cuts):
                theirs.sendall(piece)
                await asyncio.sleep(0)
        try:
            return await task
        except NoProxyHeader:
            return NoProxyHeader

    with ours, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(hear()) == (outcome(data) or NoProxyHeader)


async def _peers(data: bytes, cuts: list[int], trusted: str) -> list[str]:
    """Peers of the requests that a listener makes of these bytes."""
    peers: list[str] = []

    async def note(request: Request) -> Response:
        peers.append(request.peer)
        return Response(200, [])

    limits = ServerSettings(listen="127.0.0.1:0", trusted_proxies=(trusted,), proxy_protocol=True)
    server = Server(note, lambda refusal: Response(refusal.status, []), limits)
    server.start()
    reader, writer = await asyncio.open_connection(*server.address)
    with suppress(ConnectionError):
        for piece in pieces_of(data, cuts):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        await reader.read()
    writer.close()
    await server.close()
    return peers


@settings(max_examples=40, deadline=None)
@given(headers, cuts)
def test_a_stranger_is_never_believed(data: bytes, cuts: list[int]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        peers = runner.run(_peers(data + GET, cuts, "10.0.0.1"))
    assert set(peers) <= {"127.0.0.1"}


@settings(max_examples=40, deadline=None)
@given(headers, cuts)
def test_a_balancer_s_request_has_the_source_that_its_header_names(
    data: bytes, cuts: list[int]
) -> None:
    found = outcome(data + GET)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        peers = runner.run(_peers(data + GET, cuts, "127.0.0.1"))
    if isinstance(found, ProxyHeader):
        assert set(peers) <= {found.source or "127.0.0.1"}
    else:
        assert peers == []
