"""An answer that streams keeps its place at the vendor's entrance until its last byte.

It keeps a connection to the vendor as well, for as long as its caller takes to read. Without the
place the entrance would let in more calls than there are connections for, and whoever reads slowly
would have those refused that came by the rules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable


class Lasting:
    """A body on its way that gives something back when it is closed, which the connection does
    whatever happens. A class, since closing a generator that nobody has begun to read runs none of
    its code."""

    __slots__ = ("_give_back", "_pieces")

    def __init__(self, pieces: AsyncIterator[bytes], give_back: Callable[[], None]) -> None:
        self._pieces = pieces
        self._give_back: Callable[[], None] | None = give_back

    def __aiter__(self) -> Lasting:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        give_back, self._give_back = self._give_back, None
        try:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
        finally:
            if give_back is not None:
                give_back()
