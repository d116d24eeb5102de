"""One socket to a vendor: a raw asyncio protocol that wears httpcore's stream interface.

asyncio pushes bytes, an exchange pulls them: between the two stand a short queue of pieces and one
future per waiter. Reading pauses once `MARK` bytes wait here, writing asks its caller to wait once
as many wait in the transport; so memory is bounded on both ways and a plain exchange costs one
future. There are no timers in here: whoever watches the deadlines calls `fail`, which wakes every
waiter with that exception.

A kept-alive socket stays in reading mode. Whatever arrives while nobody is owed an answer (an end,
a left-over byte of the last one) makes it not `quiet`, and it is never used again."""

from __future__ import annotations

import asyncio
import select
import ssl
from collections import deque
from typing import Any, Final, cast

import httpcore

MARK: Final = 262_144
"""Bytes waiting in one direction at which the sender is paused."""


class Broken(Exception):
    """The socket ended before its time: a reset, or an end of file inside a message."""


class VendorStream:
    """The socket: by its methods an asyncio.Protocol and httpcore's AsyncNetworkStream. `receive`
    and `drained` have one waiter each at most."""

    __slots__ = (
        "_drain",
        "_ended",
        "_fault",
        "_full",
        "_gone",
        "_loop",
        "_paused",
        "_poll",
        "_reader",
        "_received",
        "_transport",
        "_waiting_bytes",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport = cast("asyncio.Transport", None)  # until connection_made
        self._received: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._paused = False
        self._full = False
        self._ended: Broken | bytes | None = None
        self._fault: BaseException | None = None
        self._gone = False
        self._reader: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._poll = select.poll()

    # What an exchange does with it.

    @property
    def closing(self) -> bool:
        return self._transport.is_closing()

    @property
    def full(self) -> bool:
        """Does the transport hold so much that the next write should wait for `drained`?"""
        return self._full

    @property
    def untouched(self) -> bool:
        """Is it alive, and has nothing come that was not taken?"""
        if self._received or self._ended is not None or self._fault is not None:
            return False
        return not self._transport.is_closing()

    def quiet(self) -> bool:
        """The same, and nothing to be read either. Asks the kernel (about 1 us), since the loop may
        not have come round to a byte that is already here."""
        return self.untouched and not self._poll.poll(0)

    def send(self, data: bytes) -> None:
        """Hand bytes to the transport; silently nothing once it is closing (`receive` tells
        why)."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def send_pieces(self, pieces: list[bytes]) -> None:
        """The same for several, none of them copied on a plain socket."""
        if not self._transport.is_closing():
            self._transport.writelines(pieces)

    async def drained(self) -> None:
        """Until the transport has room again, or the socket is gone."""
        while self._full and not self._gone:
            self._drain = self._loop.create_future()
            try:
                await self._drain
            finally:
                self._drain = None

    async def receive(self) -> bytes:
        """The next piece, b'' at the end of file. Raises Broken, or what `fail` was called with."""
        while True:
            if self._fault is not None:
                raise self._fault
            if self._received:
                return self._next_piece()
            if self._ended is not None:
                if isinstance(self._ended, Broken):
                    raise self._ended
                return self._ended
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def fail(self, fault: BaseException) -> None:
        """End it now: `receive` raises this from here on."""
        if self._fault is None:
            self._fault = fault
        self.abort()
        _wake(self._reader)
        _wake(self._drain)

    def abort(self) -> None:
        """Close the socket at once; what the transport still holds is dropped."""
        self._transport.abort()

    def _next_piece(self) -> bytes:
        piece = self._received.popleft()
        self._waiting_bytes -= len(piece)
        if self._paused and self._waiting_bytes < MARK:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return piece

    # What the event loop tells it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MARK)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= MARK and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._ended = b""
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        if self._ended is None:
            self._ended = b"" if exc is None else Broken(f"the connection broke: {exc}")
        _wake(self._reader)
        _wake(self._drain)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        _wake(self._drain)

    # httpcore's interface, for its connection around us.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most max_bytes. Raises httpcore's ReadTimeout, ReadError."""
        try:
            async with asyncio.timeout(timeout):
                piece = await self.receive()
        except TimeoutError as exc:
            raise httpcore.ReadTimeout from exc
        except Broken as broken:
            raise httpcore.ReadError(str(broken)) from broken
        if len(piece) > max_bytes:
            self._received.appendleft(piece[max_bytes:])
            self._waiting_bytes += len(piece) - max_bytes
        return piece[:max_bytes]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises httpcore's WriteTimeout, WriteError."""
        if self._transport.is_closing():
            raise httpcore.WriteError("the connection is closed")
        self._transport.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                await self.drained()
        except TimeoutError as exc:
            raise httpcore.WriteTimeout from exc

    async def aclose(self) -> None:
        self.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> VendorStream:
        """The same stream, from now on over TLS. Raises httpcore's ConnectTimeout, ConnectError."""
        plain, protocol = self._transport, cast("asyncio.Protocol", self)
        try:
            async with asyncio.timeout(timeout):
                secure = await self._loop.start_tls(
                    plain, protocol, ssl_context, server_hostname=server_hostname
                )
        except BaseException as exc:
            plain.abort()
            if isinstance(exc, OSError):
                raise no_connection(exc) from exc
            raise
        self._transport = cast("asyncio.Transport", secure)
        self._transport.set_write_buffer_limits(high=MARK)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return not self.quiet()
        return self._transport.get_extra_info(info)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def no_connection(exc: OSError) -> Exception:
    """Refused, unreachable, unknown name, bad certificate, too slow: in httpcore's words."""
    kind = httpcore.ConnectTimeout if isinstance(exc, TimeoutError) else httpcore.ConnectError
    return kind(str(exc))
