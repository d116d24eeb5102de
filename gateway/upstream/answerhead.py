"""The strict look at a vendor's raw head, before h11 sees it; pure.

h11 forgives what two readers can read in two ways: bare line feeds, folded lines, Content-Length
beside Transfer-Encoding, a Content-Length given twice. A vendor that sends such a head is broken,
or is not the vendor; its answer is not believed and its connection not used again (RFC 9112, 2.2,
5.2, 6.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.http.message import Headers

HEAD_BYTES_MAX: Final = 65_536
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2
"""No length at all: such a body ends when the connection does, and cannot be told from one cut
short."""

LENGTH_DIGITS_MAX: Final = 15
CONTROLS: Final = bytes([*range(9), 11, 12, *range(14, 32), 127])
_VERSIONS: Final = (b"HTTP/1.1 ", b"HTTP/1.0 ")
DROPPED: Final = frozenset(
    (
        *(b"content-length", b"transfer-encoding", b"content-encoding", b"connection"),
        *(b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"),
    )
)
"""Framing, and what is for the next hop only (RFC 9110, 7.6.1)."""
_LENGTH: Final = b"\ncontent-length:"
_CODING: Final = b"\ntransfer-encoding:"


class Unreadable(Exception):
    """The vendor's answer breaks HTTP's rules; the text says which."""


def head_end(received: bytes | bytearray) -> int:
    """Where the first head ends (after its empty line), 0 while it is not whole. Raises
    Unreadable."""
    end = received.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX) + 4
    if end > 3:
        return end
    if len(received) >= HEAD_BYTES_MAX:
        raise Unreadable("head too long")
    if received.count(b"\n") != received.count(b"\r\n"):
        raise Unreadable("bare line feed in the head")
    return 0


def framing(head: bytes | bytearray) -> int:
    """How the body is framed by a whole head: its length, CHUNKED or UNTIL_CLOSE. Raises
    Unreadable."""
    if head[:9] not in _VERSIONS:
        raise Unreadable("no HTTP/1 status line")
    lines = head.count(b"\r\n")
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        raise Unreadable("bare line end in the head")
    if b"\n " in head or b"\n\t" in head:
        raise Unreadable("folded header line")
    if len(head.translate(None, CONTROLS)) != len(head):
        raise Unreadable("control character in the head")
    return _length(head, head.lower())


def _length(head: bytes | bytearray, lower: bytes | bytearray) -> int:
    lengths, codings = lower.count(_LENGTH), lower.count(_CODING)
    if lengths + codings > 1:
        raise Unreadable("more than one length")
    if codings:
        if head[:9] != _VERSIONS[0] or _value(lower, _CODING) != b"chunked":
            raise Unreadable("unknown transfer coding")
        return CHUNKED
    if not lengths:
        return UNTIL_CLOSE
    value = _value(lower, _LENGTH)
    if not value.isdigit() or len(value) > LENGTH_DIGITS_MAX:
        raise Unreadable("unreadable Content-Length")
    return int(value)


def _value(lower: bytes | bytearray, name: bytes) -> bytes | bytearray:
    begin = lower.index(name) + len(name)
    return lower[begin : lower.index(b"\r", begin)].strip(b" \t")


def relayed(lines: Iterable[tuple[bytes, bytes]]) -> tuple[Headers, bytes]:
    """The headers that go on, in lower case, and the body's encoding, b'' for identity."""
    headers: Headers = []
    encoding = b""
    for raw_name, value in lines:
        name = raw_name.lower()
        if name not in DROPPED:
            headers.append((name, value))
        elif name == b"content-encoding":
            encoding = encoding + b"," + value if encoding else value.strip().lower()
    return headers, b"" if encoding == b"identity" else encoding
