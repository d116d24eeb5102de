"""One client's connection through anything: bytes in any pieces, requests behind requests, a client
that reads slowly, hangs up or resets, handlers that take their time, deadlines, a drain.

The transport and the clock are pretended. What must hold: requests are handed on in the order they
were sent, one at a time and never one that was not sent; answers come in that order; what waits in
memory is bounded; nothing is raised; and in the end nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import h11
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.errors import RouteUnknown
from gateway.http.connection import Connection
from gateway.http.message import Request, Response
from gateway.http.service import Service
from gateway.settings import ServerSettings

LIMITS = ServerSettings(
    head_bytes_max=1_024,
    buffer_bytes_max=4_096,
    head_timeout_s=10,
    body_timeout_s=20,
    write_timeout_s=20,
    idle_timeout_s=75,
)
PIECE_MAX = 3_000
WHOLE_MAX = 10_000
"""An answer in one write, with its head."""
SELDOM = st.sampled_from((False,) * 7 + (True,))
"""What ends most stories comes late in most."""
DONE = ("reads", "skips", "streams", "counts", "fails", "refuses", "breaks")


class HandLoop(asyncio.SelectorEventLoop):
    """Its time is wound by hand."""

    now_s = 1_000.0

    def time(self) -> float:
        return self.now_s


class Wire(asyncio.Transport):
    """A transport whose client takes what it likes: `taken` of `written`."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: Any = None
        self.written = bytearray()
        self.taken = 0
        self.high = 0
        self.full = self.paused = self.closing = self.lost = self.client_reads = False
        self.sock, self.other = socket.socketpair()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.lost
        self.written += data
        self._look()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def _look(self) -> None:
        if self.client_reads:
            self.taken = len(self.written)
        if not self.full and self.waiting > self.high:
            self.full = True
            self.connection.pause_writing()
        elif self.full and self.waiting <= self.high // 4 and not self.lost:
            self.full = False
            self.connection.resume_writing()

    @property
    def waiting(self) -> int:
        return len(self.written) - self.taken

    def take(self, size: int) -> None:
        self.taken = min(len(self.written), self.taken + size)
        self._look()

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False

    def write_eof(self) -> None:
        return

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True
        self.taken = len(self.written)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.sock if name == "socket" else default


class Failures(logging.Handler):
    """What must never be said."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "could not be written" in record.getMessage():
            self.told.append(record.getMessage())


class ConnectionMachine(RuleBasedStateMachine):
    """`sent`: requests as the client wrote them, in order. `on_way`: bytes not delivered yet."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = HandLoop()
        self.raised: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.raised.append(context))
        self.log = Failures()
        logging.getLogger("keybrake.http").addHandler(self.log)
        self.sent: list[tuple[str, bytes]] = []
        self.handed: list[str] = []
        self.bodies: dict[str, bytes] = {}
        self.at_work = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.on_way = b""
        self.eof = self.spoilt = self.late = False

    @initialize(client_reads=st.booleans())
    def begin(self, client_reads: bool) -> None:
        self.service = self.loop.run_until_complete(self._serve())
        self.service.admit("peer")
        self.wire = Wire()
        self.wire.client_reads = client_reads
        self.connection = Connection(self.service, "peer")
        self.wire.connection = self.connection
        self.connection.connection_made(self.wire)

    async def _serve(self) -> Service:
        return Service(self.handle, lambda refusal: Response(refusal.status, []), LIMITS)

    # -- the handler ----------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        if self.at_work or request.method != "POST":  # raised here, it would be answered
            self.raised.append({"message": f"{request.method} beside {self.at_work} others"})
        self.at_work += 1
        try:
            self.handed.append(request.target)
            await self.gate.wait()
            return await self._answer(request)
        finally:
            self.at_work -= 1

    async def _answer(self, request: Request) -> Response:
        _, number, how, size = request.path.split("/")
        named = [(b"x-number", number.encode())]
        if how == "fails":
            raise RuntimeError("as it was told to")
        if how == "refuses":
            raise RouteUnknown
        if how != "skips":
            self.bodies[request.target] = await request.body.read_all(1 << 20)
        if how in ("reads", "skips"):
            return Response(200, named, b"x" * int(size))
        length = 8 * int(size)
        said = None if how == "streams" else length
        return Response(200, named, stream=self._stream(length, how), length=said)

    async def _stream(self, size: int, how: str) -> AsyncIterator[bytes]:
        for at in range(0, size, PIECE_MAX):
            await self.gate.wait()
            if how == "breaks" and at:
                raise RuntimeError("as it was told to")
            yield b"x" * min(PIECE_MAX, size - at)

    # -- the client -----------------------------------------------------------------------------

    @rule(
        how=st.sampled_from(DONE),
        size=st.sampled_from((5, 9_000, 9_000)),
        body=st.sampled_from((0, 0, 7, 2_000, 20_000)),
        chunk=st.sampled_from((0, 0, 11, 4_000)),
        expects=st.booleans(),
        at_once=st.booleans(),
    )
    def ask(self, how: str, size: int, body: int, chunk: int, expects: bool, at_once: bool) -> None:
        if self.eof or self.spoilt:
            return
        target = f"/{len(self.sent)}/{how}/{size}"
        content = bytes(n % 251 for n in range(body))
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\n"
        if expects:
            head += "Expect: 100-continue\r\n"
        if chunk:
            pieces = [content[at : at + chunk] for at in range(0, body, chunk)]
            framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            raw = (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + framed + b"0\r\n\r\n"
        else:
            raw = (head + f"Content-Length: {body}\r\n\r\n").encode() + content
        self.on_way += raw
        self.sent.append((target, content))
        if at_once:
            self.deliver(PIECE_MAX, 8)

    @rule(
        mind=SELDOM,
        noise=st.sampled_from((b"\0", b"GET\r\n\r\n", b"\r\n\r\n", b"POST / HTTP/3.0\r\n\r\n")),
    )
    def spoil(self, mind: bool, noise: bytes) -> None:
        """No request of the client's comes behind it."""
        if mind and not (self.eof or self.spoilt):
            self.on_way += noise
            self.spoilt = True

    @rule(size=st.sampled_from((1, 7, 60, 500, PIECE_MAX)), times=st.integers(1, 8))
    def deliver(self, size: int, times: int) -> None:
        for _ in range(times):
            if self.wire.paused or self.wire.closing or not self.on_way:
                return
            piece, self.on_way = self.on_way[:size], self.on_way[size:]
            self.inside(self.connection.data_received, piece)

    @rule(mind=SELDOM)
    def hang_up(self, mind: bool) -> None:
        """Behind its last byte."""
        if (
            mind
            and not self.eof
            and not self.wire.closing
            and not self.on_way
            and not self.wire.paused
        ):
            self.eof = True
            if not self.inside(self.connection.eof_received):
                self.wire.close()

    @rule(mind=SELDOM)
    def reset(self, mind: bool) -> None:
        if mind:
            self.lose(ConnectionResetError())

    def lose(self, exc: Exception | None) -> None:
        if not self.wire.lost:
            self.wire.closing = self.wire.lost = True
            self.wire.taken = len(self.wire.written)
            self.inside(self.connection.connection_lost, exc)

    @rule(size=st.sampled_from((1, 500, 5_000, 100_000)))
    def read_answers(self, size: int) -> None:
        self.inside(self.wire.take, size)
        if self.wire.closing and not self.wire.waiting:
            self.lose(None)

    # -- the house ------------------------------------------------------------------------------

    @rule(opened=st.booleans())
    def handlers_wait(self, opened: bool) -> None:
        """Or go on."""
        self.inside(self.gate.set if opened else self.gate.clear)

    @rule(seconds=st.sampled_from((0.1, 0.1, 3, 11, 80)))
    def time_goes_on(self, seconds: float) -> None:
        self.loop.now_s += seconds
        self.late |= seconds > LIMITS.head_timeout_s
        if not self.wire.lost:
            self.inside(self.connection.expire, self.loop.now_s)

    @rule(mind=SELDOM)
    def drain(self, mind: bool) -> None:
        self.service.draining |= mind
        if mind and not self.wire.lost:
            self.inside(self.connection.retire)

    def inside(self, call: Any, *args: Any) -> Any:
        """A callback of the loop's, and what follows from it."""

        async def called() -> Any:
            result = call(*args)
            for _ in range(60):
                await asyncio.sleep(0)
            return result

        return self.loop.run_until_complete(called())

    # -- always ---------------------------------------------------------------------------------

    @precondition(lambda self: hasattr(self, "wire"))
    @invariant()
    def requests_are_handed_on_in_order(self) -> None:
        assert self.handed == [target for target, _ in self.sent][: len(self.handed)]
        contents = dict(self.sent)
        for target, body in self.bodies.items():
            assert body == contents[target]

    @precondition(lambda self: hasattr(self, "wire"))
    @invariant()
    def memory_is_bounded(self) -> None:
        connection, limits = self.connection, LIMITS
        assert len(connection._pending) <= 2 * PIECE_MAX  # behind a body's end, and one read more
        if connection._body is not None:
            assert connection._body.held_bytes <= limits.buffer_bytes_max + 8 * PIECE_MAX
        assert self.wire.waiting <= limits.buffer_bytes_max + WHOLE_MAX + PIECE_MAX

    @precondition(lambda self: hasattr(self, "wire"))
    @invariant()
    def nothing_is_raised(self) -> None:
        assert self.raised == []
        assert self.log.told == []

    @precondition(lambda self: hasattr(self, "wire"))
    @invariant()
    def answers_come_in_order(self) -> None:
        """As a client reads them; the last one may be cut off."""
        reader = h11.Connection(h11.CLIENT)
        numbers: list[int] = []
        statuses = set[int]()
        if self.wire.written:
            reader.receive_data(bytes(self.wire.written))
        while True:
            reader.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
            reader.send(h11.EndOfMessage())
            while isinstance(event := reader.next_event(), h11.InformationalResponse):
                pass
            if not isinstance(event, h11.Response):
                break
            statuses.add(event.status_code)
            numbers += [int(value) for name, value in event.headers if name == b"x-number"]
            while isinstance(event := reader.next_event(), h11.Data):
                pass
            if not isinstance(event, h11.EndOfMessage) or reader.our_state is h11.MUST_CLOSE:
                break
            reader.start_next_cycle()
        assert numbers == sorted(set(numbers))
        assert len(numbers) <= len(self.handed)
        if not (self.spoilt or self.eof or self.wire.lost or self.late):
            assert statuses <= {200, 404, 500}

    def teardown(self) -> None:
        """Left alone, it ends: each deadline leads to the close, and nothing is left behind."""
        with contextlib.ExitStack() as at_end:
            at_end.callback(self.loop.close)
            at_end.callback(logging.getLogger("keybrake.http").removeHandler, self.log)
            if hasattr(self, "wire"):
                at_end.callback(self.wire.sock.close)
                at_end.callback(self.wire.other.close)
                self.all_ends()

    def all_ends(self) -> None:
        self.handlers_wait(True)
        for _ in range(4):
            self.time_goes_on(80)
        assert self.wire.closing
        self.lose(None)
        assert self.at_work == 0
        assert not self.service.connections
        assert self.service.admitted == 0
        self.nothing_is_raised()


TestConnection = cast("Any", ConnectionMachine).TestCase
TestConnection.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
