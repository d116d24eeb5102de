"""A loop that hangs is told with its stack and ended; one that turns is left alone."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from gateway.run import heartbeat
from gateway.run.heartbeat import END_LOOKS, TELL_LOOKS, Heartbeat


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.001)


def nobody() -> None:
    raise AssertionError("the loop turns")


async def hang_until(ended: threading.Event) -> None:
    assert ended.wait(60), "nobody noticed"


async def test_a_loop_that_hangs_is_told_with_its_stack_and_then_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = threading.Event()
    beating = asyncio.ensure_future(Heartbeat(ended.set).run())
    await asyncio.sleep(0)
    await hang_until(ended)
    told = [record for record in caplog.records if "hangs" in record.message]
    assert [record.levelno for record in told] == [logging.WARNING, logging.CRITICAL]
    assert all("hang_until" in record.__dict__["where"] for record in told)
    beating.cancel()
    await asyncio.wait((beating,))


async def test_a_mark_begins_it_anew() -> None:
    heart = Heartbeat(nobody)
    for _ in range(3):
        for _ in range(END_LOOKS - 1):
            heart.look()
        beating = asyncio.ensure_future(heart.run())
        await asyncio.sleep(0)
        beating.cancel()
        await asyncio.wait((beating,))
    assert heart._looks < END_LOOKS


async def test_its_thread_ends_with_it() -> None:
    beating = asyncio.ensure_future(Heartbeat(nobody).run())
    await asyncio.sleep(0)
    assert "heartbeat" in {thread.name for thread in threading.enumerate()}
    beating.cancel()
    await asyncio.wait((beating,))
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_a_short_pause_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    heart = Heartbeat(nobody)
    for _ in range(TELL_LOOKS - 1):
        heart.look()
    assert not caplog.records


def test_a_loop_whose_thread_is_gone_has_no_stack() -> None:
    assert Heartbeat(nobody)._where() == ""
