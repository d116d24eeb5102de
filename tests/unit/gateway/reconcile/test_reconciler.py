"""One vendor account's reconciler."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.reconcile import reconciler
from gateway.reconcile.schedule import HOUR_US
from ledger import HoldState
from ledger.history import Trouble
from tests.calls import USD
from tests.ledgers import full
from tests.reconciling import Scene, scene_on_a_full_disk
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
    await until(lambda: len(scene.mate.cases) == 0)
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()


@pytest.mark.parametrize(
    ("tag", "answer", "exact"),
    [
        ("pi_1", {"end": "settled", "settled": 1}, True),
        ("xx_1", {"end": "settled", "settled": 1, "id": "xx_1"}, True),
        ("", {"end": "settled", "settled": 1, "label": "re_1"}, True),
        ("", {"end": "settled", "settled": 1, "id": "xx_1"}, True),
    ],
)
async def test_what_is_booked_and_not_on_disk_is_said(
    tmp_path: Path, tag: str, answer: dict[str, Any], exact: bool
) -> None:
    """It ends all the same: the ending is applied, and queued until the disk takes it."""
    async with scene_on_a_full_disk(tmp_path) as (scene, faults):
        hold = await scene.open(IN_DOUBT, tag=tag, vendor_key="kb-1")
        scene.told.answers["/o/pi_1"] = (200, answer)
        scene.told.listing(answer, key="kb-1", exact=exact)
        scene.wait(61)
        scene.crew.scan()
        faults.only.always = full()
        assert await scene.mate.turn()
        assert scene.stands(hold) == ("settled", 1, 0)
        assert len(scene.mate.cases) == 0


async def test_a_refund_that_failed_on_a_full_disk_is_taken_back(tmp_path: Path) -> None:
    async with scene_on_a_full_disk(tmp_path) as (scene, faults):
        charge = await scene.open(STANDING, 9, tag="pi_9", restorable=True)
        scene.end(charge, HoldState.SETTLED, 9)
        await scene.calls.ledger.restore(charge.hold_id, 4, "re_1").durable()
        scene.told.object("re_1", "released")
        scene.crew.scan()
        scene.wait(86_400)
        faults.only.always = full()
        assert await scene.mate.turn()
        [case] = scene.mate.cases
        assert case.found.startswith("it failed and is taken back, not on disk yet")
        assert scene.calls.standing(scene.key).restored_micros == 0
