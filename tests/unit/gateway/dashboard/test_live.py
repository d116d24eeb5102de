"""News: coalesced, for who listens only, and ended with the session and with the house."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.dashboard import live
from gateway.dashboard.live import HELLO, NEWS, SIGNED_OUT, Live
from gateway.errors import RateLimited
from gateway.http.message import Request, Response
from tests.unit.gateway.admin.side import WholeBody

pytestmark = pytest.mark.anyio


class Books:
    """What may have moved. looks: how often somebody looked."""

    def __init__(self) -> None:
        self.moves = 0
        self.looks = 0

    def look(self) -> int:
        self.looks += 1
        return self.moves


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.001)


def request(gone: bool = False) -> Request:
    made = Request("GET", "/dashboard/live", "/dashboard/live", "", {}, "", WholeBody(b""), "", 0.0)
    made.gone = lambda: gone
    return made


def stream_of(answer: Response) -> AsyncIterator[bytes]:
    assert answer.stream is not None
    return answer.stream


async def test_a_listener_hears_that_something_moved() -> None:
    books = Books()
    told = Live(books.look, lambda: 10)
    stream = stream_of(told.stream(request(), lambda: True, []))
    assert await anext(stream) == HELLO
    books.moves += 1
    assert await anext(stream) == NEWS
    told.close()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert told.listeners == 0


async def test_nobody_looks_while_nobody_listens() -> None:
    books = Books()
    told = Live(books.look, lambda: 10)
    stream = stream_of(told.stream(request(), lambda: True, []))
    assert await anext(stream) == HELLO
    await stream.aclose()  # type: ignore[attr-defined]
    looked = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, looked.set)
    await looked.wait()
    assert books.looks <= 2
    told.close()


async def test_a_session_that_ended_is_told_and_hears_no_more() -> None:
    told = Live(Books().look, lambda: 10)
    alive = [True]
    stream = stream_of(told.stream(request(), lambda: alive[0], []))
    assert await anext(stream) == HELLO
    alive[0] = False
    assert await anext(stream) == SIGNED_OUT
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_closed_page_ends_its_stream() -> None:
    told = Live(Books().look, lambda: 10)
    stream = stream_of(told.stream(request(gone=True), lambda: True, []))
    assert await anext(stream) == HELLO
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    told.close()


async def test_so_many_listen_and_no_more() -> None:
    told = Live(Books().look, lambda: 1)
    stream = stream_of(told.stream(request(), lambda: True, []))
    assert await anext(stream) == HELLO
    with pytest.raises(RateLimited):
        told.stream(request(), lambda: True, [])
    told.close()
    with pytest.raises(RateLimited):
        Live(Books().look, lambda: 0).stream(request(), lambda: True, [])


async def test_a_stream_that_nobody_reads_takes_no_place() -> None:
    told = Live(Books().look, lambda: 1)
    for _ in range(3):  # as of HEAD, and of a page that was closed before the answer
        stream = stream_of(told.stream(request(), lambda: True, []))
        await stream.aclose()  # type: ignore[attr-defined]
    assert told.listeners == 0
    assert await anext(stream_of(told.stream(request(), lambda: True, []))) == HELLO
    told.close()
