"""The head of an answer, as bytes. Framing, Connection and Date are written here and nowhere else.

An answer's head is ours from the first byte to the last, so it needs no reader's tolerance, only
two checks: our own headers are never taken from a handler, and no value smuggles a line of its own
in.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from operator import itemgetter
from typing import Final

from gateway.http.message import Headers, Response

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
BODILESS: Final = frozenset((204, 304))

_OURS: Final = frozenset((b"content-length", b"transfer-encoding", b"connection", b"date"))
_NAME: Final = itemgetter(0)
_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}


class DateLine:
    """The Date header, made once a second, without its line end."""

    __slots__ = ("_at_s", "_line")

    def __init__(self) -> None:
        self._at_s = -1
        self._line = b""

    def now(self) -> bytes:
        now_s = int(time.time())
        if now_s != self._at_s:
            self._at_s = now_s
            self._line = b"date: %s" % formatdate(now_s, usegmt=True).encode()
        return self._line


def length_of(response: Response, *, is_head: bool) -> int | None:
    """What Content-Length says, None where the length is not known. Of a HEAD's answer: what a
    GET's would have been, as far as the handler knows it."""
    if response.stream is not None or (is_head and not response.body):
        return response.length
    return len(response.body)


def render_head(
    status: int, headers: Headers, date: bytes, *, length: int | None, chunked: bool, close: bool
) -> bytes:
    """The bytes up to and with the empty line. Raises ValueError when a name or value has a line
    end."""
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    if not _OURS.isdisjoint(map(_NAME, headers)):
        headers = [header for header in headers if header[0] not in _OURS]
    lines = list(map(b": ".join, headers))
    text = b"".join(lines)
    if text.find(b"\n") >= 0 or text.find(b"\r") >= 0:
        raise ValueError("a header of this answer has a line end in it")
    lines.append(date)
    if chunked:
        lines.append(b"transfer-encoding: chunked")
    elif length is not None and status not in BODILESS:
        lines.append(b"content-length: %d" % length)
    if close:
        lines.append(b"connection: close")
    return b"".join((line, b"\r\n".join(lines), b"\r\n\r\n"))
