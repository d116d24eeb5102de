"""One request out and one answer in, over one pooled connection: the only place that speaks h11 to
a vendor.

It goes straight down: `run` writes head and body in one piece (or lets a task of its own pump a
long body while the answer may already come), reads the answer's head through the strict gate of
`answerhead`, and reads the body whole if it fits the order's limit; a longer one becomes a `Reply`
whose `chunks` pull it.

Everything hangs on one moment, `watch.left`: the request's last byte was handed to the transport.
Before it the request never ran, and whatever goes wrong is NotSent; after it only an answer says
what happened, and what goes wrong is OutcomeUnknown. Deadlines are two floats per exchange, looked
at by the pool's sweep; `expire` and abort fail the stream, which wakes the one waiter with the
right exception. However it ends, `end` runs once, in the same step as the last await, and hands the
connection back.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import h11

from gateway.call.answerhead import UNTIL_CLOSE, Unreadable, framing, head_end, relayed
from gateway.call.inflate import BadEncoding, InflatedPieces, Inflater
from gateway.call.order import Aborted, Limits, NotSent, Order, OutcomeUnknown, Reply, Watch
from gateway.call.scrub import Scrubber
from gateway.call.stream import Broken, VendorConnection
from gateway.http.message import Body
from gateway.tasks import spawn

NEVER: Final = math.inf
INTERIM_MAX: Final = 5
"""1xx answers before the real one; a vendor that sends more is flooding."""
STATUS_MAX: Final = 599

_OURS: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"accept-encoding", b"expect")
)
"""Framing of a request is written here and nowhere else."""
_IDENTITY: Final = (b"accept-encoding", b"identity")
_CHUNKED: Final = (b"transfer-encoding", b"chunked")
_WITH_BODY: Final = frozenset((b"POST", b"PUT", b"PATCH"))
"""Methods that say Content-Length: 0 when they carry nothing (RFC 9110, 8.6)."""
_END: Final = h11.EndOfMessage()
_Prepared: Final = type(_END.headers)
"""h11's own list of headers. It takes one as it is, without a regular expression for each name
and value (a tenth of an exchange's CPU); what matters is checked once, on the whole head."""
_FAILURES: Final = (h11.RemoteProtocolError, Broken, Unreadable, BadEncoding)


class Exchange:
    """One call on the wire. back: takes it out of the pool's books, with the connection and whether
    that may be used again."""

    __slots__ = (
        "_answer_by_s",
        "_answering",
        "_back",
        "_connection",
        "_ended",
        "_limits",
        "_loop",
        "_next",
        "_order",
        "_streaming",
        "_take_by_s",
        "_total_at_s",
        "_upload",
        "scrubber",
        "watch",
    )

    def __init__(
        self,
        order: Order,
        watch: Watch,
        limits: Limits,
        scrubber: Scrubber,
        loop: asyncio.AbstractEventLoop,
        back: Callable[[Exchange, VendorConnection | None, bool], None],
    ) -> None:
        self._order = order
        self.watch = watch
        self._limits = limits
        self.scrubber = scrubber
        self._loop = loop
        self._back = back
        self._connection: VendorConnection | None = None
        self._upload: asyncio.Task[None] | None = None
        self._next: Callable[[], Awaitable[bytes]] = self._raw_piece
        self._ended = False
        self._answering = False
        self._streaming = False
        self._total_at_s = NEVER
        self._answer_by_s = NEVER
        self._take_by_s = NEVER

    # The life of it.

    def take(self, connection: VendorConnection) -> None:
        """From here on `end` gives the connection back, and `abort` closes it."""
        self._connection = connection
        self.watch.on_abort = self._abort

    async def run(self, host: bytes, prefix: bytes, first: bytes) -> Reply:
        """Send and receive. first: the whole body, or the first piece of one that streams. Raises
        as `Upstream.send`."""
        try:
            self._send(host, prefix, first)
            return await self._answer()
        except _FAILURES as exc:
            raise self._failure(str(exc)) from exc

    async def piece(self) -> bytes:
        """The next piece of the decoded body, b'' at its end."""
        try:
            return await self._next()
        except _FAILURES as exc:
            raise self._failure(str(exc)) from exc

    def end(self) -> None:
        """It is over, well or not; the second time nothing. Never awaits, so nothing can come
        between."""
        if self._ended:
            return
        self._ended = True
        self.watch.on_abort = None
        if self._upload is not None and not self.watch.left:
            self._upload.cancel()
        connection = self._connection
        self._back(self, connection, connection is not None and _reusable(connection))

    def overdue(self, now_s: float) -> bool:
        """Is the vendor too late with its answer, or with taking more of the request?"""
        return self._answer_by_s < now_s or self._take_by_s < now_s

    def expire(self) -> None:
        """The deadline has passed."""
        why = "the answer took too long" if self._answering else "no answer in time"
        why = why if self.watch.left else "the vendor took the request too slowly"
        self._fail(self._failure(why, timed_out=True))

    def shut(self) -> None:
        """The house closes."""
        if self._connection is None and self.watch.on_abort is not None:
            self.watch.on_abort()  # still connecting: as if that had taken too long
        self._fail(self._failure("the gateway is closing"))

    def _abort(self) -> None:
        self._fail(Aborted(left=self.watch.left))

    def _fail(self, fault: Exception) -> None:
        if self._connection is not None:
            self._connection.socket.fail(fault)

    def _failure(self, why: str, *, timed_out: bool = False) -> NotSent | OutcomeUnknown:
        return OutcomeUnknown(why, timed_out=timed_out) if self.watch.left else NotSent(why)

    # The request.

    def _send(self, host: bytes, prefix: bytes, first: bytes) -> None:
        order, connection = self._order, self._wired()
        body = order.body
        length = len(body) if isinstance(body, bytes) else body.length
        try:
            out = _opening(connection.wire, order, host, prefix, length, first)
        except h11.LocalProtocolError as exc:
            raise NotSent(f"not a request that can be written: {exc}") from exc
        connection.socket.send(out)
        missing = None if length is None else length - len(first)
        if isinstance(body, bytes) or missing == 0:
            self._leave(connection)
        else:
            self._upload = spawn(self._pump(connection, body, missing), name="upload")

    def _leave(self, connection: VendorConnection) -> None:
        """Every byte was handed over: tell h11, and start the answer's clock."""
        last = connection.wire.send(_END)
        if last:
            connection.socket.send(last)
        self.watch.left = True
        now_s = self._loop.time()
        self._total_at_s = now_s + self._limits.total_s
        if not self._answering:
            self._answer_by_s = now_s + min(self._limits.first_byte_s, self._limits.total_s)
        elif not self._streaming:
            self._answer_by_s = self._total_at_s

    async def _pump(self, connection: VendorConnection, body: Body, missing: int | None) -> None:
        """Send the rest of a body as it comes. missing: bytes still to go, None if unknown. What
        reading it raises ends the exchange: its last byte has not left."""
        socket = connection.socket
        try:
            while not self.watch.left:
                piece = await body.read()
                if socket.closing:
                    return  # whoever waits for the answer is told why
                missing = self._pass_on(connection, piece, missing)
                if socket.full and not self.watch.left:
                    self._take_by_s = self._loop.time() + self._limits.idle_s
                    await socket.drained()
                    self._take_by_s = NEVER
        except h11.LocalProtocolError as exc:
            self._fail(NotSent(f"not a body of the announced length: {exc}"))
        except Exception as exc:
            self._fail(exc)

    def _pass_on(
        self, connection: VendorConnection, piece: bytes, missing: int | None
    ) -> int | None:
        """Hand a piece to the transport, b'' for the end. Returns what is missing after it."""
        if piece:
            framed = connection.wire.send_with_data_passthrough(h11.Data(data=piece)) or []
            connection.socket.send_pieces(framed)
            missing = None if missing is None else missing - len(piece)
        if not piece or missing == 0:
            self._leave(connection)
        return missing

    # The answer.

    async def _answer(self) -> Reply:
        response, length = await self._head()
        headers, encoding = relayed(response.headers.raw_items())
        status = response.status_code
        bodiless = status in (204, 304) or self._order.method == b"HEAD"
        if length == UNTIL_CLOSE and not bodiless:
            raise Unreadable("an answer without a length")
        if encoding and not bodiless:
            self._next = InflatedPieces(self._raw_piece, Inflater(encoding)).next
        known = length if length >= 0 and not encoding else None
        reply = Reply(self, status, headers, known)
        whole_max = self._order.whole_bytes_max
        if bodiless or length == 0 or (whole_max and length <= whole_max):
            await self._collect(reply, whole_max)
        if reply.body is None:
            self._streaming = True
            self._answer_by_s = NEVER
        return reply

    async def _head(self) -> tuple[h11.Response, int]:
        """The final answer's head and how its body is framed; what follows it is in h11's
        buffer."""
        connection = self._wired()
        received = await self._more()
        self._answering = True
        if self.watch.left:
            self._answer_by_s = self._total_at_s
        for _ in range(INTERIM_MAX + 1):
            while not (end := head_end(received)):
                received += await self._more()
            head = self.scrubber.whole(received[:end])
            length = framing(head)
            connection.wire.receive_data(head)
            event = connection.wire.next_event()
            received = received[end:]
            if isinstance(event, h11.Response):
                if event.status_code > STATUS_MAX:
                    raise Unreadable("no status of HTTP")
                if received:
                    connection.wire.receive_data(received)
                return event, length
        raise Unreadable("too many interim answers")

    async def _more(self) -> bytes:
        """What comes next. Raises Broken at the end of file: nobody asks where it would be in
        order."""
        if self._streaming:
            self._answer_by_s = self._loop.time() + self._limits.idle_s
        received = await self._wired().socket.receive()
        if self._streaming:
            self._answer_by_s = NEVER
        if not received:
            raise Broken("the connection ended before the answer did")
        return received

    async def _raw_piece(self) -> bytes:
        """The next piece of the body as it was sent, b'' at its end."""
        wire = self._wired().wire
        while True:
            event = wire.next_event()
            if isinstance(event, h11.Data):
                return event.data
            if event is not h11.NEED_DATA:
                return b""  # EndOfMessage; trailers are dropped
            wire.receive_data(await self._more())

    async def _collect(self, reply: Reply, whole_max: int) -> None:
        """Read the body whole, or leave what was read to the reply's chunks if it is longer."""
        parts: deque[bytes] = deque()
        size = 0
        while piece := await self._next():
            parts.append(piece)
            size += len(piece)
            if size > whole_max:
                reply.early = parts
                return
        reply.body = self.scrubber.whole(b"".join(parts))
        self.end()

    def _wired(self) -> VendorConnection:
        connection = self._connection
        assert connection is not None
        return connection


def _opening(
    wire: h11.Connection, order: Order, host: bytes, prefix: bytes, length: int | None, first: bytes
) -> bytes:
    """Head and first bytes of the body. The head is written anew: framing and Host are ours."""
    headers = [
        (b"host", host),
        *(line for line in order.headers if line[0] not in _OURS),
        _IDENTITY,
    ]
    if length is None:
        headers.append(_CHUNKED)
    elif length or order.method in _WITH_BODY:
        headers.append((b"content-length", b"%d" % length))
    prepared = _Prepared([(name, name, value) for name, value in headers])
    request = h11.Request(method=order.method, target=prefix + order.target, headers=prepared)
    head = b"".join(wire.send_with_data_passthrough(request) or ())
    breaks = len(headers) + 2
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise h11.LocalProtocolError("a header that would not stay on its line")
    if not first:
        return head
    return b"".join((head, *(wire.send_with_data_passthrough(h11.Data(data=first)) or ())))


def _reusable(connection: VendorConnection) -> bool:
    """May another call have it? Unused, or both sides done, and not a byte more than that."""
    wire = connection.wire
    if wire.our_state is h11.DONE and wire.their_state is h11.DONE:
        if wire.trailing_data[0]:
            return False
        wire.start_next_cycle()
    elif wire.our_state is not h11.IDLE or wire.their_state is not h11.IDLE:
        return False
    return connection.socket.untouched
