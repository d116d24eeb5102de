"""Where a message ends: sized bodies are counted, chunked ones are read to the strictest reading of
RFC 9112.

Chunk extensions, trailers, bare line feeds, signs and prefixes in a size are how requests are
hidden inside a body, so none of them exists here. Both gates have one method: `take` is given bytes
as they come, puts the body's own into a list, and returns None while the message goes on, or the
bytes behind its end, which belong to the next request. Payload is cut from what came with at most
one copy, and none where a read lies wholly inside a sized body or a chunk. Pure.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, Protocol

from gateway.errors import RequestMalformed


class BodyGate(Protocol):
    """Counts one message's bytes."""

    @property
    def bytes_left(self) -> int | None:
        """How many are still to come, None when that is not known."""

    def take(self, data: bytes, pieces: list[bytes]) -> bytes | None:
        """Put what is body into `pieces`. Returns what lies behind the message, None before its
        end. Raises RequestMalformed."""


class SizedGate:
    """A body of announced length."""

    __slots__ = ("bytes_left",)

    def __init__(self, length: int) -> None:
        self.bytes_left: int | None = length

    def take(self, data: bytes, pieces: list[bytes]) -> bytes | None:
        left = self.bytes_left or 0
        if len(data) < left:
            pieces.append(data)
            self.bytes_left = left - len(data)
            return None
        self.bytes_left = 0
        pieces.append(data[:left])
        return data[left:]


class Expected(Enum):
    """What the next byte of a chunked body belongs to."""

    SIZE = "the line with a chunk's size"
    DATA = "a chunk's bytes"
    DATA_END = "the CR LF behind a chunk"
    LAST = "the CR LF behind the last chunk"


_SIZE: Final = re.compile(rb"[0-9a-fA-F]{1,8}")
_SIZE_LINE_MAX: Final = 8 + len(b"\r\n")
_PIECES_MAX: Final = 16
"""More pieces than this in one read are joined: confetti costs memory and turns of every loop
behind us."""


class ChunkedGate:
    """A body in chunks. Bytes that end within a size line or a CR LF wait for the next read."""

    __slots__ = ("_chunk_left", "_expected", "_held")

    def __init__(self) -> None:
        self._expected = Expected.SIZE
        self._chunk_left = 0
        self._held = b""

    @property
    def bytes_left(self) -> int | None:
        return None

    def take(self, data: bytes, pieces: list[bytes]) -> bytes | None:
        if self._expected is Expected.DATA and len(data) < self._chunk_left:
            self._chunk_left -= len(data)
            pieces.append(data)
            return None
        found: list[bytes] = []
        rest = self._walk(self._held + data if self._held else data, found)
        pieces.extend(found if len(found) <= _PIECES_MAX else (b"".join(found),))
        return rest

    def _walk(self, data: bytes, found: list[bytes]) -> bytes | None:
        """From part to part, to the end of the data or of the message."""
        at = 0
        self._held = b""
        while at < len(data):
            if self._expected is Expected.DATA:
                at = self._take_data(data, at, found)
                continue
            end = self._find_line_end(data, at)
            if end is None:
                self._held = data[at:]
                return None
            if self._expected is Expected.LAST:
                return data[end:]
            if self._expected is Expected.SIZE:
                self._take_size(data[at : end - 2])
            else:
                self._expected = Expected.SIZE
            at = end
        return None

    def _take_data(self, data: bytes, at: int, found: list[bytes]) -> int:
        piece = data[at : at + self._chunk_left]
        found.append(piece)
        self._chunk_left -= len(piece)
        if not self._chunk_left:
            self._expected = Expected.DATA_END
        return at + len(piece)

    def _find_line_end(self, data: bytes, at: int) -> int | None:
        """Where the line that begins at `at` ends, None when it is not all here."""
        line_max = _SIZE_LINE_MAX if self._expected is Expected.SIZE else len(b"\r\n")
        end = data.find(b"\r\n", at, at + line_max)
        if end >= 0:
            return end + 2
        if len(data) - at >= line_max or not self._may_begin_line(data[at:]):
            raise RequestMalformed(
                f"A chunked body breaks off its framing: expected {self._expected.value}."
            )
        return None

    def _may_begin_line(self, held: bytes) -> bool:
        if self._expected is Expected.SIZE:
            return held == b"" or _SIZE.fullmatch(held.removesuffix(b"\r")) is not None
        return held == b"\r"

    def _take_size(self, line: bytes) -> None:
        if not _SIZE.fullmatch(line):
            raise RequestMalformed(
                "A chunk's size is 1 to 8 hexadecimal digits, without extensions."
            )
        self._chunk_left = int(line, 16)
        self._expected = Expected.DATA if self._chunk_left else Expected.LAST


def gate_for(length: int | None) -> BodyGate:
    """length: as in `Head`, not 0."""
    return ChunkedGate() if length is None else SizedGate(length)
