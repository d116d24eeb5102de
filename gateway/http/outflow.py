"""The way out of a connection: answers become bytes, no faster than the client takes them.

Whole answers leave in one write, head and body together. Long ones are streams: each piece is
framed and written, and when the transport holds more than `buffer_bytes_max` the stream is not
asked for the next until the client has taken some. A stream that breaks midway is never finished as
if it were complete: the socket is closed instead, with a reset where only the close would have
marked the end.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator
from typing import Final

from gateway.http.answers import BODILESS, LAST_CHUNK, length_of, render_head
from gateway.http.body import NEVER_S
from gateway.http.message import Request, Response
from gateway.http.service import Service

_log = logging.getLogger("keybrake.http")

JOIN_BYTES_MAX: Final = 32_768
"""Up to here one copy of head and body together is cheaper than two buffers."""
STUCK_MAX: Final = 64
"""Answers that wait for their clients to take some: each keeps up to a megabyte, a part here and a
part at the vendor's side. One more, and whose client took nothing for longest is cut off."""
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class StreamBroke(Exception):
    """A stream gave more or less than it announced."""


class Outflow:
    """One connection's writing side."""

    __slots__ = ("_drained", "_paused", "_service", "_transport", "write_by_s")

    def __init__(self, service: Service, transport: asyncio.Transport) -> None:
        self.write_by_s = NEVER_S
        """Loop time until which the client must have taken what is buffered."""
        self._service = service
        self._transport = transport
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        transport.set_write_buffer_limits(high=service.settings.buffer_bytes_max)

    def pause(self) -> None:
        self._paused = True
        self.start_deadline()

    def resume(self) -> None:
        self._paused = False
        if not self._transport.is_closing():  # otherwise the rest has to leave in time, too
            self.write_by_s = NEVER_S
        self.wake()

    def wake(self) -> None:
        """Whoever waits for the client looks again: it took something, or is gone."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def start_deadline(self) -> None:
        self.write_by_s = self._service.loop.time() + self._service.settings.write_timeout_s

    async def send(self, request: Request, response: Response, *, close: bool) -> None:
        """The whole answer; where it could not go out whole, the socket is closed.
        close: say that no further request is read."""
        if response.stream is None:
            self.write_whole(response, is_head=request.method == "HEAD", close=close)
            if self._paused:
                await self._wait_drained()
            return
        try:
            await self._send_stream(response, response.stream, request, close=close)
        finally:
            aclose = getattr(response.stream, "aclose", None)
            if aclose is not None:
                await aclose()

    def write_whole(self, response: Response, *, is_head: bool, close: bool) -> None:
        """Without waiting; for an answer of the framing's own."""
        if self._transport.is_closing():
            return
        length = length_of(response, is_head=is_head)
        head = self._head(response, length, chunked=False, close=close)
        body = b"" if is_head or response.status in BODILESS else response.body
        if len(body) <= JOIN_BYTES_MAX:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def _send_stream(
        self, response: Response, stream: AsyncIterator[bytes], request: Request, *, close: bool
    ) -> None:
        if self._transport.is_closing():
            return
        is_bare = request.method == "HEAD" or response.status in BODILESS
        chunked = response.length is None and request.is_http_11 and not is_bare
        self._transport.write(self._head(response, response.length, chunked=chunked, close=close))
        if is_bare:
            return
        try:
            if chunked:
                await self._pass_chunks(stream)
            else:
                await self._pass_counted(stream, response.length)
        except Exception as exc:
            _log.warning("an answer to %s broke off: %r", request.path, exc)
            self._break_off(reset=not chunked and response.length is None)

    async def _pass_chunks(self, stream: AsyncIterator[bytes]) -> None:
        transport = self._transport
        async for piece in stream:
            if transport.is_closing():
                return
            if piece:
                transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
                if self._paused:
                    await self._wait_drained()
        if not transport.is_closing():
            transport.write(LAST_CHUNK)

    async def _pass_counted(self, stream: AsyncIterator[bytes], length: int | None) -> None:
        """length None: until the close, for HTTP/1.0. Raises StreamBroke when it is not kept."""
        transport = self._transport
        sent = 0
        async for piece in stream:
            if transport.is_closing():
                return
            sent += len(piece)
            if length is not None and sent > length:
                raise StreamBroke(f"more than the {length} bytes announced")
            if piece:
                transport.write(piece)
                if self._paused:
                    await self._wait_drained()
        if length is not None and sent < length:
            raise StreamBroke(f"{sent} of the {length} bytes announced")

    def _head(self, response: Response, length: int | None, *, chunked: bool, close: bool) -> bytes:
        date = self._service.date.now()
        return render_head(
            response.status, response.headers, date, length=length, chunked=chunked, close=close
        )

    async def _wait_drained(self) -> None:
        stuck = self._service.stuck
        stuck[self] = None
        if len(stuck) > STUCK_MAX:
            next(iter(stuck)).cut_off()
        try:
            while self._paused and not self._transport.is_closing():
                self._drained = self._service.loop.create_future()
                await self._drained
        finally:
            stuck.pop(self, None)

    def cut_off(self) -> None:
        """For one who waits for the client longer than all others, when too many do."""
        self._service.stuck.pop(self, None)
        self._service.cut_off += 1
        self._break_off(reset=True)  # what the kernel still keeps for it goes, too

    def _break_off(self, *, reset: bool) -> None:
        if self._transport.is_closing():
            return
        if reset:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
        else:
            self._transport.close()
            self.start_deadline()
