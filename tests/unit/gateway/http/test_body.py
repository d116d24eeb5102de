"""A body between its connection and its handler."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import BodyTooLarge, RequestMalformed
from gateway.http.body import NEVER_S, ClientBody, NoBody, WholeBody
from gateway.http.message import Body, ClientGone
from gateway.settings import ServerSettings

SETTINGS = ServerSettings(buffer_bytes_max=1000, body_timeout_s=20.0, body_rate_min=1000)


class Tap:
    """A connection as its body sees it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.read_by_s = NEVER_S
        self.invited = 0
        self.resumed = 0

    def invite(self) -> None:
        self.invited += 1

    def resume(self) -> None:
        self.resumed += 1


def make(tap: Tap, length: int | None = None, *, expects: bool = False) -> ClientBody:
    return ClientBody(tap, length, SETTINGS, expects=expects)


async def waiting(body: ClientBody) -> asyncio.Task[bytes]:
    """A reader that has found nothing yet."""
    reader = asyncio.ensure_future(body.read())
    await asyncio.sleep(0)
    return reader


async def test_pieces_come_out_as_they_went_in() -> None:
    body = make(Tap())
    piece = b"abc"
    body.put([piece, b"", b"de"])
    body.end()
    assert await body.read() is piece
    assert [await body.read() for _ in range(3)] == [b"de", b"", b""]


async def test_a_whole_body_in_one_piece_is_not_copied() -> None:
    body = make(Tap(), 3)
    piece = b"abc"
    body.put([piece])
    body.end()
    assert await body.read_all(3) is piece
    assert await body.read_all(3) == b""


async def test_a_whole_body_is_waited_for() -> None:
    tap = Tap()
    body = make(tap)
    reader = asyncio.ensure_future(body.read_all(5))
    await asyncio.sleep(0)
    assert tap.loop.time() < tap.read_by_s <= tap.loop.time() + 20
    body.put([b"ab", b"c"])
    await asyncio.sleep(0)
    body.put([b"de"])
    body.end()
    assert await reader == b"abcde"
    assert tap.read_by_s == NEVER_S


async def test_too_large_is_told_as_soon_as_it_is_known() -> None:
    tap = Tap()
    with pytest.raises(BodyTooLarge):
        await make(tap, 6, expects=True).read_all(5)
    assert tap.invited == 0
    body = make(tap)
    body.put([b"abc", b"def"])
    with pytest.raises(BodyTooLarge):
        await body.read_all(5)


async def test_a_chunked_body_in_one_piece_has_the_same_bound() -> None:
    body = make(Tap())
    body.put([b"abcdef"])
    body.end()
    with pytest.raises(BodyTooLarge):
        await body.read_all(5)


async def test_the_client_is_invited_once_and_only_to_wait() -> None:
    tap = Tap()
    body = make(tap, 2, expects=True)
    reader = await waiting(body)
    body.put([b"a"])
    assert (await reader, tap.invited) == (b"a", 1)
    reader = await waiting(body)
    body.put([b"b"])
    assert (await reader, tap.invited) == (b"b", 1)


async def test_what_is_held_is_weighed_and_asked_for_again_below_half() -> None:
    tap = Tap()
    body = make(tap)
    body.put([b"x" * 500, b"x" * 500])
    assert body.held_bytes > 1000
    await body.read()
    assert tap.resumed == 0
    await body.read()
    assert (body.held_bytes, tap.resumed) == (0, 1)


async def test_confetti_weighs_more_than_its_bytes() -> None:
    body = make(Tap())
    body.put([b"x"] * 100)
    assert body.held_bytes > 1000


async def test_what_came_is_read_before_a_failure() -> None:
    body = make(Tap())
    body.put([b"ab"])
    body.fail(RequestMalformed())
    body.fail(ClientGone())
    assert await body.read() == b"ab"
    for _ in range(2):
        with pytest.raises(RequestMalformed):
            await body.read()


async def test_a_failure_wakes_its_reader_and_an_end_stays_one() -> None:
    body = make(Tap())
    reader = await waiting(body)
    body.fail(ClientGone())
    body.put([])
    with pytest.raises(ClientGone):
        await reader
    whole = make(Tap())
    whole.end()
    whole.fail(ClientGone())
    assert await whole.read() == b""


async def test_a_streamed_body_earns_time_with_bytes() -> None:
    tap = Tap()
    body = make(tap)
    body.put([b"x" * 50_000])
    await body.read()
    reader = await waiting(body)
    assert 49 < tap.read_by_s - tap.loop.time() <= 50
    body.end()
    assert await reader == b""


async def test_after_the_answer_nobody_reads_on() -> None:
    tap = Tap()
    body = make(tap)
    reader = await waiting(body)
    body.discard()
    tap.read_by_s = 7.0
    with pytest.raises(ClientGone):
        await reader
    assert tap.read_by_s == 7.0
    body.put([b"late"])
    assert body.held_bytes == 0
    with pytest.raises(ClientGone):
        await body.read()


async def test_no_body() -> None:
    body: Body = NoBody()
    assert (body.length, await body.read(), await body.read_all(0)) == (0, b"", b"")


async def test_a_body_that_came_with_its_head() -> None:
    body: Body = WholeBody(b"abc")
    assert body.length == 3
    with pytest.raises(BodyTooLarge):
        await body.read_all(2)
    assert await body.read_all(3) == b"abc"
    assert await body.read() == b""
    body = WholeBody(b"abc")
    assert [await body.read(), await body.read()] == [b"abc", b""]
