"""What a piece is: a name, a word about it, and how it is set up to be done again and again.

A family of pieces is a file of this folder with a tuple `PIECES`; `pieces.py` lists the families.
Whoever prepares a piece sets everything up that its first call would find there, and gives what
does it once: a function, or a coroutine function. What it shares with others is in `smallhouse.py`
(the house without sockets and without a disk) and in `pretend.py` (what stands in for those).
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, Final

from bench.micro.pretend import PretendLoop

Once = Callable[[], Any]
Prepare = Callable[[], AbstractAsyncContextManager[Once]]

WARM_UP: Final = 100
"""Calls before anything is measured: caches fill, shapes are learnt, the interpreter specialises
what it runs."""


@dataclass(frozen=True, slots=True)
class Piece:
    """name: its family's, a dot and its own. calls: so many make a counted round; always the same,
    since what happens every so often (a log that is moved, a table that grows) is shared among
    them."""

    name: str
    about: str
    prepare: Prepare
    calls: int = 400


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
