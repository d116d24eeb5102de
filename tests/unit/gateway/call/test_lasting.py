"""A body on its way passes on what it has, and gives back once, read or not."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.call.lasting import Lasting


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
    lasting = Lasting(pieces, lambda: given.append("place"))
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

    await Lasting(Bare(), lambda: given.append("place")).aclose()
    assert given == ["place"]
