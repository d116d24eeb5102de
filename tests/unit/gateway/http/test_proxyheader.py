"""Both versions of the PROXY header, whole, in pieces, and what is none."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.http.proxyheader import (
    V1_BYTES_MAX,
    V2_BYTES_MAX,
    NoProxyHeader,
    ProxyHeader,
    read_header,
    receive,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.8 55123 443\r\n"


def v2(payload: bytes, command: int = 0x21, kind: int = 0x11, size: int | None = None) -> bytes:
    length = len(payload) if size is None else size
    return SIGNATURE + bytes((command, kind)) + length.to_bytes(2) + payload


V4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.8") + b"\xd7\x53\x01\xbb"
V6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::8")
    + b"\xd7\x53\x01\xbb"
)
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.7") * 2 + b"\0\1\0\2"
NOTES = b"\x02\x00\x0egw.example.com\x04\x00\x03\0\0\0"


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (V1, "192.0.2.7"),
        (b"PROXY TCP6 2001:DB8::7 ::1 1 65535\r\n", "2001:db8::7"),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 whatever 0 0\r\n", None),
        (v2(V4), "192.0.2.7"),
        (v2(V4 + NOTES), "192.0.2.7"),
        (v2(V6, kind=0x21), "2001:db8::7"),
        (v2(MAPPED, kind=0x21), "192.0.2.7"),
        (v2(b"", command=0x20, kind=0), None),
        (v2(V4, command=0x20), None),
        (v2(NOTES, kind=0), None),
        (v2(b"\0" * 216, kind=0x31), None),
        (v2(b"\0" * (V2_BYTES_MAX - 16), command=0x20), None),
    ],
)
def test_a_header_is_read_when_it_is_whole_and_not_before(
    header: bytes, source: str | None
) -> None:
    for size in range(len(header)):
        assert read_header(header[:size]) is None
    assert read_header(header) == ProxyHeader(source, len(header))
    assert read_header(header + b"GET / HTTP/1.1\r\n") == ProxyHeader(source, len(header))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
        b"PROXIES",
        b"proxy TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 -2\r\n",
        b"PROXY TCP4 192.0.2.007 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY TCP4  192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2 \r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY UNKNOWN \0\r\n",
        b"PROXY " + b"x" * (V1_BYTES_MAX - 6),
        SIGNATURE[:-1] + b"\r",
        v2(V4, command=0x11),
        v2(V4, command=0x22),
        v2(V4, kind=0x12),
        v2(V4, kind=0x41),
        v2(V4[:-1]),
        v2(V4, kind=0x21),
        v2(b"", command=0x20, size=V2_BYTES_MAX - 15),
    ],
)
def test_what_is_no_header_is_refused_and_stays_so(data: bytes) -> None:
    with pytest.raises(NoProxyHeader):
        read_header(data)
    with pytest.raises(NoProxyHeader):
        read_header(data + b"\r\n" * 200)


async def test_not_a_byte_behind_the_header_is_taken() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(V1 + b"GET / ")
        header = await receive(ours, asyncio.get_running_loop())
        assert (header.source, ours.recv(99)) == ("192.0.2.7", b"GET / ")


async def test_a_header_may_come_byte_by_byte() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        task = loop.create_task(receive(ours, loop))
        for byte in v2(V4 + NOTES):
            theirs.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert (await task).source == "192.0.2.7"


@pytest.mark.parametrize("data", [b"", V1[:-1], SIGNATURE])
async def test_closed_before_it_was_whole(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        with theirs:
            theirs.sendall(data)
        with pytest.raises(NoProxyHeader):
            await receive(ours, asyncio.get_running_loop())
