"""A refund that gave back to a cap is read again for thirty days."""

from __future__ import annotations

import pytest

from gateway.upstream.order import NotSent
from ledger import Hold, HoldState
from tests.calls import USD
from tests.reconciling import Scene

DAY_S = 86_400


async def refunded(scene: Scene, refund_id: str = "re_1", acts_for: str = "") -> Hold:
    """A charge of 9 USD of which 4 were given back."""
    charge = await scene.open(
        HoldState.STANDING, 9 * USD, tag="pi_9", restorable=True, acts_for=acts_for
    )
    scene.end(charge, HoldState.SETTLED, 9 * USD)
    await scene.calls.ledger.restore(charge.hold_id, 4 * USD, refund_id).durable()
    return charge


async def test_one_that_failed_is_taken_back_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    charge = await refunded(scene)
    scene.told.object("re_1", "settled", 4 * USD)
    assert await scene.looks() == 0
    scene.wait(DAY_S)
    assert await scene.looks() == 1
    [case] = scene.mate.cases
    assert case.found == "it stands"
    scene.told.object("re_1", "released")
    scene.wait(DAY_S)
    assert await scene.looks() == 1
    assert scene.history.given_back == [(charge.hold_id, "re_1", 0)]
    assert list(scene.calls.ledger.restored()) == []
    assert "taken back" in caplog.text
    scene.wait(DAY_S)
    assert await scene.looks() == 1
    assert (len(scene.mate.cases), len(scene.told.asked)) == (0, 2)


async def test_one_of_another_account_is_read_there(scene: Scene) -> None:
    await refunded(scene, acts_for="stripe-account=acct_1")
    scene.told.object("re_1", "released")
    scene.crew.scan()
    scene.wait(DAY_S)
    await scene.looks()
    assert scene.told.accounts == [b"acct_1"]
    assert list(scene.calls.ledger.restored()) == []


async def test_after_thirty_days_it_is_believed(scene: Scene) -> None:
    await refunded(scene)
    scene.crew.scan()
    scene.wait(31 * DAY_S)
    assert await scene.looks() == 1
    assert (scene.told.asked, len(scene.mate.cases)) == ([], 0)


async def test_an_old_one_is_not_looked_at_after_a_restart(scene: Scene) -> None:
    await refunded(scene)
    scene.wait(31 * DAY_S)
    assert await scene.looks() == 0
    assert len(scene.mate.cases) == 0


async def test_what_stands_in_the_way_is_said(scene: Scene) -> None:
    await refunded(scene)
    scene.told.answers["/o/re_1"] = NotSent("no connection")
    scene.crew.scan()
    scene.wait(DAY_S)
    await scene.looks()
    [case] = scene.mate.cases
    assert (case.found, case.looked_us) == ("no connection", None)


async def test_a_refund_that_cannot_be_read_stands(scene: Scene) -> None:
    await refunded(scene, "xx_1")
    scene.crew.scan()
    scene.wait(DAY_S)
    await scene.looks()
    [case] = scene.mate.cases
    assert case.found == "the vendor offers no way to read it again"
