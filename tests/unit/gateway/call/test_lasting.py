"""A body on its way passes on what it has, and gives back once, read or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.call.lanes import FREE, Lanes
from gateway.call.lasting import LONG_MAX, Lasting, LongAnswers
from gateway.errors import RateLimited


def lanes() -> Lanes:
    return Lanes(asyncio.get_running_loop())


class Pieces:
    """A body that can be closed."""

    def __init__(self, *pieces: bytes) -> None:
        self._left = list(pieces)
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)

    async def aclose(self) -> None:
        self.closed += 1


async def test_it_gives_back_when_it_is_closed() -> None:
    given: list[str] = []
    pieces = Pieces(b"a", b"b")
    lasting = Lasting(pieces, lambda: given.append("place"), lanes(), "vk_1")
    assert [piece async for piece in lasting] == [b"a", b"b"]
    assert given == []
    for _ in range(2):
        await lasting.aclose()
    assert (given, pieces.closed) == (["place"], 2)


async def test_also_a_body_that_nobody_began_to_read_and_that_cannot_be_closed() -> None:
    given: list[str] = []

    class Bare:
        def __aiter__(self) -> Bare:
            return self

        async def __anext__(self) -> bytes:
            raise StopAsyncIteration

    await Lasting(Bare(), lambda: given.append("place"), lanes(), "vk_1").aclose()
    assert given == ["place"]


async def test_each_piece_is_a_step_of_its_key() -> None:
    shared = lanes()
    for who in ("x", "y"):
        assert shared.try_step(who)
    body = Lasting(Pieces(*[b"a"] * 20), lambda: None, shared, "vk_1")
    reading = asyncio.ensure_future(_read(body))
    await asyncio.sleep(0)
    assert (shared.waiting, reading.done()) == (1, False)
    assert shared.try_step("x"), "others go on"
    assert len(await reading) == 20 > FREE


async def _read(body: Lasting) -> list[bytes]:
    return [piece async for piece in body]


def test_so_many_long_answers_and_none_takes_all() -> None:
    long = LongAnswers()
    had = 52
    for _ in range(had):
        long.begin("vk_1")
    with pytest.raises(RateLimited):
        long.begin("vk_1")
    assert had < LONG_MAX
    long.begin("vk_2")
    for _ in range(had):
        long.end("vk_1")
    long.end("vk_2")
    assert (long._all, long._of) == (0, {})
