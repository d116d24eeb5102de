"""A task that is started is kept until it is done, and what it raised is not lost."""

from __future__ import annotations

import asyncio
import gc

import pytest

from gateway import tasks
from gateway.tasks import spawn


async def test_a_task_is_kept_until_it_is_done() -> None:
    gate = asyncio.Event()
    task = spawn(gate.wait(), name="waits")
    assert task in tasks._running
    gc.collect()
    gate.set()
    assert await task is True
    assert task not in tasks._running


async def test_what_it_raised_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("for a reason")

    task = spawn(fail(), name="fails")
    await asyncio.wait((task,))
    await asyncio.sleep(0)
    assert "task fails failed" in caplog.text
    assert "for a reason" in caplog.text


async def test_a_cancelled_task_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(asyncio.Event().wait(), name="cut")
    task.cancel()
    await asyncio.wait((task,))
    await asyncio.sleep(0)
    assert (caplog.text, tasks._running) == ("", set())
