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
    """The Date header, made once a second."""

    __slots__ = ("_at_s", "_line")

    def __init__(self) -> None:
        self._at_s = -1
        self._line = b""

    def now(self) -> bytes:
        now_s = int(time.time())
        if now_s != self._at_s:
            self._at_s = now_s
            self._line = b"date: %s\r\n" % formatdate(now_s, usegmt=True).encode()
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
    lines = b"\r\n".join(map(b": ".join, headers))
    if lines:
        lines += b"\r\n"
    line_ends = len(headers) + 3
    framing = b""
    if chunked:
        framing = b"transfer-encoding: chunked\r\n"
        line_ends += 1
    elif length is not None and status not in BODILESS:
        framing = b"content-length: %d\r\n" % length
        line_ends += 1
    ending = b"\r\n"
    if close:
        ending = b"connection: close\r\n\r\n"
        line_ends += 1
    head = b"".join((line, lines, date, framing, ending))
    if head.count(b"\n") != line_ends or head.count(b"\r") != line_ends:
        raise ValueError("a header of this answer has a line end in it")
    return head
