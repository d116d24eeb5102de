"""The thread: jobs in order, old rows in between, and every failure told."""

from __future__ import annotations

import asyncio
import threading

from ledger.store import Store
from ledger.writer import Writer


class Slices:
    """A store with so many slices to tidy; it fails at the one numbered `fails_at`."""

    def __init__(self, slices: int, *, fails_at: int = -1) -> None:
        self.left = slices
        self.fails_at = fails_at
        self.tidied = threading.Event()

    def tidy(self) -> bool:
        if self.left == self.fails_at:
            self.fails_at = -1
            raise RuntimeError("slice")
        self.left = max(0, self.left - 1)
        if not self.left:
            self.tidied.set()
        return self.left > 0

    def append(self, entries: int, body: bytes) -> None: ...

    def free_reserve(self) -> None: ...

    def keep_reserve(self) -> None: ...

    def close(self) -> None: ...


async def ended(writer: Writer) -> bool:
    writer.stop()
    await asyncio.to_thread(writer._thread.join)
    return not writer.alive


async def test_jobs_are_done_in_order_and_told_about() -> None:
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[BaseException | None] = asyncio.Queue()
    writer = Writer(Slices(0), loop, told.put_nowait, name="t")
    done: list[int] = []

    def fail(_store: Store) -> None:
        raise OSError("broken")

    writer.do(lambda _store: done.append(1), told.put_nowait)
    writer.do(fail, told.put_nowait)
    writer.do(lambda _store: done.append(2), told.put_nowait)
    answers = [await told.get() for _ in range(3)]
    assert done == [1, 2]
    assert [type(answer) for answer in answers] == [type(None), OSError, type(None)]
    assert writer.alive
    assert await ended(writer)


async def test_between_jobs_all_slices_are_tidied() -> None:
    store = Slices(5)
    writer = Writer(store, asyncio.get_running_loop(), lambda _: None, name="t")
    await asyncio.to_thread(store.tidied.wait)
    assert store.left == 0
    assert await ended(writer)


async def test_a_slice_that_fails_is_told_and_jobs_go_on() -> None:
    told: asyncio.Queue[BaseException | None] = asyncio.Queue()
    store = Slices(3, fails_at=2)
    writer = Writer(store, asyncio.get_running_loop(), told.put_nowait, name="t")
    assert isinstance(await told.get(), RuntimeError)
    writer.do(lambda _store: None, told.put_nowait)
    assert await told.get() is None
    assert await ended(writer)


def test_a_thread_whose_loop_is_gone_ends() -> None:
    loop = asyncio.new_event_loop()
    writer = Writer(Slices(0), loop, lambda _: None, name="t")
    loop.close()
    writer.do(lambda _store: None, lambda _: None)
    writer._thread.join()
    assert not writer.alive
