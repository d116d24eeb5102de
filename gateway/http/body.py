"""A request's body as its handler reads it: pieces as they came from the socket, no byte copied to
get here.

The connection puts pieces in, the handler takes them out; between them stand the two marks of flow
control. Above `buffer_bytes_max` the connection stops reading the socket, below half of it the body
asks for more, so a slow vendor slows its caller down and memory stays bounded. Only the time that a
handler spends waiting for the client counts against the client: a body that is read whole has
`body_timeout_s` of it, a streamed one may take longer as long as it makes `body_rate_min` bytes a
second on average.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from gateway.errors import BodyTooLarge
from gateway.http.message import ClientGone
from gateway.settings import ServerSettings

PIECE_COST_BYTES: Final = 64
"""What a piece weighs beyond its bytes, so that confetti cannot outgrow the mark."""
NEVER_S: Final = float("inf")


class Source(Protocol):
    """What a body asks of the connection that fills it."""

    read_by_s: float
    """Loop time until which the client must have sent something; the sweep looks at it."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def invite(self) -> None:
        """Send 100 Continue: somebody will read the body."""

    def resume(self) -> None:
        """Read the socket again."""


class NoBody:
    """The body of a request that has none."""

    __slots__ = ()
    length: int | None = 0

    async def read_all(self, bytes_max: int) -> bytes:
        return b""

    async def read(self) -> bytes:
        return b""


class WholeBody:
    """A body that came with its head, as most do."""

    __slots__ = ("_data", "length")

    def __init__(self, data: bytes) -> None:
        self.length: int | None = len(data)
        self._data = data

    async def read_all(self, bytes_max: int) -> bytes:
        if len(self._data) > bytes_max:
            raise BodyTooLarge(f"A body that is read whole may have {bytes_max} bytes.")
        data, self._data = self._data, b""
        return data

    async def read(self) -> bytes:
        data, self._data = self._data, b""
        return data


class ClientBody:
    """A body on its way in. `put`, `end`, `fail` and `discard` are the connection's, the rest the
    handler's."""

    __slots__ = (
        "_discarded",
        "_failure",
        "_pieces",
        "_received_bytes",
        "_settings",
        "_source",
        "_waited_s",
        "_waiter",
        "ended",
        "held_bytes",
        "length",
        "to_invite",
    )

    def __init__(
        self, source: Source, length: int | None, settings: ServerSettings, *, expects: bool
    ) -> None:
        """expects: the client waits for 100 Continue before it sends the first byte."""
        self.length = length
        self.held_bytes = 0
        self.ended = False
        self.to_invite = expects
        self._source = source
        self._settings = settings
        self._pieces: deque[bytes] = deque()
        self._received_bytes = 0
        self._waited_s = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._discarded = False

    async def read_all(self, bytes_max: int) -> bytes:
        if self.length is not None and self.length > bytes_max:
            raise BodyTooLarge(f"A body that is read whole may have {bytes_max} bytes.")
        pieces: list[bytes] = []
        size = 0
        while piece := await self._next(self._settings.body_timeout_s):
            pieces.append(piece)
            size += len(piece)
            if size > bytes_max:
                raise BodyTooLarge(f"A body that is read whole may have {bytes_max} bytes.")
        return b"".join(pieces)

    async def read(self) -> bytes:
        at_rate_s = self._received_bytes / self._settings.body_rate_min
        return await self._next(max(self._settings.body_timeout_s, at_rate_s))

    def put(self, pieces: list[bytes]) -> None:
        """Pieces as a gate cut them; an empty one is nothing."""
        if self._discarded:
            return
        for piece in pieces:
            if piece:
                self._pieces.append(piece)
                self.held_bytes += len(piece) + PIECE_COST_BYTES
                self._received_bytes += len(piece)
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        """Nothing more comes, and what came is not the whole: whoever reads to the end is told
        why."""
        if not self.ended and self._failure is None:
            self._failure = failure
            self._wake()

    def discard(self) -> None:
        """The answer is out: nobody reads the rest."""
        self._discarded = True
        self._pieces.clear()
        self.held_bytes = 0
        self.fail(ClientGone())

    async def _next(self, waits_max_s: float) -> bytes:
        while not self._pieces:
            if self.ended:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._wait(waits_max_s)
        return self._take()

    def _take(self) -> bytes:
        piece = self._pieces.popleft()
        self.held_bytes -= len(piece) + PIECE_COST_BYTES
        if self.held_bytes <= self._settings.buffer_bytes_max // 2:
            self._source.resume()
        return piece

    async def _wait(self, waits_max_s: float) -> None:
        """Until something comes, ends or fails. The source's sweep fails a body that is late."""
        source = self._source
        if self.to_invite:
            self.to_invite = False
            source.invite()
        source.resume()
        began_s = source.loop.time()
        source.read_by_s = began_s + waits_max_s - self._waited_s
        self._waiter = source.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            if not self._discarded:  # otherwise the deadline is no longer about this body
                source.read_by_s = NEVER_S
            self._waited_s += source.loop.time() - began_s

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
