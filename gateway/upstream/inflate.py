"""Bodies that a vendor compressed although we asked for none: inflated in bounded steps.

`feed` takes what came, `take` gives at most `STEP` bytes of what is in it, so a bomb costs its
sender more than us: whoever collects a whole body stops taking at its limit. gzip may have several
members (RFC 1952, 2.2); "deflate" is zlib's format (RFC 1950), and for some servers the naked
stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from typing import Final

STEP: Final = 65_536
_GZIP: Final = zlib.MAX_WBITS | 16
_NAKED: Final = -zlib.MAX_WBITS


class BadEncoding(Exception):
    """A Content-Encoding that we do not know, or bytes that are not in it."""


class Inflater:
    """One body. encoding: the header's value, `gzip`, `x-gzip` or `deflate`. Raises BadEncoding."""

    __slots__ = ("_gzip", "_pending", "_stream")

    def __init__(self, encoding: bytes) -> None:
        name = encoding.strip().lower()
        if name not in (b"gzip", b"x-gzip", b"deflate"):
            raise BadEncoding("encoding")
        self._gzip = name != b"deflate"
        self._stream: zlib._Decompress | None = None
        self._pending = b""

    def feed(self, data: bytes) -> None:
        self._pending = self._pending + data if self._pending else bytes(data)

    def take(self) -> bytes:
        """At most STEP bytes, b'' when more input is needed. Raises BadEncoding."""
        while True:
            if not self._ready():
                return b""
            stream = self._stream
            assert stream is not None
            try:
                piece = stream.decompress(self._pending, STEP)
            except zlib.error as exc:
                raise BadEncoding("encoding") from exc
            self._pending = stream.unused_data if stream.eof else stream.unconsumed_tail
            if piece or not (self._pending or stream.eof):
                return piece

    def finish(self) -> None:
        """All input was fed and taken. Raises BadEncoding if the body was cut short."""
        if self._pending or (self._stream is not None and not self._stream.eof):
            raise BadEncoding("encoding")

    def _ready(self) -> bool:
        """Is there a stream to go on with? Opens the first one, and the next member of a gzip
        body."""
        stream = self._stream
        if stream is not None and not stream.eof:
            return True  # may hold output even without new input
        if not self._pending:
            return False
        if stream is not None and not self._gzip:
            raise BadEncoding("encoding")  # bytes after the end
        if not self._gzip and len(self._pending) < 2:
            return False
        self._stream = zlib.decompressobj(_GZIP if self._gzip else _deflate_bits(self._pending))
        return True


class InflatedPieces:
    """A compressed body as its source gives it (b'' at the end), piece by inflated piece."""

    __slots__ = ("_inflater", "_source")

    def __init__(self, source: Callable[[], Awaitable[bytes]], inflater: Inflater) -> None:
        self._source = source
        self._inflater = inflater

    async def next(self) -> bytes:
        """b'' at the end. Raises BadEncoding, and what the source raises."""
        while not (piece := self._inflater.take()):
            raw = await self._source()
            if not raw:
                self._inflater.finish()
                return b""
            self._inflater.feed(raw)
        return piece


def _deflate_bits(data: bytes) -> int:
    """zlib's two header bytes name method 8 and are a multiple of 31; a naked stream's are not
    both."""
    wrapped = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else _NAKED
