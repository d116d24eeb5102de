"""Load on a gateway from where its users stand: raw sockets, no client library in the way.

Four ways to send. `burst`: a list of requests through so many callers, each on a connection of
its own that is open before the first byte leaves; the answers in the order of the requests (what
tests use). `rush`: all callers connect at once, with a request each. `closed_loop`: each caller
sends its next request when it has its answer. `open_loop`: requests leave on a schedule whatever
the answers do, and latency counts from the schedule, so that a stall shows in the tail instead of
slowing the load down.

The client reads one answer at a time with a length or chunks; anything else is a broken answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Result:
    """One answer. seconds: from sending (open loop: from the schedule) to the answer's last byte.
    status 0: the connection broke; `broken` says how."""

    status: int
    seconds: float
    head: bytes = b""
    body: bytes = b""
    broken: str = ""

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        wanted = name.lower().encode()
        for line in self.head.split(b"\r\n")[1:]:
            known, _, value = line.partition(b":")
            if known.strip().lower() == wanted:
                return value.strip().decode("latin-1")
        return None


@dataclass(slots=True)
class Tally:
    """What a loop measured. seconds: the latency of each answer; wall_s: how long the loop ran;
    watched: what another clock said of each answer, if one was given."""

    wall_s: float = 0.0
    seconds: list[float] = field(default_factory=list)
    watched: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def note(self, result: Result) -> None:
        self.seconds.append(result.seconds)
        self.statuses[result.status] = self.statuses.get(result.status, 0) + 1


def request(
    method: str, target: str, *, headers: Headers = (), body: bytes = b"", host: str = "bench"
) -> bytes:
    """The bytes of one request. A body gets its length; its type is the caller's to give."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def form_post(target: str, bearer: str, body: str, *headers: tuple[str, str]) -> bytes:
    """A form POST with a bearer key, as Stripe's callers send it."""
    known = (
        ("Authorization", f"Bearer {bearer}"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    )
    return request("POST", target, headers=[*known, *headers], body=body.encode())


# One caller.


_HEAD_END: Final = b"\r\n\r\n"
Done = Callable[[Result], None]


class Caller(asyncio.Protocol):
    """One connection that carries one request at a time. `send` calls `done` with the result."""

    __slots__ = ("_buffer", "_done", "_head", "_left", "_since", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._done: Done | None = None
        self._since = 0.0
        self._head = b""
        self._left = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._finish(Result(0, self._age(), self._head, self._buffer, str(exc or "closed")))

    def send(self, data: bytes, done: Done, *, since: float | None = None) -> None:
        """since: time.perf_counter() of the schedule; None: now."""
        self._done, self._since = done, time.perf_counter() if since is None else since
        if self.transport is None or self.transport.is_closing():
            self._finish(Result(0, self._age(), broken="not connected"))
        else:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while self._left < 0 and self._read_head():
            pass
        if self._left >= 0 and len(self._buffer) >= self._left:
            body, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
            self._answer(body)
        elif self._left == _CHUNKED and self._buffer.endswith(b"0\r\n\r\n"):
            body, self._buffer = joined_chunks(self._buffer), b""
            self._answer(body)

    def _read_head(self) -> bool:
        """Take a head off the buffer. True: that was an interim answer, try again."""
        end = self._buffer.find(_HEAD_END)
        if end < 0 or self._left == _CHUNKED:
            return False
        self._head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        if self._head[9:10] == b"1":
            return True
        self._left = body_length(self._head)
        return False

    def _answer(self, body: bytes) -> None:
        head, self._head, self._left = self._head, b"", -1
        self._finish(Result(int(head[9:12]), self._age(), head, body))

    def _finish(self, result: Result) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(result)

    def _age(self) -> float:
        return time.perf_counter() - self._since

    def close(self) -> None:
        self._done = None
        if self.transport is not None:
            self.transport.close()


_CHUNKED: Final = -2


def body_length(head: bytes) -> int:
    """The length of a body by its head; _CHUNKED when it comes in chunks."""
    low = head.lower()
    at = low.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(low[at + 17 :].partition(b"\r\n")[0])
    return _CHUNKED if b"\r\ntransfer-encoding: chunked" in low else 0


def joined_chunks(data: bytes) -> bytes:
    """The content of a complete chunked body."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(data[end + 2 : end + 2 + size])
        at = end + size + 4


async def connect(address: str, count: int) -> list[Caller]:
    """So many open connections to host:port."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    made = await asyncio.gather(
        *(loop.create_connection(Caller, host, int(port)) for _ in range(count))
    )
    return [caller for _, caller in made]


# The four ways.


async def burst(address: str, requests: Sequence[bytes], concurrency: int) -> list[Result]:
    """Send all, at most `concurrency` at once; a caller whose connection broke opens a new one."""
    results: list[Result | None] = [None] * len(requests)
    todo = iter(enumerate(requests))
    callers = await connect(address, min(concurrency, len(requests)))
    await asyncio.gather(*(_work(address, caller, todo, results) for caller in callers))
    return [result for result in results if result is not None]


async def _work(
    address: str,
    caller: Caller,
    todo: Iterator[tuple[int, bytes]],
    results: list[Result | None],
) -> None:
    loop = asyncio.get_running_loop()
    for index, data in todo:
        if caller.transport is None:
            [caller] = await connect(address, 1)
        answered: asyncio.Future[Result] = loop.create_future()
        caller.send(data, answered.set_result)
        results[index] = await answered
    caller.close()


async def rush(address: str, data: bytes, callers: int) -> Tally:
    """So many callers connect at once, and each sends one request as soon as it is let in. Latency
    counts from before the first of them connected."""
    tally = Tally()
    started = time.perf_counter()
    results = await asyncio.gather(*(_first_answer(address, data, started) for _ in range(callers)))
    tally.wall_s = time.perf_counter() - started
    for result in results:
        tally.note(result)
    return tally


async def _first_answer(address: str, data: bytes, started: float) -> Result:
    try:
        [caller] = await connect(address, 1)
    except OSError as exc:
        return Result(0, time.perf_counter() - started, broken=str(exc))
    answered: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    caller.send(data, answered.set_result, since=started)
    result = await answered
    caller.close()
    return result


async def closed_loop(address: str, data: bytes, callers: int, seconds: float) -> Tally:
    """Each caller sends the same request again as soon as it is answered."""
    tally = Tally()
    crowd = await connect(address, callers)
    started = time.perf_counter()
    until = started + seconds
    left = len(crowd)
    over = asyncio.Event()

    def again(caller: Caller) -> None:
        def done(result: Result) -> None:
            nonlocal left
            tally.note(result)
            if result.status and time.perf_counter() < until:
                caller.send(data, done)
                return
            left -= 1
            if not left:
                over.set()

        caller.send(data, done)

    for caller in crowd:
        again(caller)
    await over.wait()
    tally.wall_s = time.perf_counter() - started
    for caller in crowd:
        caller.close()
    return tally


async def open_loop(
    address: str,
    data: bytes,
    rate: float,
    seconds: float,
    connections: int = 64,
    watch: Callable[[], float] | None = None,
) -> Tally:
    """`rate` requests a second leave on schedule. When all connections are busy a request waits for
    one, and its latency counts from when it should have left. watch: another clock, whose time from
    sending to answer is kept too."""
    tally = Tally()
    schedule = _Schedule(await connect(address, connections), data, tally, watch)
    started = time.perf_counter()
    total = int(rate * seconds)
    for number in range(total):
        due = started + number / rate
        early = due - time.perf_counter()
        if early > 0:
            await asyncio.sleep(early)
        schedule.due(due)
    await schedule.all_answered()
    tally.wall_s = time.perf_counter() - started
    return tally


class _Schedule:
    """Requests that are due, and the callers that are free."""

    __slots__ = ("_all", "_data", "_due", "_free", "_in_flight", "_quiet", "_tally", "_watch")

    def __init__(
        self,
        callers: list[Caller],
        data: bytes,
        tally: Tally,
        watch: Callable[[], float] | None = None,
    ) -> None:
        self._all = callers
        self._free = list(callers)
        self._data = data
        self._tally = tally
        self._watch = watch
        self._due: deque[float] = deque()
        self._in_flight = 0
        self._quiet = asyncio.Event()

    def due(self, at: float) -> None:
        self._due.append(at)
        self._go()

    def _go(self) -> None:
        while self._due and self._free:
            self._send(self._free.pop(), self._due.popleft())

    def _send(self, caller: Caller, at: float) -> None:
        watch = self._watch

        def done(result: Result) -> None:
            self._in_flight -= 1
            self._tally.note(result)
            if watch is not None:
                self._tally.watched.append(watch() - began)
            if result.status:
                self._free.append(caller)
            self._go()
            if not self._in_flight:
                self._quiet.set()

        self._in_flight += 1
        self._quiet.clear()
        began = 0.0 if watch is None else watch()
        caller.send(self._data, done, since=at)

    async def all_answered(self) -> None:
        """Wait for what is in flight, then close. Requests that no connection is left for are
        counted as broken."""
        while self._in_flight:
            await self._quiet.wait()
        for at in self._due:
            self._tally.note(Result(0, time.perf_counter() - at, broken="no connection left"))
        for caller in self._all:
            caller.close()
