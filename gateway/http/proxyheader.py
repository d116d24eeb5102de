"""The PROXY header that a balancer writes before a connection's first byte: version 1 is a line,
version 2 is binary (haproxy.org, proxy-protocol.txt).

Read once per connection, and only where a trusted balancer must write one. Bounded, strict: what is
no header is refused, nothing is repaired. `read_header` is pure and is asked again with all that
has come so far; `receive` reads a raw socket, no byte further than the header, so that what follows
(a TLS handshake, a request) is still in the socket.
"""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

V1_BYTES_MAX: Final = 107
"""By its definition."""
V2_BYTES_MAX: Final = 4_096
"""Its addresses take 36 bytes; the rest are notes (TLVs) that we skip. Balancers write some dozen
bytes of them, a client certificate's name among them at most."""

_V1: Final = b"PROXY "
_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED: Final = 16
_V1_LINE: Final = re.compile(
    rb"PROXY TCP([46]) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39}) ([0-9]{1,5}) ([0-9]{1,5})\r\n"
)
_V1_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [ -~]*)?\r\n")
_V2_ADDRESS_BYTES: Final = {0x11: 4, 0x21: 16}
"""Family and protocol: TCP over IPv4, TCP over IPv6."""
_V2_UNKNOWN: Final = frozenset({0x00, 0x31})
"""Unspecified, and a local socket: neither has an address for us."""
_V2_LOCAL, _V2_PROXY = 0x20, 0x21


class NoProxyHeader(Exception):
    """The bytes are no PROXY header, or none that we take."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """source: the address of the balancer's client; None where the balancer speaks for itself (its
    health checks) or does not know. size: bytes."""

    source: str | None
    size: int


def read_header(data: bytes) -> ProxyHeader | None:
    """The header that the bytes begin with; None when it is not all here. Raises NoProxyHeader."""
    if data[:1] == _V1[:1]:
        return _read_v1(data)
    if not (data.startswith(_V2) or _V2.startswith(data)):
        raise NoProxyHeader("no PROXY header")
    return _read_v2(data) if len(data) >= _V2_FIXED else None


def _read_v1(data: bytes) -> ProxyHeader | None:
    if not (data.startswith(_V1) or _V1.startswith(data)):
        raise NoProxyHeader("no PROXY header")
    end = data.find(b"\r\n", 0, V1_BYTES_MAX) + 2
    if end < 2:
        if len(data) >= V1_BYTES_MAX:
            raise NoProxyHeader(f"a line of more than {V1_BYTES_MAX} bytes")
        return None
    line = data[:end]
    if _V1_UNKNOWN.fullmatch(line):
        return ProxyHeader(None, end)
    match = _V1_LINE.fullmatch(line)
    if match is None or int(match[4]) > 65_535 or int(match[5]) > 65_535:
        raise NoProxyHeader("a line of another form")
    source, target = (_address(text.decode(), int(match[1])) for text in match.group(2, 3))
    if source is None or target is None:
        raise NoProxyHeader("an address that is none")
    return ProxyHeader(source, end)


def _address(text: str, version: int) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return _shown(address) if address.version == version else None


def _read_v2(data: bytes) -> ProxyHeader | None:
    command, kind = data[12], data[13]
    size = _V2_FIXED + int.from_bytes(data[14:16])
    if command not in (_V2_LOCAL, _V2_PROXY):
        raise NoProxyHeader("a version or command that does not exist")
    if size > V2_BYTES_MAX:
        raise NoProxyHeader(f"more than {V2_BYTES_MAX} bytes")
    width = 0
    if command == _V2_PROXY and kind not in _V2_UNKNOWN:
        width = _V2_ADDRESS_BYTES.get(kind, 0)
        if not width or size < _V2_FIXED + 2 * width + 4:
            raise NoProxyHeader("addresses that are not of TCP")
    if len(data) < size:
        return None
    raw = data[_V2_FIXED : _V2_FIXED + width]
    if not width:
        return ProxyHeader(None, size)
    return ProxyHeader(_shown(IPv4Address(raw) if width == 4 else IPv6Address(raw)), size)


def _shown(address: IPv4Address | IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


async def receive(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> ProxyHeader:
    """The header of a fresh connection, and nothing of what follows. sock: non-blocking. Raises
    NoProxyHeader, OSError; the caller sets the deadline."""
    came = b""
    while True:
        await _readable(sock, loop)
        try:
            seen = sock.recv(V2_BYTES_MAX, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            continue
        if not seen:
            raise NoProxyHeader("closed before its PROXY header was whole")
        header = read_header(came + seen)
        # What is part of the header is taken, so that the socket is readable only for more.
        came += sock.recv(len(seen) if header is None else header.size - len(came))
        if header is not None:
            return header


async def _readable(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sock.fileno(), wake)
    try:
        await ready
    finally:
        loop.remove_reader(sock.fileno())
