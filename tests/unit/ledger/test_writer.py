"""The threads: jobs in order, what can wait after them, old rows now and then, and every failure
told."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ledger import writer as writer_module
from ledger.store import Store
from ledger.writer import Writer


class Slices:
    """A store with so many slices to tidy; it fails at the one numbered `fails_at`. log_fault: what
    moving the log fails with."""

    def __init__(self, slices: int, *, fails_at: int = -1) -> None:
        self.left = slices
        self.fails_at = fails_at
        self.tidied = threading.Event()
        self.log_fault: BaseException | None = None
        self.log_moves = 0

    def tidy(self) -> bool:
        if self.left == self.fails_at:
            self.fails_at = -1
            raise RuntimeError("slice")
        self.left = max(0, self.left - 1)
        if not self.left:
            self.tidied.set()
        return self.left > 0

    def append(self, entries: int, body: bytes) -> None: ...

    def move_log(self) -> None:
        self.log_moves += 1
        if self.log_fault is not None:
            raise self.log_fault

    def free_reserve(self) -> None: ...

    def keep_reserve(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LOOK_S", 0)


async def ended(writer: Writer) -> bool:
    writer.close(lambda _: None)
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


async def test_the_log_is_moved_once_a_job_was_told_of_and_not_after_one_that_failed() -> None:
    told: asyncio.Queue[BaseException | None] = asyncio.Queue()
    store = Slices(0)
    writer = Writer(store, asyncio.get_running_loop(), told.put_nowait, name="t")
    writer.do(lambda _store: None, told.put_nowait)
    assert await told.get() is None
    store.log_fault = OSError("broken")

    def fail(_store: Store) -> None:
        raise RuntimeError("job")

    writer.do(fail, told.put_nowait)
    assert isinstance(await told.get(), RuntimeError)
    assert store.log_moves == 1
    writer.do(lambda _store: None, told.put_nowait)
    assert await told.get() is None
    assert await told.get() is store.log_fault
    store.log_fault = None
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
