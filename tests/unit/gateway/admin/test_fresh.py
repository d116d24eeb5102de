"""Before a read what has gathered is written: once for all who ask at once, once for a page."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from gateway.admin.fresh import AS_IT_IS, Fresh, asked_at

pytestmark = pytest.mark.anyio


class Log:
    """Counts what is written; each goes on until it may end."""

    def __init__(self) -> None:
        self.flushed = 0
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()

    async def flush(self) -> bool:
        self.flushed += 1
        self.begun.set()
        await self.may_end.wait()
        return True


async def test_many_who_ask_at_once_cause_one() -> None:
    log = Log()
    fresh = Fresh(log.flush)
    await asyncio.gather(*(fresh.ensure() for _ in range(20)))
    assert log.flushed == 1


async def test_who_asks_while_one_is_under_way_waits_for_the_next_and_shares_it() -> None:
    log = Log()
    fresh = Fresh(log.flush)
    log.may_end.clear()
    first = asyncio.ensure_future(fresh.ensure())
    await log.begun.wait()
    later = [asyncio.ensure_future(fresh.ensure()) for _ in range(20)]
    await asyncio.sleep(0)
    assert log.flushed == 1
    log.may_end.set()
    await asyncio.gather(first, *later)
    assert log.flushed == 2


async def test_each_who_asks_later_has_it_written_again() -> None:
    log = Log()
    fresh = Fresh(log.flush)
    for _ in range(3):
        await fresh.ensure()
    assert log.flushed == 3


async def test_all_questions_of_one_page_cause_one() -> None:
    log = Log()
    fresh = Fresh(log.flush)
    await fresh.ensure()
    with asked_at(perf_counter()):
        await fresh.ensure()
        await asyncio.gather(fresh.ensure(), fresh.ensure())
        with asked_at(perf_counter()):
            await fresh.ensure()
    assert log.flushed == 3


async def test_what_is_content_with_what_is_there_causes_none() -> None:
    log = Log()
    with asked_at(AS_IT_IS):
        await Fresh(log.flush).ensure()
    assert log.flushed == 0


async def test_all_who_wait_get_what_went_wrong_and_the_next_tries_again() -> None:
    log = Log()

    async def broken() -> bool:
        log.flushed += 1
        raise OSError

    fresh = Fresh(broken)
    told = await asyncio.gather(fresh.ensure(), fresh.ensure(), return_exceptions=True)
    assert [type(one) for one in told] == [OSError, OSError]
    assert log.flushed == 1
    with pytest.raises(OSError):
        await fresh.ensure()
    assert log.flushed == 2
