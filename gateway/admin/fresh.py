"""Who reads the audit log finds every call that was answered before: what has gathered is written
first. That is a transaction, so nobody pays for one that somebody else has paid for already.

Those who ask while one is under way share the next. Within one page, however many questions it is
made of, the first writes for all. And a part of an open page that is drawn again is content with
what is there: the writer brings the rest in a quarter of a second, and news of it are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Final

AS_IT_IS: Final = float("-inf")
"""A moment that everything was written after."""
_asked_s: ContextVar[float | None] = ContextVar("asked_s", default=None)


@contextmanager
def asked_at(moment_s: float) -> Iterator[None]:
    """All that is read within needs what was answered before this moment (`perf_counter`)."""
    before = _asked_s.set(moment_s)
    try:
        yield
    finally:
        _asked_s.reset(before)


class Fresh:
    """Living: one for the process. flush: writes what has gathered; what it raises, all get who
    wait for it."""

    __slots__ = ("_flush", "_writing", "_written_s")

    def __init__(self, flush: Callable[[], Awaitable[bool]]) -> None:
        self._flush = flush
        self._written_s = AS_IT_IS
        """When the last one that is through began."""
        self._writing: asyncio.Task[None] | None = None

    async def ensure(self) -> None:
        asked_s = _asked_s.get()
        if asked_s is None:
            asked_s = perf_counter()
        while self._written_s < asked_s:
            if self._writing is None or self._writing.done():
                self._writing = asyncio.get_running_loop().create_task(self._write(), name="fresh")
            await asyncio.shield(self._writing)

    async def _write(self) -> None:
        began_s = perf_counter()
        await self._flush()
        self._written_s = began_s
