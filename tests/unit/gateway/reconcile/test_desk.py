"""The one way in which a look changes the books."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.reconcile.desk import Desk, Evidence, said
from gateway.reconcile.plans import Plan
from ledger import Ending, HoldState, Shed
from tests.calls import USD
from tests.ledgers import full
from tests.reconciling import Scene, scene_on_a_full_disk
from vendors.contract import End, GivesBack, Outcome

SETTLED, IN_DOUBT = HoldState.SETTLED, HoldState.IN_DOUBT
WHY = Evidence("because")


def desk_of(scene: Scene) -> Desk:
    return scene.mate._desk


def test_evidence_tells_what_is_known_and_no_more() -> None:
    assert orjson.loads(WHY.memo(5)) == {"reconciled": {"how": "because", "at_us": 5}}
    told = Evidence("because", "/o/1", 200, "pi_1").memo(5)
    assert orjson.loads(told) == {
        "reconciled": {"how": "because", "at_us": 5, "target": "/o/1", "status": 200},
        "object_id": "pi_1",
    }


def test_an_outcome_in_words() -> None:
    assert said(Outcome(End.STANDING, 1 * USD, USD // 2), "so") == "standing at 1.50 USD: so"


async def test_what_is_settled_of_an_object_is_told_by_its_calls(scene: Scene) -> None:
    """Those that are not over are the ledger's to tell."""
    await scene.through(5 * USD, "pi_1")
    await scene.through(2 * USD, "pi_1")
    await scene.open(IN_DOUBT, tag="pi_1", object_id="pi_1", cost_micros=9)
    assert await desk_of(scene).settled("pi_1") == 7 * USD
    assert await desk_of(scene).settled("pi_2") == 0


async def test_what_went_on_in_another_way_is_left_so(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT)
    scene.end(hold, HoldState.RELEASED)
    plan = Plan((Ending(hold.hold_id, SETTLED, 5),))
    why = await desk_of(scene).book(plan, WHY)
    assert why is not None
    assert why.startswith("it went on in another way meanwhile")


async def test_drift_is_named(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    hold = await scene.open(IN_DOUBT, 5)
    plan = Plan((Ending(hold.hold_id, SETTLED, 7),), drift_micros=2)
    assert await desk_of(scene).book(plan, WHY) is None
    assert f"drift: hold {hold.hold_id} cost 0.000002 more" in caplog.text


async def test_what_is_not_on_disk_stops_what_comes_after_it(tmp_path: Path) -> None:
    """On a full disk an ending is applied and queued; what hangs on it is left for later."""
    async with scene_on_a_full_disk(tmp_path) as (scene, faults):
        one, two = await scene.open(IN_DOUBT), await scene.open(IN_DOUBT)
        faults.only.always = full()
        plan = Plan((Ending(one.hold_id, SETTLED, 5),), (Ending(two.hold_id, SETTLED, 5),))
        why = await desk_of(scene).book(plan, WHY)
        assert why is not None
        assert "not on disk yet" in why
        assert (one.state, two.state) == (SETTLED, IN_DOUBT)
        assert not await scene.looks()


async def test_an_issuers_leg_that_stays_is_no_ending(scene: Scene) -> None:
    issuer = await scene.calls.issuer()
    hold = await scene.open(HoldState.STANDING, 5, key=await scene.calls.key(issuer))
    assert await desk_of(scene).book(Plan((Shed(hold.hold_id),)), WHY) is None
    assert hold.shed


BACK = GivesBack(("pi_8", "pi_9"), "re_9", 4 * USD)


@pytest.mark.parametrize(
    ("back", "charge", "refund", "gives"),
    [
        (BACK, {}, {}, 4 * USD),
        (GivesBack(("pi_9",), "re_9", 40 * USD), {}, {}, 9 * USD),
        (None, {}, {}, 0),
        (BACK, {}, {"restorable": False}, 0),
        (BACK, {"tag": "pi_7"}, {}, 0),
    ],
)
async def test_a_refund_gives_back_to_the_charge_of_its_day_and_key(
    scene: Scene,
    back: GivesBack | None,
    charge: dict[str, Any],
    refund: dict[str, Any],
    gives: int,
) -> None:
    paid = await scene.open(
        HoldState.STANDING, 9 * USD, **{"tag": "pi_9", "restorable": True, **charge}
    )
    scene.end(paid, SETTLED, 9 * USD)
    hold = await scene.open(IN_DOUBT, 4 * USD, **{"restorable": True, **refund})
    desk_of(scene).give_back(back, hold)
    assert scene.calls.standing(scene.key).restored_micros == gives


async def test_a_charge_of_another_key_gets_nothing_back(scene: Scene) -> None:
    other = await scene.calls.key(refunds_restore_cap=True)
    paid = await scene.open(HoldState.STANDING, 9 * USD, tag="pi_9", restorable=True, key=other)
    scene.end(paid, SETTLED, 9 * USD)
    hold = await scene.open(IN_DOUBT, 4 * USD, restorable=True)
    desk_of(scene).give_back(BACK, hold)
    assert scene.calls.standing(other).restored_micros == 0
