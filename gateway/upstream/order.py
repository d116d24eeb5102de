"""What the journey and the wire say to each other about one exchange: the order, the grip, the
three ways in which it may fail. Values only; `exchange` carries them out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.http.message import Body, Headers
from gateway.upstream.scrub import Scrubber


class NotSent(Exception):
    """The request never ran: no connection, or its last byte was not written. Nothing is
    counted."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class OutcomeUnknown(Exception):
    """The last byte was written and no whole answer came. timed_out: the vendor was too slow."""

    def __init__(self, why: str, *, timed_out: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.timed_out = timed_out


class Aborted(Exception):
    """`Watch.abort` ended it. left: the last byte had been written, so the call may have run."""

    def __init__(self, *, left: bool) -> None:
        super().__init__("aborted")
        self.left = left


@dataclass(slots=True)
class Order:
    """What to send. target: path and query. headers: complete but for Host, framing and
    Accept-Encoding. product: the vendor's host of that name, '' for the main one. whole_bytes_max:
    an answer's body up to so long is read whole; 0: it always streams."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes | Body
    product: str = ""
    whole_bytes_max: int = 0


Gate = Callable[[], None]
"""What is asked right before a first byte; it raises where that may not leave."""


def open_gate() -> None:
    """The gate of a call that needs no second look."""


class Watch:
    """The caller's grip on an exchange in flight. gate: called right before the first byte; what it
    raises comes out of `send`, and nothing was sent then. left: the last byte was written."""

    __slots__ = ("aborted", "gate", "left", "on_abort")

    def __init__(self, gate: Gate = open_gate) -> None:
        self.gate = gate
        self.left = False
        self.aborted = False
        self.on_abort: Callable[[], None] | None = None

    def abort(self) -> bool:
        """End it now. True if its last byte had not left: it never ran."""
        self.aborted = True
        if self.on_abort is not None:
            self.on_abort()
        return not self.left


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. idle_s: between two pieces, either way. total_s: for an answer that is read
    whole."""

    first_byte_s: float
    idle_s: float
    total_s: float


class Source(Protocol):
    """Where a reply's pieces come from."""

    @property
    def scrubber(self) -> Scrubber: ...

    async def piece(self) -> bytes:
        """The next piece, b'' at the end."""

    def end(self) -> None:
        """No more is wanted; the second time nothing."""


class Reply:
    """A vendor's answer. headers: lower case, without framing. body: whole, if it fit; otherwise
    None, and `chunks` gives it. length: of a body that streams (or that a HEAD spoke of), if known.
    Bodies are inflated to identity and scrubbed of credentials. A reply without a body in hand must
    be closed."""

    __slots__ = ("_source", "body", "early", "headers", "length", "status")

    def __init__(self, source: Source, status: int, headers: Headers, length: int | None) -> None:
        self._source = source
        self.early: deque[bytes] = deque()
        """What was read before the body proved too long to be read whole."""
        self.status = status
        self.headers = headers
        self.length = length
        self.body: bytes | None = None

    def chunks(self) -> Chunks:
        """The body's pieces, once; the vendor is read as fast as they are taken."""
        if self.body is not None:
            return Chunks(self._source, deque((self.body,)), over=True)
        return Chunks(self._source, self.early, over=False)

    async def close(self) -> None:
        """Read no further: the vendor's connection is closed unless the body was read to its
        end."""
        self._source.end()


class Chunks:
    """A body on its way. Raises OutcomeUnknown, Aborted, and NotSent or what reading the request's
    body raised if that was still going out. A class, since closing a generator that nobody has
    begun to read runs none of its code."""

    __slots__ = ("_early", "_over", "_scrubbed", "_source")

    def __init__(self, source: Source, early: deque[bytes], *, over: bool) -> None:
        self._source = source
        self._early = early
        self._over = over
        self._scrubbed = source.scrubber.stream()

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> bytes:
        while self._early or not self._over:
            clean = self._scrubbed.feed(await self._next())
            if self._over and not self._early:
                clean += self._scrubbed.finish()
            if clean:
                return clean
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Read no further."""
        self._early.clear()
        self._over = True
        self._source.end()

    async def _next(self) -> bytes:
        if self._early:
            return self._early.popleft()
        try:
            piece = await self._source.piece()
        except BaseException:
            await self.aclose()
            raise
        if not piece:
            await self.aclose()
        return piece
