"""A vendor for tests: a raw TCP server on loopback that says byte for byte what a script tells it.

A script is a coroutine function that gets a `Peer`, one per connection. What a script raises, the
test that runs it gets when it leaves the double.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.settings import AccountSettings, Secret, VendorSettings
from gateway.upstream.pool import Order, Upstream
from gateway.upstream.upstreams import Upstreams
from vendors.contract import Credential, Vendor

DATA = Path(__file__).parent / "data"
CERTIFICATE = DATA / "vendor_certificate.pem"
SECRET = "sk_test_51KeybrakeDoubleNotARealKey0123456789"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as it came over the wire; body: decoded."""

    head: bytes
    body: bytes

    @property
    def lines(self) -> list[bytes]:
        return self.head.removesuffix(b"\r\n\r\n").split(b"\r\n")


class Peer:
    """One connection, seen from the vendor."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> Heard:
        """A whole request. Raises asyncio.IncompleteReadError when it does not come whole."""
        head = await self.head()
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in lower:
            return Heard(head, await self._chunks())
        _, found, rest = lower.partition(b"\r\ncontent-length: ")
        length = int(rest.split(b"\r\n")[0]) if found else 0
        return Heard(head, await self.reader.readexactly(length))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            if self.writer.transport.is_closing():
                raise ConnectionResetError
            self.writer.write(piece)

    def say_at_once(self, late: bytes) -> None:
        """Past the event loop, straight to the kernel; b'' ends this side's talking."""
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as raw:
            if late:
                raw.send(late)
            else:
                raw.shutdown(socket.SHUT_WR)

    async def said(self) -> None:
        await self.writer.drain()

    async def gone(self) -> bytes:
        """Until the other side closes; what came meanwhile."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def reset(self) -> None:
        """Close with a RST."""
        linger = struct.pack("ii", 1, 0)
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass(slots=True)
class Double:
    """The running vendor. heard: whole requests that `answering` scripts took."""

    port: int = 0
    connections: int = 0
    heard: list[Heard] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def vendor_double(
    *scripts: Script, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Double]:
    """Runs one script per connection, in order, the last one for all that follow."""
    double = Double()
    tasks: set[asyncio.Task[None]] = set()
    failures: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = scripts[min(double.connections, len(scripts) - 1)]
        double.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(Peer(reader, writer))
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side left, or the test is over
        except BaseException as exc:
            failures.append(exc)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
    for failure in failures:
        raise failure


def post(body: bytes | ScriptedBody = b"a=1", *, whole: int = 1000, product: str = "") -> Order:
    return Order(b"POST", b"/v1/x", [], body, product, whole)


async def silent(peer: Peer) -> None:
    """The script of one that never answers."""
    await peer.gone()


def answering(*answers: bytes) -> Script:
    """Takes a request, says the next answer, and so on; the last one again and again."""

    async def script(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            peer.say(answer)
        while True:
            await peer.request()
            peer.say(answers[-1])

    return script


def hearing(heard: list[Heard], answer: bytes = OK) -> Script:
    """Answers every request alike and keeps it in the list."""

    async def script(peer: Peer) -> None:
        while True:
            heard.append(await peer.request())
            peer.say(answer)

    return script


class DoubleVendor:
    """As much of a vendor module as the way to a vendor looks at."""

    name = "double"
    base_url = "https://api.double.example"
    products: Mapping[str, str] = {"files": "https://files.double.example/up"}

    def authorization(self, credential: Credential) -> bytes:
        return b"Bearer " + credential.secret.encode()

    def livemode(self, credential: Credential) -> bool | None:
        return None if "_x_" in credential.secret else "_live_" in credential.secret


KNOWN: Mapping[str, Vendor] = {"double": cast("Vendor", DoubleVendor())}


@asynccontextmanager
async def upstream_to(url: str, **settings: Any) -> AsyncIterator[Upstream]:
    """The way to it, for one account. When the test is over nothing may be in flight, and no
    connection be lost sight of."""
    account = AccountSettings("default", Secret(settings.pop("secret", SECRET)))
    vendor = VendorSettings("double", url, accounts={"default": account})
    vendor = replace(vendor, **settings)
    upstreams = Upstreams({"double": vendor}, asyncio.get_running_loop(), KNOWN)
    upstream = upstreams.account("double", "default")
    try:
        yield upstream
        assert upstream.in_flight == 0
        assert upstream.connections == upstream.idle
    finally:
        await upstreams.close()
    assert upstream.connections == 0


class ScriptedBody:
    """A request's body that streams: pieces, exceptions to raise, events to wait for first."""

    def __init__(
        self, *steps: bytes | Exception | asyncio.Event, length: int | None = None
    ) -> None:
        self.length = length
        self.steps: list[bytes | Exception | asyncio.Event] = list(steps)
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, bytes):
                return step
            if isinstance(step, Exception):
                raise step
            await step.wait()
        return b""

    async def read_all(self, bytes_max: int) -> bytes:
        raise AssertionError("a body that streams is never read whole")


async def cancelled_at(coroutine: Coroutine[Any, Any, object], at: int) -> bool:
    """Run it in a task of its own, and cancel that where it waits for the `at`-th time (0 is the
    first). False: it ended before; what it raised then is raised."""
    reached = False

    class Counted:
        def __await__(self) -> Generator[Any, None, None]:
            nonlocal reached
            resume: Callable[[], Any] = partial(coroutine.send, None)
            for waits in count():
                try:
                    waited_for = resume()
                except StopIteration:
                    return
                if waits == at:
                    reached = task.cancel()
                try:
                    yield waited_for
                    resume = partial(coroutine.send, None)
                except BaseException as exc:
                    resume = partial(coroutine.throw, exc)

    async def run() -> None:
        await Counted()

    task = asyncio.get_running_loop().create_task(run())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    assert task.cancelled() or not reached, "it went on after it was cancelled"
    return reached


class StillTransport(asyncio.Transport):
    """A transport without a network: keeps what is written, and tells its protocol of its end."""

    def __init__(self, protocol: asyncio.Protocol, raw: socket.socket) -> None:
        super().__init__({"socket": raw})
        self.written = b""
        self.protocol = protocol
        self._ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self._ended
        self.written += data

    def is_closing(self) -> bool:
        return self._ended

    def abort(self) -> None:
        if not self._ended:
            self._ended = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def all_of(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in chunks])


async def turns(count: int = 3) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


def strictly(answers: Sequence[tuple[str, bytes]]) -> pytest.MarkDecorator:
    """Parametrize by answers with names."""
    names, raw = zip(*answers, strict=True)
    return pytest.mark.parametrize("answer", raw, ids=names)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go round until it holds."""
    for _ in range(1_000_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to hold")
