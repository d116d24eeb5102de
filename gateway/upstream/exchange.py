"""One request out and one answer in, over one pooled connection.

It goes straight down: `run` writes head and body in one piece (or lets a task of its own pump a
long body while the answer may already come), reads the answer's head through the strict gate of
`answerhead`, and reads the body whole if it fits the order's limit; a longer one becomes a `Reply`
whose `chunks` pull it. What goes over the wire is written and read by `direct` where it can, and by
`plain` (h11) where not; an exchange may turn from the first to the second when it sees the answer.

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
from typing import Final, Protocol

from gateway.http.message import Body, Headers
from gateway.tasks import spawn
from gateway.upstream import plain
from gateway.upstream.answerhead import UNTIL_CLOSE, Unreadable, framing, head_end
from gateway.upstream.backend import VendorConnection
from gateway.upstream.direct import Direct
from gateway.upstream.inflate import BadEncoding, InflatedPieces, Inflater
from gateway.upstream.order import Aborted, Limits, NotSent, Order, OutcomeUnknown, Reply, Watch
from gateway.upstream.origins import Origin
from gateway.upstream.scrub import Scrubber
from gateway.upstream.stream import Broken

NEVER: Final = math.inf
INTERIM_MAX: Final = 5
"""1xx answers before the real one; a vendor that sends more is flooding."""
STATUS_MAX: Final = 599
WHY_CHARS_MAX: Final = 200
"""Of what a failure says for itself, to callers and logs."""

_FAILURES: Final = (plain.Misread, Broken, Unreadable, BadEncoding)


class Home(Protocol):
    """The account that an exchange is made for."""

    limits: Limits
    scrubber: Scrubber
    direct: Direct
    loop: asyncio.AbstractEventLoop

    def back(self, exchange: Exchange, connection: VendorConnection | None, reusable: bool) -> None:
        """It is over. connection: what it had, and whether that may be used again."""


class Exchange:
    """One call on the wire."""

    __slots__ = (
        "_answer_by_s",
        "_answering",
        "_clean",
        "_connection",
        "_direct",
        "_ended",
        "_first",
        "_home",
        "_inflated",
        "_left",
        "_order",
        "_origin",
        "_rest",
        "_spoiled",
        "_streaming",
        "_take_by_s",
        "_total_at_s",
        "_upload",
        "scrubber",
        "watch",
    )
    _origin: Origin
    _first: bytes

    def __init__(self, order: Order, watch: Watch, home: Home) -> None:
        self._order = order
        self.watch = watch
        self.scrubber = home.scrubber
        self._home = home
        self._connection: VendorConnection | None = None
        self._upload: asyncio.Task[None] | None = None
        self._inflated: InflatedPieces | None = None
        self._ended = False
        self._answering = False
        self._spoiled = False
        """Did something go wrong on its connection? Then nobody uses that again."""
        self._streaming = False
        self._direct = False
        """Is h11 left out? Then _rest is what is here of the body, and _left is how many bytes of
        it are still to come, below 0 while that is not known, or when more came than it has."""
        self._rest = b""
        self._left = -1
        self._clean = False
        """Was there no credential in what came first? The usual body came with it."""
        self._total_at_s = NEVER
        self._answer_by_s = NEVER
        self._take_by_s = NEVER

    # The life of it.

    def take(self, connection: VendorConnection) -> None:
        """From here on `end` gives the connection back, and `abort` closes it."""
        self._connection = connection
        self.watch.on_abort = self._abort

    async def run(self, origin: Origin, first: bytes) -> Reply:
        """Send and receive. first: the whole body, or the first piece of one that streams. Raises
        as `Upstream.send`."""
        self._origin, self._first = origin, first
        try:
            self._send()
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
        self._home.back(self, connection, connection is not None and self._reusable(connection))

    def _reusable(self, connection: VendorConnection) -> bool:
        """May another call have it? Unused, or both sides done, and not a byte more than that."""
        if self._spoiled:
            return False
        if self._direct:
            at_end = self._left == 0 and not self._rest
        else:
            at_end = plain.reusable(connection.wire)
        return at_end and connection.socket.untouched

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
        """why: may repeat what the vendor said (a line that is none), so it is scrubbed."""
        self._spoiled = True
        why = self.scrubber.whole(why.encode()).decode()[:WHY_CHARS_MAX]
        return OutcomeUnknown(why, timed_out=timed_out) if self.watch.left else NotSent(why)

    # The request.

    def _send(self) -> None:
        connection, first = self._wired(), self._first
        body = self._order.body
        length = len(body) if isinstance(body, bytes) else body.length
        is_whole = length == len(first)
        out = self._home.direct.opening(self._order, self._origin, first) if is_whole else None
        self._direct = out is not None
        if out is None:
            out = self._plain_opening(connection, length)
        connection.socket.send(out)
        if is_whole or isinstance(body, bytes):
            self._leave(connection)
        else:
            missing = None if length is None else length - len(first)
            self._upload = spawn(self._pump(connection, body, missing), name="upload")

    def _plain_opening(self, connection: VendorConnection, length: int | None) -> bytes:
        try:
            return plain.opening(connection.wire, self._order, self._origin, length, self._first)
        except plain.Unwritable as exc:
            raise NotSent(f"not a request that can be written: {exc}") from exc

    def _leave(self, connection: VendorConnection) -> None:
        """Every byte was handed over: start the answer's clock."""
        if not self._direct and (last := plain.ending(connection.wire)):
            connection.socket.send(last)
        self.watch.left = True
        now_s, limits = self._home.loop.time(), self._home.limits
        self._total_at_s = now_s + limits.total_s
        if not self._answering:
            self._answer_by_s = now_s + min(limits.first_byte_s, limits.total_s)
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
                    self._take_by_s = self._home.loop.time() + self._home.limits.idle_s
                    await socket.drained()
                    self._take_by_s = NEVER
        except plain.Unwritable as unwritable:
            self._fail(NotSent(f"not a body of the announced length: {unwritable}"))
        except Exception as exc:
            self._fail(exc)

    def _pass_on(
        self, connection: VendorConnection, piece: bytes, missing: int | None
    ) -> int | None:
        """Hand a piece to the transport, b'' for the end. Returns what is missing after it."""
        if piece:
            connection.socket.send_pieces(plain.framed(connection.wire, piece))
            missing = None if missing is None else missing - len(piece)
        if not piece or missing == 0:
            self._leave(connection)
        return missing

    # The answer.

    async def _answer(self) -> Reply:
        status, headers, encoding, length = await self._head()
        bodiless = status in (204, 304) or self._order.method == b"HEAD"
        if length == UNTIL_CLOSE and not bodiless:
            raise Unreadable("an answer without a length")
        if self._direct:
            self._begin_body(0 if bodiless else length)
        if encoding and not bodiless:
            self._inflated = InflatedPieces(self._raw_piece, Inflater(encoding))
        known = length if length >= 0 and not encoding else None
        reply = Reply(self, status, headers, known)
        whole_max = self._order.whole_bytes_max
        if bodiless or length == 0 or (whole_max and length <= whole_max):
            await self._collect(reply, whole_max)
        if reply.body is None:
            self._streaming = True
            self._answer_by_s = NEVER
        return reply

    async def _head(self) -> tuple[int, Headers, bytes, int]:
        """The final answer's status, headers and encoding, and how its body is framed."""
        received = await self._more()
        self._answering = True
        if self.watch.left:
            self._answer_by_s = self._total_at_s
        while not (end := head_end(received)):
            received += await self._more()
        if self._direct:
            self._clean = self.scrubber.whole(received) is received
            head = received[:end] if self._clean else self.scrubber.whole(received[:end])
            found = self._home.direct.read(head, to_head=self._order.method == b"HEAD")
            if found is not None:
                self._rest = received[end:]
                return found
            self._direct = False
            plain.retell(self._wired().wire, self._order, self._origin, self._first)
        return await self._plain_head(received)

    async def _plain_head(self, received: bytes) -> tuple[int, Headers, bytes, int]:
        """The same by h11, which gets what follows the head, too. received: the first head at
        least."""
        wire = self._wired().wire
        for _ in range(INTERIM_MAX + 1):
            while not (end := head_end(received)):
                received += await self._more()
            head = self.scrubber.whole(received[:end])
            length = framing(head)
            found = plain.read(wire, head)
            received = received[end:]
            if found is not None:
                if found[0] > STATUS_MAX:
                    raise Unreadable("no status of HTTP")
                if received:
                    wire.receive_data(received)
                return *found, length
        raise Unreadable("too many interim answers")

    def _begin_body(self, length: int) -> None:
        """Of a direct exchange: see where its end is. What lies behind that is dropped, and keeps
        the connection from being used again."""
        self._left = length - len(self._rest)
        if self._left < 0:
            self._rest = self._rest[:length]

    async def _more(self) -> bytes:
        """What comes next. Raises Broken at the end of file: nobody asks where it would be in
        order."""
        if self._streaming:
            self._answer_by_s = self._home.loop.time() + self._home.limits.idle_s
        received = await self._wired().socket.receive()
        if self._streaming:
            self._answer_by_s = NEVER
        if not received:
            raise Broken("the connection ended before the answer did")
        return received

    async def _next(self) -> bytes:
        """The next piece of the decoded body, b'' at its end."""
        return await (self._raw_piece() if self._inflated is None else self._inflated.next())

    async def _raw_piece(self) -> bytes:
        """The next piece of the body as it was sent, b'' at its end."""
        if self._direct:
            return await self._direct_piece()
        wire = self._wired().wire
        while not (found := plain.pieces(wire)):
            wire.receive_data(await self._more())
        if len(found) == plain.CHUNKS_AT_ONCE:
            await asyncio.sleep(0)  # whatever else the loop has to do comes first
        return b"".join(found)

    async def _direct_piece(self) -> bytes:
        if not self._rest and self._left > 0:
            self._rest = await self._more()
            self._begin_body(self._left)
        piece, self._rest = self._rest, b""
        return piece

    async def _collect(self, reply: Reply, whole_max: int) -> None:
        """Read the body whole, or leave what was read to the reply's chunks if it is longer."""
        if self._direct and self._left <= 0 and self._inflated is None:
            body, self._rest = self._rest, b""  # the usual answer, which came in one piece
            clean = self._clean
        else:
            clean = False
            parts: deque[bytes] = deque()
            size = 0
            while piece := await self._next():
                parts.append(piece)
                size += len(piece)
                if size > whole_max:
                    reply.early = parts
                    return
            body = b"".join(parts)
        reply.body = body if clean else self.scrubber.whole(body)
        self.end()

    def _wired(self) -> VendorConnection:
        connection = self._connection
        assert connection is not None
        return connection
