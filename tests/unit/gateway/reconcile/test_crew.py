"""All reconcilers: fed from the ledger, seen from the admin side."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.reconcile import crew as crews
from gateway.reconcile import reconciler
from gateway.reconcile.crew import NOT_WATCHED, NotOpen
from gateway.reconcile.schedule import MINUTE_US
from ledger import HoldState
from tests.calls import USD
from tests.reconciling import Scene, scene_in
from tests.vendor_double import until

STANDING, PENDING, IN_DOUBT = HoldState.STANDING, HoldState.PENDING, HoldState.IN_DOUBT


async def test_a_scan_takes_so_many_holds_at_a_time(scene: Scene) -> None:
    for number in range(5):
        await scene.open(STANDING, tag=f"pi_{number}")
    counts = []
    for _ in range(4):
        scene.crew.scan(holds_max=2)
        counts.append(len(scene.mate.cases))
    assert counts == [2, 4, 5, 5]
    await scene.open(STANDING, tag="pi_9")
    for _ in range(3):
        scene.crew.scan(holds_max=4)
    assert len(scene.mate.cases) == 6


async def test_a_hold_of_another_account_is_not_ours(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    other = await scene.calls.key(account="acme")
    hold = await scene.open(STANDING, tag="pi_1", key=other)
    assert await scene.looks() == 0
    assert len(scene.mate.cases) == 0
    assert scene.crew.watched(hold) == NOT_WATCHED
    with pytest.raises(NotOpen, match="nobody looks after its account"):
        await scene.crew.look_now(hold.memo_ref)
    scene.crew.start()
    await scene.crew.stop()
    assert "1 holds are open of accounts that are not in the settings" in caplog.text


async def test_a_hold_is_watched_once_it_was_seen(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT)
    assert scene.crew.watched(hold) == NOT_WATCHED
    scene.crew.scan()
    watched = scene.crew.watched(hold)
    assert (watched.next_look_us, watched.looks) == (hold.at_us + MINUTE_US, 0)


async def test_an_account_as_people_see_it(scene: Scene) -> None:
    await scene.open(IN_DOUBT)
    ended = await scene.open(STANDING, tag="pi_1")
    await scene.open(PENDING, tag="SM1")
    charge = await scene.open(STANDING, 9, tag="pi_9", restorable=True)
    scene.end(charge, HoldState.SETTLED, 9)
    await scene.calls.ledger.restore(charge.hold_id, 4, "re_1").durable()
    scene.crew.scan()
    scene.end(ended, HoldState.SETTLED, 1)
    scene.wait(11)
    [account] = scene.crew.accounts()
    assert account.queue == {"pending": 1, "in_doubt": 1, "standing": 0, "refund": 1}
    assert (account.due, account.last_look_us, account.backing_off_until_us) == (1, None, None)
    await scene.looks()
    [account] = scene.crew.accounts()
    assert account.last_look_us == scene.calls.clock.now_us()
    text = scene.calls.doors.metrics.render().decode()
    assert 'keybrake_reconciled_total{outcome="nothing_new"} 1' in text
    assert scene.crew.work() == [("stripe", "default", 4, 1)]


async def test_somebody_asks_for_a_look_now(scene: Scene) -> None:
    hold = await scene.open(PENDING, tag="SM1")
    scene.told.object("SM1", "settled", 7 * USD)
    found = await scene.crew.look_now(hold.memo_ref)
    assert found == "settled at 7.00 USD: read again"
    assert hold.state is HoldState.SETTLED
    with pytest.raises(NotOpen, match="nothing of it is open"):
        await scene.crew.look_now(hold.memo_ref)


async def test_a_doubt_too_young_is_not_looked_at_by_hand_either(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT)
    assert await scene.crew.look_now(hold.memo_ref) == "it is too young, or is being retried"
    assert (hold.state, scene.told.asked) == (IN_DOUBT, [])


async def test_switched_off_nobody_looks(tmp_path: Path) -> None:
    async with scene_in(tmp_path, enabled=False) as scene:
        hold = await scene.open(IN_DOUBT)
        scene.crew.start()
        scene.crew.scan()
        assert scene.crew.accounts() == []
        with pytest.raises(NotOpen, match=r"reconciler\.enabled"):
            await scene.crew.look_now(hold.memo_ref)
        await scene.crew.stop()


async def test_it_works_by_itself_from_start_to_stop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "SCAN_EVERY_S", 0.001)
    monkeypatch.setattr(reconciler, "IDLE_S", 0.001)
    scene.crew.start()
    hold = await scene.open(PENDING, tag="SM1")
    scene.told.object("SM1", "settled", 7 * USD)
    scene.wait(10)
    await until(lambda: hold.state is HoldState.SETTLED)
    await scene.crew.stop()
    assert not [t for t in asyncio.all_tasks() if t.get_name().startswith("reconcile")]
    await scene.crew.stop()


async def test_stopping_ends_a_look_and_gives_its_turn_back(scene: Scene) -> None:
    await scene.open(STANDING, tag="pi_1")
    scene.wait(600)
    turns = scene.calls.doors.turns
    await turns.take("stripe/default/pi_1")
    scene.crew.scan()
    scene.crew.start()
    await until(lambda: bool(turns._lines["stripe/default/pi_1"]))
    await scene.crew.stop()
    turns.give("stripe/default/pi_1")
    assert not turns._lines
    with pytest.raises(NotOpen, match="draining"):
        await scene.crew.look_now("call_1")


# -- other settings ----------------------------------------------------------------------------


def renew(scene: Scene, **changes: Any) -> None:
    doors = scene.crew._doors
    doors.settings = replace(
        doors.settings, reconciler=replace(doors.settings.reconciler, **changes)
    )
    scene.crew.renew()


async def test_other_settings_leave_the_queue_as_it_is(scene: Scene) -> None:
    hold = await scene.open(PENDING, tag="SM1")
    scene.crew.scan()
    mate, asker = scene.mate, scene.mate.asker
    scene.crew.renew()
    assert (scene.mate, scene.mate.asker) == (mate, asker), "nothing changed"
    renew(scene, pending_after_h=1)
    assert scene.mate is mate
    assert scene.mate.asker is not asker
    assert len(scene.mate.cases) == 1
    scene.wait(3_600)
    assert await scene.looks() == 1
    assert hold.state is HoldState.SETTLED, "the new age is in force"


async def test_a_look_that_is_under_way_ends_as_it_began(scene: Scene) -> None:
    hold = await scene.open(PENDING, tag="SM1")
    scene.told.object("SM1", "settled", 7 * USD)
    scene.wait(10)
    scene.crew.scan()
    turns = scene.calls.doors.turns
    await turns.take("stripe/default/SM1")
    looking = asyncio.ensure_future(scene.mate.turn())
    await until(lambda: bool(turns._lines["stripe/default/SM1"]))
    renew(scene, calls_per_second_max=7)
    after = asyncio.ensure_future(scene.mate.turn())
    turns.give("stripe/default/SM1")
    assert [await looking, await after] == [True, False]
    assert hold.settled_micros == 7 * USD


async def test_accounts_come_and_go_under_a_running_crew(scene: Scene) -> None:
    await scene.open(PENDING, tag="SM1")
    scene.crew.start()
    renew(scene, enabled=False)
    assert (scene.crew.accounts(), scene.crew.work()) == ([], [])
    await until(lambda: names() == {"reconcile-scan"})
    renew(scene, enabled=True)
    assert names() == {"reconcile-scan", "reconcile-stripe-default"}
    await scene.crew.stop()
    assert names() == set()
    scene.crew.renew()
    assert names() == set(), "what ended for good does not begin again"


def names() -> set[str]:
    tasks = asyncio.all_tasks()
    return {task.get_name() for task in tasks if task.get_name().startswith("reconcile")}
