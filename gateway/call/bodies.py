"""Bodies that are read whole share one room, so that many slow ones cannot fill the memory.

A body of a few kilobytes is always read: that is what calls that move money have. A larger one
takes its announced size from the common room first (an unannounced one the most it may have), and
gives it back when its call is over. When the room is full, further large bodies are told to come
again."""

from __future__ import annotations

from typing import Final

from gateway.errors import RateLimited
from gateway.http.message import Body

SMALL_BYTES_MAX: Final = 65_536


class BodyRoom:
    """room_bytes: for all large bodies together. bytes_max: for one of them."""

    __slots__ = ("_bytes_max", "_left", "_room_bytes")

    def __init__(self, room_bytes: int, bytes_max: int) -> None:
        self._room_bytes = self._left = room_bytes
        self._bytes_max = bytes_max

    def renew(self, room_bytes: int, bytes_max: int) -> None:
        """Another size. What was taken is still taken, so less than nothing may be left."""
        self._left += room_bytes - self._room_bytes
        self._room_bytes = room_bytes
        self._bytes_max = bytes_max

    def take(self, body: Body) -> int:
        """Room for a body about to be read, to be given back; 0 for a small one. Raises
        RateLimited."""
        length = self._bytes_max if body.length is None else min(body.length, self._bytes_max)
        if length <= SMALL_BYTES_MAX:
            return 0
        if length > self._left:
            raise RateLimited("Too many large bodies are being read at once.", retry_after_s=1)
        self._left -= length
        return length

    def give(self, taken: int) -> None:
        self._left += taken
