"""A relay that listens in: what a balancer in front of the gateway really passed on, byte by byte,
and how many requests that is."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from tests.corpus.listening import Listening, Serve

READ_BYTES: Final = 1 << 18
_NONCE: Final = re.compile(rb"^user-agent:[ \t]*([!-~]*)", re.IGNORECASE | re.MULTILINE)
_LENGTH: Final = re.compile(rb"^content-length:[ \t]*([0-9]+)\r", re.IGNORECASE | re.MULTILINE)
_CHUNKED: Final = re.compile(rb"^transfer-encoding:[ \t]*chunked\r", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Passed:
    """One request that was passed on. whole: its body was there to the end."""

    nonce: str
    method: str
    target: str
    body: bytes
    whole: bool


def requests_in(stream: bytes) -> list[Passed]:
    """A balancer's own heads are plain: a length or chunks, and nothing odd about either."""
    found = []
    while (end := stream.find(b"\r\n\r\n") + 4) >= 4:
        head = stream[:end]
        method, _, rest = head.partition(b" ")
        target = rest.partition(b" HTTP/1.")[0]
        body, stream, whole = _body(head, stream[end:])
        nonce = _NONCE.search(head)
        found.append(
            Passed(
                nonce[1].decode() if nonce else "",
                method.decode("latin-1"),
                target.decode("latin-1"),
                body,
                whole,
            )
        )
    return found


def _body(head: bytes, rest: bytes) -> tuple[bytes, bytes, bool]:
    if _CHUNKED.search(head):
        return _chunks(rest)
    length = int(found[1]) if (found := _LENGTH.search(head)) else 0
    return rest[:length], rest[length:], len(rest) >= length


def _chunks(rest: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while (end := rest.find(b"\r\n")) >= 0:
        size = int(rest[:end].partition(b";")[0], 16)
        body += rest[end + 2 : end + 2 + size]
        if len(rest) < end + size + 4:
            break
        rest = rest[end + size + 4 :]
        if not size:
            return body, rest, True
    return body, b"", False


class Tap(Listening):
    """Relays to one address while it is entered. streams: what came in, by connection."""

    def __init__(self, to: str) -> None:
        super().__init__()
        self.streams: list[bytearray] = []
        self._to = to

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports['tap']}"

    def passed(self) -> dict[str, list[Passed]]:
        """By nonce."""
        found: dict[str, list[Passed]] = {}
        for stream in list(self.streams):
            for request in requests_in(bytes(stream)):
                found.setdefault(request.nonce, []).append(request)
        return found

    def doors(self) -> dict[str, Serve]:
        return {"tap": self._relay}

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = bytearray()
        self.streams.append(stream)
        host, _, port = self._to.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(
                _copy(reader, there_writer, stream), _copy(there_reader, writer, bytearray())
            )
        finally:
            there_writer.close()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray
) -> None:
    """One way, to its end."""
    try:
        while data := await reader.read(READ_BYTES):
            kept += data
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):
        writer.transport.abort()
