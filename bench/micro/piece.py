"""What a piece is: a name, a word about it, and how it is set up to be done again and again.

A family of pieces is a file of this folder with a tuple `PIECES`; `pieces.py` lists the families.
Whoever prepares a piece sets everything up that its first call would find there, and gives what
does it once: a function, or a coroutine function. What it shares with others is in `smallhouse.py`
(the house without sockets and without a disk) and in `pretend.py` (what stands in for those).
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, Final

from bench.micro.pretend import PretendLoop

Once = Callable[[], Any]
Prepare = Callable[[], AbstractAsyncContextManager[Once]]

WARM_UP: Final = 100
"""Caches fill, shapes are learnt, the interpreter specialises what it runs."""


@dataclass(frozen=True, slots=True)
class Piece:
    """name: its family's, a dot and its own. calls: so many make a counted round; always the same,
    since what happens every so often (a log that is moved, a table that grows) is shared among
    them. parts: of what so many are done in one go, figures are for one. clock_ns: whose CPU it
    takes; the process's where it has threads."""

    name: str
    about: str
    prepare: Prepare
    calls: int = 300
    parts: int = 1
    clock_ns: Callable[[], int] = time.thread_time_ns

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def warm_up(self) -> int:
        """Calls before anything is measured."""
        return min(self.calls, WARM_UP)


def alone(make: Callable[[], Once]) -> Prepare:
    """For what has nothing to close."""

    @asynccontextmanager
    async def prepare() -> AsyncIterator[Once]:
        yield make()

    return prepare


async def play(once: Once, calls: int) -> None:
    if iscoroutinefunction(once):
        for _ in range(calls):
            await once()
    else:
        for _ in range(calls):
            once()


def on_a_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run it as the gateway would run: on uvloop, with as good as no garbage collection."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=PretendLoop) as runner:
            runner.run(work)
    finally:
        gc.enable()
        gc.unfreeze()
