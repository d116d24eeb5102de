"""Big bodies between the caller and the vendor, with nobody in between."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from bench import bulk

SIZE = 3 * bulk.CHUNK_BYTES + 17


@pytest.fixture
def vendor() -> Iterator[str]:
    """The address of one that runs in a thread of its own: the caller blocks."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with await loop.create_server(bulk.BulkVendor, sock=listener):
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    yield "{}:{}".format(*listener.getsockname())
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.mark.parametrize("carry", [bulk.upload, bulk.download])
@pytest.mark.parametrize("size", [1, SIZE])
def test_a_body_arrives_whole(
    vendor: str, carry: Callable[[str, str, str, int], float], size: int
) -> None:
    assert carry(vendor, "/v1/files", "k", size) > 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno", "401 No"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "2 of 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nno", "8 of 10 bytes did not come"),
        (b"HTTP/1.1 200", "closed before the answer"),
    ],
)
def test_another_answer_is_told(answer: bytes, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(65_536)
                caller.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(bulk.Broken, match=why):
            bulk.download("{}:{}".format(*listener.getsockname()), "/v1/files", "k", 10)
        thread.join()
