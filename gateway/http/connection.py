"""One client socket: bytes become requests, one at a time and in order.

A raw head passes the gate (`headgate`), and h11 has to agree with it (`secondreader`); bodies are
framed by `bodygate`, which is stricter than h11 and copies nothing. Bytes behind a message's end
wait here until its answer is out.

A task lives from a request to its answer, and on through the requests that were pipelined behind
it; an idle connection costs none. A client that hangs up never cancels it: handlers run to their
end and can ask `request.gone()`. What a socket is doing is its `Phase`; how long it may is
`read_by_s` and the outflow's `write_by_s`, which the listener's sweep compares with the time. There
are no timers.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sys
import termios
from collections.abc import Callable
from typing import Final, cast

from gateway.errors import Internal, Refusal, RequestMalformed, RequestTimeout
from gateway.http import secondreader
from gateway.http.answers import CONTINUE
from gateway.http.body import NEVER_S, ClientBody, NoBody, WholeBody
from gateway.http.bodygate import BodyGate
from gateway.http.headgate import HEAD_END, Head, glance, read_head
from gateway.http.message import Body, ClientGone, Request, Response
from gateway.http.outflow import Outflow
from gateway.http.phases import (
    AFTER,
    DISCARD_BYTES_MAX,
    LINGER_BYTES_MAX,
    LINGER_S,
    Phase,
)
from gateway.http.secondreader import body_gate
from gateway.http.service import Service
from gateway.http.trusted import Trusted

_log = logging.getLogger("keybrake.http")

_NO_BODY: Final = NoBody()
FIRST_REQUEST_S: Final = 0.25
"""In a drain, for the first request of a connection that has not asked anything yet."""


class Connection:
    """A client's connection, from accept to close: an asyncio.Protocol by its methods."""

    __slots__ = (
        "_body",
        "_eof",
        "_gate",
        "_gone_calls",
        "_has_asked",
        "_is_https",
        "_keep",
        "_linger_left",
        "_lost",
        "_pending",
        "_reading_paused",
        "_service",
        "_task",
        "_transport",
        "_trusted",
        "_turned_away",
        "loop",
        "out",
        "peer",
        "phase",
        "read_by_s",
    )
    _transport: asyncio.Transport
    out: Outflow

    def __init__(
        self,
        service: Service,
        peer: str,
        *,
        is_https: bool = False,
        trusted: Trusted | None = None,
        turned_away: Refusal | None = None,
    ) -> None:
        """is_https: is the transport TLS? trusted: if the peer is a balancer whose word on where
        requests come from is believed. turned_away: what it is told before anything is read, so
        that no request of it runs."""
        self.loop = service.loop
        self.peer = peer
        self.phase = Phase.IDLE
        self.read_by_s = self.loop.time() + service.settings.idle_timeout_s
        self._service = service
        self._is_https = is_https
        self._trusted = trusted
        self._turned_away = turned_away
        self._gone_calls: list[Callable[[], None]] | None = None
        self._pending = b""  # behind the message under way, or the begin of a head
        self._gate: BodyGate | None = None  # while bytes of a body are still to come
        self._body: ClientBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._keep = True  # may another request follow?
        self._has_asked = False  # was any request of it answered?
        self._reading_paused = False
        self._eof = False
        self._lost = False
        self._linger_left = LINGER_BYTES_MAX

    # -- the transport's side ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.out = Outflow(self._service, self._transport)
        self._service.joined(self)
        if self._turned_away is not None:
            self.refuse(self._turned_away)

    def data_received(self, data: bytes) -> None:
        if self._gate is not None:
            self._take_body(self._gate, data)
        elif self.phase is Phase.IDLE or self.phase is Phase.HEAD:
            self._run(self._next_request(self._pending + data if self._pending else data))
        elif self.phase is Phase.CALL:
            self._pending += data
            if len(self._pending) > self._service.settings.head_bytes_max:
                self._pause()
        else:
            self._throw_away(len(data))

    def eof_received(self) -> bool:
        """The client sends no more. True keeps our side open: an answer may be on its way. TLS
        cannot: there the transport closes whatever we say."""
        self._eof = True
        if self._body is not None:
            self._body.fail(ClientGone())
        self._tell_gone()
        return self.phase is Phase.CALL and not self._is_https

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._enter(Phase.CLOSED)
        self.out.wake()
        if self._body is not None:
            self._body.fail(ClientGone())
        self._tell_gone()
        if self._task is None:
            self._service.left(self)

    def pause_writing(self) -> None:
        self.out.pause()

    def resume_writing(self) -> None:
        self.out.resume()

    # -- the listener's side -------------------------------------------------------------------

    def expire(self, now_s: float) -> None:
        if now_s >= self.out.write_by_s:
            self._transport.abort()
        elif now_s >= self.read_by_s:
            self.read_by_s = NEVER_S
            if self.phase is Phase.HEAD:
                self.refuse(RequestTimeout())
            elif self.phase is Phase.CALL and self._body is not None:
                self._break_body(self._body, RequestTimeout())
            else:
                self._close()

    def retire(self) -> None:
        """A request that lies in the socket already, or that follows a connection made just now, is
        still answered: whoever sends it, a balancer perhaps, could not tell from a closed
        connection that it never ran."""
        if self.phase is not Phase.IDLE or self._has_unread():
            return
        if self._has_asked:
            self._close()
        else:
            self.read_by_s = min(self.read_by_s, self.loop.time() + FIRST_REQUEST_S)

    def _has_unread(self) -> bool:
        sock = self._transport.get_extra_info("socket")
        waiting = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4))
        return int.from_bytes(waiting, sys.byteorder) > 0

    def abort(self) -> None:
        self._transport.abort()

    def refuse(self, refusal: Refusal) -> None:
        """Answer without a handler, then close politely: framing can no longer be trusted."""
        response = self._service.render(refusal)
        self.out.write_whole(response, is_head=False, close=True)
        self._linger()

    # -- the body's side -----------------------------------------------------------------------

    def invite(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(CONTINUE)

    def resume(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            if not (self._eof or self._transport.is_closing()):
                self._transport.resume_reading()

    # -- from bytes to requests ----------------------------------------------------------------

    def _run(self, request: Request | None) -> None:
        if request is not None:
            self._task = self.loop.create_task(self._serve(request))

    def _next_request(self, data: bytes) -> Request | None:
        """The request that the bytes begin with; None when its head is not all here, or refused."""
        end = data.find(HEAD_END)
        try:
            if end < 0:
                glance(data, self._service.settings)
                self._await_head(data)
                return None
            end += len(HEAD_END)
            raw = data[:end]
            head = read_head(raw, self._service.settings)
            self._service.second_reader.confirm(raw, head)
        except Refusal as refusal:
            self.refuse(refusal)
            return None
        return self._begin(raw, head, data[end:])

    def _await_head(self, data: bytes) -> None:
        self._pending = data
        if self.phase is Phase.IDLE:
            self._enter(Phase.HEAD)
            self.read_by_s = self.loop.time() + self._service.settings.head_timeout_s

    def _begin(self, raw: bytes, head: Head, rest: bytes) -> Request:
        self._enter(Phase.CALL)
        self.read_by_s = NEVER_S
        self._keep = head.keep_alive
        length = head.length
        body: Body = _NO_BODY
        if length == 0:
            self._pending = rest
        elif length is not None and len(rest) >= length and secondreader.ENABLED:
            body = WholeBody(rest[:length])
            self._pending = rest[length:]
        else:
            body = self._await_body(raw, head, rest)
        path, _, query = head.target.partition("?")
        peer, is_https = self.peer, self._is_https
        if self._trusted is not None:
            peer, is_https = self._trusted.believed(peer, head.headers, is_https=is_https)
        return Request(
            head.method,
            head.target,
            path,
            query,
            head.headers,
            head.host,
            body,
            peer,
            self.loop.time(),
            self._gone,
            head.is_http_11,
            is_https,
            self._on_gone,
        )

    def _await_body(self, raw: bytes, head: Head, rest: bytes) -> ClientBody:
        self._pending = b""
        body = ClientBody(self, head.length, self._service.settings, expects=head.expects)
        self._body = body
        self._gate = body_gate(raw, head)
        if rest:
            self._take_body(self._gate, rest)
        return body

    def _take_body(self, gate: BodyGate, data: bytes) -> None:
        body = self._body
        assert body is not None
        pieces: list[bytes] = []
        try:
            rest = gate.take(data, pieces)
        except RequestMalformed as refusal:
            self._break_body(body, refusal)
            return
        if rest is not None:
            self._gate = None
            self._pending = rest
            body.ended = True
        body.put(pieces)
        if rest is not None and self.phase is Phase.REST:
            self._run(self._turn())
        elif body.held_bytes > self._service.settings.buffer_bytes_max:
            self._pause()

    def _break_body(self, body: ClientBody, refusal: Refusal) -> None:
        """The body cannot be read to its end: tell who reads it, and keep the connection no
        longer."""
        self._gate = None
        self._keep = False
        body.fail(refusal)

    def _gone(self) -> bool:
        return self._eof or self._lost or self._transport.is_closing()

    def _on_gone(self, callback: Callable[[], None]) -> None:
        if self._gone():
            callback()
        elif self._gone_calls is None:
            self._gone_calls = [callback]
        else:
            self._gone_calls.append(callback)

    def _tell_gone(self) -> None:
        callbacks, self._gone_calls = self._gone_calls, None
        for callback in callbacks or ():
            callback()

    # -- from requests to answers --------------------------------------------------------------

    async def _serve(self, request: Request) -> None:
        """Answer the request, and those that wait behind it."""
        current: Request | None = request
        try:
            while current is not None:
                response = await self._answer(current)
                close = self._decide_close(response)
                await self.out.send(current, response, close=close)
                current = self._turn()
                if current is not None:  # a thousand of them in one read must not hold the loop
                    await asyncio.sleep(0)
        except Exception:
            _log.exception("an answer could not be written")
            self.abort()
        finally:
            self._task = None
            if self._lost:
                self._service.left(self)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._service.handler(request)
        except Refusal as refusal:
            self._keep = self._keep and not refusal.close
            return self._service.render(refusal)
        except ClientGone:
            self._keep = False
            return self._service.render(RequestMalformed("The body broke off."))
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return self._service.render(Internal())

    def _decide_close(self, response: Response) -> bool:
        """Is this the last answer here? A stream may still read the body while it is sent, so then
        an unread body is looked at again when it has ended."""
        if response.close or self._service.draining:
            self._keep = False
        if response.stream is None and not self._rest_is_small():
            self._keep = False
        return not self._keep

    def _rest_is_small(self) -> bool:
        """Is what was not read of the body known to come, and little?"""
        if self._gate is None:
            return True
        left = self._gate.bytes_left
        uninvited = self._body is not None and self._body.to_invite
        return left is not None and left <= DISCARD_BYTES_MAX and not uninvited

    def _turn(self) -> Request | None:
        """After an answer: the request that waits behind it, if there is one."""
        self._has_asked = True
        self._gone_calls = None
        if self._transport.is_closing():
            return None
        if self._service.draining or not (self._keep and self._rest_is_small()):
            self._part()
            return None
        if self._gate is not None:
            self._enter(Phase.REST)
            self._drop_body()
            self.read_by_s = self.loop.time() + LINGER_S
            return None
        self._enter(Phase.IDLE)
        self._drop_body()
        pending, self._pending = self._pending, b""
        request = self._next_request(pending) if pending else None
        if self.phase is Phase.IDLE:
            self.read_by_s = self.loop.time() + self._service.settings.idle_timeout_s
        if self._eof and request is None:
            self._close()
        return request

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body.discard()
            if self._gate is None:
                self._body = None
        self.resume()

    # -- closing -------------------------------------------------------------------------------

    def _part(self) -> None:
        """After the last answer: at once if the client has nothing under way, else politely."""
        body_ended = self._body is None or self._body.ended
        if body_ended and not self._pending:
            self._close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Say that nothing more comes, and read on for a while, so that the answer arrives."""
        if self._transport.is_closing():
            return
        if self._eof:
            self._close()
            return
        self._enter(Phase.LINGER)
        self._gate = None
        self._pending = b""
        self._drop_body()
        self.read_by_s = self.loop.time() + LINGER_S
        if not self._is_https:  # a TLS transport has no half-close: its client goes by our framing
            self._transport.write_eof()

    def _throw_away(self, size: int) -> None:
        self._linger_left -= size
        if self._linger_left < 0:
            self._close()

    def _close(self) -> None:
        """Flush and close, within the write deadline."""
        self._enter(Phase.CLOSED)
        self.read_by_s = NEVER_S
        self.out.start_deadline()
        self._transport.close()

    def _pause(self) -> None:
        if not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def _enter(self, phase: Phase) -> None:
        assert phase in AFTER[self.phase]
        self.phase = phase
