"""The socket to a vendor: pieces, marks, ends, and httpcore's interface on top."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import httpcore
import pytest

from gateway.upstream.stream import (
    MARK,
    Broken,
    VendorBackend,
    VendorConnection,
    VendorStream,
    tls_context,
)
from tests.vendor_double import (
    CERTIFICATE,
    OK,
    Peer,
    answering,
    server_tls,
    turns,
    until,
    vendor_double,
)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[VendorStream, socket.socket]]:
    """A stream, and the bare non-blocking socket at its other end."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        backend = VendorBackend()
        stream = await backend.connect_tcp("127.0.0.1", listener.getsockname()[1])
        far, _ = listener.accept()
    far.setblocking(False)
    try:
        yield stream, far
    finally:
        far.close()
        await stream.aclose()
        await turns()
    assert loop.is_running()


async def test_bytes_both_ways() -> None:
    async with pair() as (stream, far):
        far.send(b"hello")
        assert await stream.receive() == b"hello"
        stream.send(b"a")
        stream.send_pieces([b"b", b"c"])
        assert await asyncio.get_running_loop().sock_recv(far, 1) == b"a"
        assert stream.get_extra_info("peername") == far.getsockname()


async def test_an_end_of_file_comes_after_what_was_received() -> None:
    async with pair() as (stream, far):
        far.send(b"last")
        far.close()
        assert await stream.receive() == b"last"
        assert await stream.receive() == b""
        assert await stream.receive() == b""
        assert not stream.untouched


async def test_a_reset_is_told_as_broken() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        peer.reset()

    async with vendor_double(script) as double:
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        stream.send(b"\r\n\r\n")
        with pytest.raises(Broken, match="broke"):
            await stream.receive()
        stream.send(b"nobody there")
        stream.send_pieces([b"nobody"])


async def test_quiet_asks_the_kernel_for_what_the_loop_has_not_seen() -> None:
    async with pair() as (stream, far):
        assert stream.quiet()
        far.send(b"left over")
        assert stream.untouched
        assert not stream.quiet()
        assert stream.get_extra_info("is_readable")
        await stream.receive()
        assert stream.quiet()


async def test_what_came_and_was_not_taken_spoils_it() -> None:
    async with pair() as (stream, far):
        far.send(b"left over")
        await turns()
        assert not stream.untouched


async def test_reading_pauses_at_the_mark() -> None:
    loop = asyncio.get_running_loop()
    async with pair() as (stream, far):
        sending = loop.create_task(loop.sock_sendall(far, bytes(64 * MARK)))
        received = len(await stream.receive())
        for _ in range(200):
            await asyncio.sleep(0)
        assert not sending.done()
        held = sum(map(len, stream._received))
        assert held <= 2 * MARK
        while received < 64 * MARK:
            received += len(await stream.receive())
        await sending


async def test_writing_asks_to_wait_at_the_mark() -> None:
    loop = asyncio.get_running_loop()
    async with pair() as (stream, far):
        while not stream.full:
            stream.send(bytes(MARK))
            await asyncio.sleep(0)
        waiting = loop.create_task(stream.drained())
        await turns()
        assert not waiting.done()
        while not waiting.done():
            await loop.sock_recv(far, MARK)
        await waiting
        assert not stream.full


async def test_waiting_to_write_ends_with_the_socket() -> None:
    loop = asyncio.get_running_loop()
    async with pair() as (stream, _):
        while not stream.full:
            stream.send(bytes(MARK))
            await asyncio.sleep(0)
        waiting = loop.create_task(stream.drained())
        await turns()
        stream.abort()
        await waiting


async def test_a_fault_wakes_whoever_reads() -> None:
    loop = asyncio.get_running_loop()
    async with pair() as (stream, _):
        waiting = loop.create_task(stream.receive())
        await asyncio.sleep(0)
        stream.fail(KeyError("first"))
        stream.fail(KeyError("second"))
        with pytest.raises(KeyError, match="first"):
            await waiting
        with pytest.raises(KeyError, match="first"):
            await stream.receive()
        assert stream.closing
        assert not stream.untouched


async def test_pieces_are_taken_from_a_closed_stream_too() -> None:
    async with pair() as (stream, far):
        far.send(bytes(2 * MARK))
        await until(lambda: stream._paused)
        stream.abort()
        await turns()
        assert len(await stream.receive()) > 0


async def test_httpcores_reads_and_writes() -> None:
    async with pair() as (stream, far):
        await stream.write(b"abc")
        assert await asyncio.get_running_loop().sock_recv(far, 9) == b"abc"
        far.send(b"hello")
        assert await stream.read(2) == b"he"
        assert not stream.untouched
        assert await stream.read(9, timeout=5) == b"llo"
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(9, timeout=0)
        while not stream.full:
            stream.send(bytes(MARK))
            await asyncio.sleep(0)
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(b"x", timeout=0)
        stream.fail(Broken("gone"))
        with pytest.raises(httpcore.ReadError):
            await stream.read(9)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"x")


async def test_httpcores_own_exchange_works_over_it() -> None:
    async with vendor_double(answering(OK)) as double:
        origin = httpcore.Origin(b"http", b"127.0.0.1", double.port)
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port, 5, "127.0.0.1")
        connection = VendorConnection(origin, stream, [])
        url = httpcore.URL(scheme=b"http", host=b"127.0.0.1", port=double.port, target=b"/")
        request = httpcore.Request("GET", url, headers={"Host": "127.0.0.1"})
        reply = await connection.handle_async_request(request)
        assert await reply.aread() == b"ok"
        await reply.aclose()
        assert connection.is_available()
        assert not connection.has_expired()
        await connection.aclose()
        await turns()


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpcore.ConnectError):
        await VendorBackend().connect_tcp("127.0.0.1", port)


async def test_connecting_takes_no_longer_than_it_may() -> None:
    with pytest.raises(httpcore.ConnectTimeout):
        await VendorBackend().connect_tcp("127.0.0.1", 1, timeout=0)


async def test_tls_to_whom_we_trust() -> None:
    async with vendor_double(answering(OK), tls=server_tls()) as double:
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        assert await stream.start_tls(tls_context(str(CERTIFICATE)), "localhost") is stream
        assert stream.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await stream.receive() == OK
        await stream.aclose()
        await turns()


@pytest.mark.parametrize(
    ("context", "name"),
    [(tls_context(), "localhost"), (tls_context(str(CERTIFICATE)), "api.stripe.com")],
    ids=["unknown issuer", "another name"],
)
async def test_tls_to_a_stranger(context: ssl.SSLContext, name: str) -> None:
    async with vendor_double(answering(OK), tls=server_tls()) as double:
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        with pytest.raises(httpcore.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stream.start_tls(context, name)
        assert stream.closing
        await turns()


async def test_tls_with_one_that_says_nothing() -> None:
    async def silent(peer: Peer) -> None:
        await peer.gone()

    async with vendor_double(silent) as double:
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        with pytest.raises(httpcore.ConnectTimeout):
            await stream.start_tls(tls_context(), "localhost", timeout=0)
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        shaking = asyncio.get_running_loop().create_task(
            stream.start_tls(tls_context(), "localhost")
        )
        await turns()
        shaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shaking
        assert stream.closing
        await turns()


@pytest.mark.parametrize("lent", [True, False])
def test_where_the_system_trusts_nobody_mozillas_certificates_are_lent(
    lent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not lent:
        (tmp_path / "of_the_operator.pem").touch()
    there = SimpleNamespace(cafile=None, capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: there)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody yet
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile: client)
    assert tls_context.__wrapped__() is client
    assert (client.cert_store_stats()["x509_ca"] > 100) is lent
