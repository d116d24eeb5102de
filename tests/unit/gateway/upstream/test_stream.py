"""The socket to a vendor: pieces, marks, ends, and httpcore's interface on top."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import pytest

from gateway.upstream.backend import VendorBackend
from gateway.upstream.stream import MARK, Broken, VendorStream
from tests.vendor_double import (
    Peer,
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
