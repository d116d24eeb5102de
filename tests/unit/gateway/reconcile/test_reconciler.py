"""One vendor account's reconciler."""

from __future__ import annotations

import asyncio

import pytest

from gateway.reconcile import reconciler
from gateway.reconcile.schedule import HOUR_US
from ledger import HoldState
from ledger.history import Trouble
from tests.calls import USD
from tests.reconciling import Scene
from tests.vendor_double import until

STANDING, PENDING, IN_DOUBT = HoldState.STANDING, HoldState.PENDING, HoldState.IN_DOUBT


async def test_a_vendor_that_is_silent_is_left_alone(scene: Scene) -> None:
    for number in range(3):
        await scene.open(STANDING, tag=f"pi_{number}")
        scene.told.answers[f"/o/pi_{number}"] = (429, {})
    scene.wait(600)
    assert await scene.looks() == 1
    assert len(scene.told.asked) == 1
    [account] = scene.crew.accounts()
    assert account.backing_off_until_us is not None
    assert (account.last_error, account.due) == ("HTTP 429 to a read", 2)


async def test_nothing_is_looked_at_while_the_ledger_is_in_trouble(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.open(STANDING, tag="pi_1")
    scene.wait(600)
    kind = type(scene.calls.ledger)
    monkeypatch.setattr(kind, "trouble", property(lambda ledger: "disk full"))
    assert await scene.looks() == 0
    monkeypatch.undo()
    assert await scene.looks() == 1


async def test_an_audit_log_that_cannot_be_read_is_waited_for(scene: Scene) -> None:
    await scene.open(IN_DOUBT)
    scene.history.trouble = Trouble("no disk")
    scene.wait(61)
    assert await scene.looks() == 1
    [case] = scene.mate.cases
    assert case.found == "the audit log cannot be read: no disk"
    assert case.due_us == scene.calls.clock.now_us() + 60_000_000


async def test_a_fault_of_ours_ends_neither_the_task_nor_the_case(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    hold = await scene.open(STANDING, tag="pi_1")
    scene.told.answers["/o/pi_1"] = (200, {"no": "end"})
    scene.wait(600)
    assert await scene.looks() == 1
    [case] = scene.mate.cases
    assert case.found == "the look failed inside the gateway"
    assert case.due_us == scene.calls.clock.now_us() + HOUR_US
    assert "looking at object stripe/default/pi_1 failed" in caplog.text
    scene.told.object("pi_1", "settled", 10 * USD)
    scene.wait(3_600)
    await scene.looks()
    assert hold.state is HoldState.SETTLED


async def test_the_most_urgent_of_an_objects_holds_says_when(scene: Scene) -> None:
    await scene.open(STANDING, tag="pi_1")
    await scene.open(PENDING, 5, tag="pi_1")
    scene.told.object("pi_1", "standing", 0, 10 * USD + 5)
    scene.wait(10)
    await scene.looks()
    [case] = scene.mate.cases
    now_us = scene.calls.clock.now_us()
    assert case.kind.value == "pending"
    assert now_us < case.due_us <= now_us + 60_000_000


async def test_it_runs_until_it_is_cancelled(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "IDLE_S", 0.001)
    hold = await scene.open(PENDING, tag="SM1")
    scene.told.object("SM1", "settled", 7 * USD)
    scene.crew.scan()
    task = asyncio.ensure_future(scene.mate.run())
    scene.wait(10)
    await until(lambda: hold.state is HoldState.SETTLED)
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
