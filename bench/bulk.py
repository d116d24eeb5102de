"""Bodies by the gigabyte, from both ends: a vendor that counts what comes up and pours what is
asked for, and a caller that does the reverse.

Both do as little as they can: the vendor reads into one buffer and never looks at it, the caller is
a blocking socket. A path `…/SIZE` below a GET asks for so many bytes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Final, cast

from bench import load

CHUNK_BYTES: Final = 256 * 1024
TIMEOUT_S: Final = 120.0
_HEAD_BYTES_MAX: Final = 64 * 1024
_POURED: Final = memoryview(bytes(CHUNK_BYTES))


class BulkVendor(asyncio.BufferedProtocol):
    """One client. A request's body is counted and answered with its count."""

    __slots__ = ("_buffer", "_filled", "_left", "_paused", "_to_pour", "_total", "_transport")

    def __init__(self) -> None:
        self._buffer = bytearray(CHUNK_BYTES)
        self._filled = 0
        self._left = -1
        self._total = 0
        self._to_pour = 0
        self._paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=4 * CHUNK_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._left >= 0:
            self._took(nbytes)
            return
        self._filled += nbytes
        end = self._buffer.find(b"\r\n\r\n", 0, self._filled)
        if end < 0:
            assert self._filled < _HEAD_BYTES_MAX, "a head without an end"
            return
        head, more = bytes(self._buffer[:end]), self._filled - end - 4
        self._filled = 0
        if head.startswith(b"GET "):
            self._pour(int(head.split(b" ", 2)[1].rpartition(b"/")[2]))
        else:
            self._total = self._left = load.body_length(head)
            self._took(more)

    def _took(self, nbytes: int) -> None:
        """Bytes of a body. A length is known: bodies here are never chunked."""
        self._left -= nbytes
        if self._left > 0:
            return
        self._left = -1
        body = json.dumps({"id": "file_1", "object": "file", "size": self._total}).encode()
        self._write(b"200 OK", len(body), b"application/json")
        assert self._transport is not None
        self._transport.write(body)

    def _pour(self, size: int) -> None:
        self._write(b"200 OK", size, b"application/octet-stream")
        self._to_pour = size
        self._go_on()

    def _write(self, status: bytes, length: int, kind: bytes) -> None:
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
            % (status, kind, length)
        )

    def _go_on(self) -> None:
        assert self._transport is not None
        while self._to_pour and not self._paused and not self._transport.is_closing():
            piece = _POURED[: min(self._to_pour, CHUNK_BYTES)]
            self._to_pour -= len(piece)
            self._transport.write(piece)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    def eof_received(self) -> bool:
        return False


# The caller.


class Broken(Exception):
    """The answer was not what a transfer must end with. The text says what came."""


def upload(address: str, target: str, bearer: str, size: int) -> float:
    """Seconds from the first byte to the whole answer. Raises Broken, OSError."""
    head = _request("POST", target, bearer) + _UPLOAD % size
    with _connected(address) as caller:
        started = time.perf_counter()
        caller.sendall(head)
        for at in range(0, size, CHUNK_BYTES):
            caller.sendall(_POURED[: min(size - at, CHUNK_BYTES)])
        answer, body = _answer(caller)
        length = load.body_length(answer)
        while len(body) < length:
            body += _some(caller)
        if json.loads(body)["size"] != size:
            raise Broken(f"the vendor counted {body!r}")
        return time.perf_counter() - started


def download(address: str, target: str, bearer: str, size: int) -> float:
    """The same, of a body that comes down. target: below it the size is asked for."""
    with _connected(address) as caller:
        started = time.perf_counter()
        caller.sendall(_request("GET", f"{target}/{size}", bearer) + b"\r\n")
        answer, body = _answer(caller)
        if load.body_length(answer) != size:
            raise Broken(f"{load.body_length(answer)} of {size} bytes")
        left, buffer = size - len(body), bytearray(CHUNK_BYTES)
        while left:
            came = caller.recv_into(buffer, min(left, CHUNK_BYTES))
            if not came:
                raise Broken(f"{left} of {size} bytes did not come")
            left -= came
        return time.perf_counter() - started


_UPLOAD: Final = b"Content-Type: multipart/form-data; boundary=bench\r\nContent-Length: %d\r\n\r\n"


def _request(method: str, target: str, bearer: str) -> bytes:
    """A head without its end."""
    line = f"{method} {target} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {bearer}\r\n"
    return line.encode()


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), TIMEOUT_S)


def _answer(caller: socket.socket) -> tuple[bytes, bytes]:
    """The head of the answer, and what came of its body. Raises Broken when it is no 200."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(caller)
    head, _, body = data.partition(b"\r\n\r\n")
    if head.split(b" ", 2)[1] != b"200":
        raise Broken((head + b" " + body)[:300].decode("utf-8", "replace"))
    return head, body


def _some(caller: socket.socket) -> bytes:
    data = caller.recv(CHUNK_BYTES)
    if not data:
        raise Broken("the connection was closed before the answer")
    return data
