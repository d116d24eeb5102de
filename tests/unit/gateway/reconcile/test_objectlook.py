"""A look at an object: what stands, is pending and in doubt about it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.upstream.order import OutcomeUnknown
from ledger import HoldState, RetryKey
from tests.calls import USD
from tests.reconciling import Scene, scene_in
from tests.vendor_double import until

STANDING, PENDING, IN_DOUBT = HoldState.STANDING, HoldState.PENDING, HoldState.IN_DOUBT
HOUR_S = 3_600
TAG = "stripe/default/pi_1"


async def test_a_price_that_came_is_booked_with_its_evidence(scene: Scene) -> None:
    hold = await scene.open(PENDING, 10 * USD, tag="SM1")
    scene.told.object("SM1", "settled", 7 * USD)
    assert await scene.looks() == 0
    scene.wait(10)
    assert await scene.looks() == 1
    assert scene.stands(hold) == ("settled", 7 * USD, 0)
    [told] = await scene.evidence(hold)
    assert told["reconciled"] == {
        "how": "settled at 7.00 USD: read again",
        "at_us": scene.calls.clock.now_us(),
        "target": "/o/SM1",
        "status": 200,
    }
    assert len(scene.mate.cases) == 0


async def test_a_price_above_the_hold_is_booked_in_full_and_is_drift(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    hold = await scene.open(PENDING, 10 * USD, tag="SM1")
    scene.told.object("SM1", "settled", 12 * USD)
    scene.wait(10)
    await scene.looks()
    assert scene.stands(hold) == ("settled", 12 * USD, 0)
    assert scene.calls.doors.metrics.drift.value == 2 * USD
    assert "cost 2.00 more than was held" in caplog.text


async def test_an_object_of_another_account_is_read_there(scene: Scene) -> None:
    hold = await scene.open(STANDING, 10 * USD, tag="pi_1", acts_for="stripe-account=acct_1")
    doubt = await scene.open(IN_DOUBT, 1 * USD, tag="pi_1", vendor_key="kb-1")
    scene.told.listing(key="kb-1", exact=True)
    scene.wait(61)
    await scene.looks()
    assert scene.told.accounts == [b"acct_1", b"acct_1"]
    assert (hold.state, doubt.state) == (STANDING, IN_DOUBT)


async def test_a_price_is_asked_for_again_and_again(scene: Scene) -> None:
    hold = await scene.open(PENDING, 10 * USD, tag="SM1")
    scene.told.object("SM1", "pending", 0, 10 * USD)
    for seconds in (10, 50, 540, 3_000, HOUR_S, HOUR_S):
        scene.wait(seconds)
        assert await scene.looks() == 1
        scene.wait(1)
        assert await scene.looks() == 0
        scene.wait(-1)
    assert scene.stands(hold) == ("pending", 0, 10 * USD)
    assert await scene.evidence(hold) == []


async def test_a_price_that_never_comes_is_taken_to_be_what_counts(scene: Scene) -> None:
    hold = await scene.open(PENDING, 10 * USD, tag="SM1")
    scene.told.object("SM1", "pending", 0, 9 * USD)
    scene.wait(24 * HOUR_S)
    assert await scene.looks() == 1
    assert scene.stands(hold) == ("settled", 9 * USD, 0)
    [lowered, aged] = await scene.evidence(hold)
    assert "for its age" in aged["reconciled"]["how"]
    assert lowered["reconciled"]["target"] == "/o/SM1"


async def test_a_silent_vendor_is_waited_for_a_while_longer(scene: Scene) -> None:
    hold = await scene.open(PENDING, 10 * USD, tag="SM1")
    scene.told.answers["/o/SM1"] = OutcomeUnknown("reset")
    scene.wait(24 * HOUR_S)
    assert await scene.looks() == 1
    assert hold.state is PENDING
    scene.mate.asker.pace.until_s = 0
    scene.wait(48 * HOUR_S)
    assert await scene.looks() == 1
    assert scene.stands(hold) == ("settled", 10 * USD, 0)


async def test_what_cannot_be_read_again_ends_by_age(scene: Scene) -> None:
    hold = await scene.open(PENDING, 10 * USD, tag="xx_1")
    scene.wait(24 * HOUR_S)
    assert await scene.looks() == 1
    assert hold.state is HoldState.SETTLED
    assert scene.told.asked == []


async def test_an_uncaptured_hold_that_lapsed_is_released(scene: Scene) -> None:
    hold = await scene.open(STANDING, tag="pi_1")
    scene.told.object("pi_1", "released")
    scene.wait(600)
    await scene.looks()
    assert scene.stands(hold) == ("released", 0, 0)


async def test_what_stands_is_read_daily_and_never_too_old(scene: Scene) -> None:
    hold = await scene.open(STANDING, tag="pi_1")
    scene.told.object("pi_1", "standing", 0, 10 * USD)
    for seconds in (600, 3_000, 24 * HOUR_S, 24 * HOUR_S, 500 * 24 * HOUR_S):
        scene.wait(seconds)
        assert await scene.looks() == 1
    assert hold.state is STANDING


async def test_an_answer_that_says_nothing_changes_nothing(scene: Scene) -> None:
    hold = await scene.open(STANDING, tag="pi_1")
    scene.wait(600)
    assert await scene.looks() == 1
    assert hold.state is STANDING
    [case] = scene.mate.cases
    assert case.found == "HTTP 404 to a read"


async def test_a_call_in_doubt_ends_with_its_object(scene: Scene) -> None:
    """The capture left and nobody knows; the intent says what it has come to."""
    stood = await scene.open(STANDING, tag="pi_1")
    doubt = await scene.open(IN_DOUBT, 0, tag="pi_1")
    scene.told.object("pi_1", "settled", 10 * USD)
    scene.wait(61)
    assert await scene.looks() == 1
    assert [scene.stands(h) for h in (stood, doubt)] == [
        ("settled", 10 * USD, 0),
        ("settled", 0, 0),
    ]


async def test_what_others_saw_through_is_not_booked_again(scene: Scene) -> None:
    """A retry was told what its first call had made, after another key had raised and paid it."""
    stood = await scene.open(STANDING, 4 * USD, tag="pi_1")
    await scene.through(5 * USD, "pi_1")
    scene.told.object("pi_1", "settled", 5 * USD)
    scene.wait(600)
    assert await scene.looks() == 1
    assert scene.stands(stood) == ("settled", 4 * USD, 0)


async def test_whoever_ends_a_doubt_about_it_leaves_its_name(scene: Scene) -> None:
    """So that the doubt whose call made it is not booked for what this one did."""
    doubt = await scene.open(IN_DOUBT, 5 * USD, tag="pi_1")
    scene.told.object("pi_1", "settled", 5 * USD)
    scene.wait(61)
    assert await scene.looks() == 1
    [told] = await scene.evidence(doubt)
    assert told["object_id"] == "pi_1"


async def test_what_ends_while_the_audit_log_is_asked_is_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = await scene.open(STANDING, 4 * USD, tag="pi_1")
    scene.told.object("pi_1", "settled", 5 * USD)
    scene.wait(600)

    async def flush() -> bool:
        scene.end(hold, HoldState.SETTLED, 3 * USD)
        return True

    monkeypatch.setattr(scene.history, "flush", flush)
    assert await scene.looks() == 1
    assert scene.stands(hold) == ("settled", 3 * USD, 0)


async def test_while_a_doubt_is_young_its_object_waits(scene: Scene) -> None:
    stood = await scene.open(STANDING, tag="pi_1")
    scene.wait(600)
    await scene.open(IN_DOUBT, 0, tag="pi_1")
    scene.told.object("pi_1", "settled", 10 * USD)
    assert await scene.looks() == 1
    assert (stood.state, scene.told.asked) == (STANDING, [])
    scene.wait(61)
    assert await scene.looks() == 1
    assert stood.state is HoldState.SETTLED


async def test_while_a_doubt_is_retried_its_object_waits(scene: Scene) -> None:
    retry = RetryKey(b"k" * 16, b"d" * 16)
    doubt = await scene.open(IN_DOUBT, 10 * USD, tag="pi_1", retry=retry)
    scene.told.object("pi_1", "released")
    scene.wait(73 * HOUR_S)
    await scene.calls.doors.retries.begin(retry)
    assert await scene.looks() == 1
    assert doubt.state is IN_DOUBT
    scene.calls.doors.retries.end(retry)
    scene.wait(60)
    assert await scene.looks() == 1
    assert doubt.state is HoldState.RELEASED


async def test_a_retry_that_begins_while_the_vendor_is_asked_is_left_alone(scene: Scene) -> None:
    retry = RetryKey(b"k" * 16, b"d" * 16)
    doubt = await scene.open(IN_DOUBT, 10 * USD, tag="pi_1", retry=retry)
    scene.wait(61)
    retries = scene.calls.doors.retries

    class Meanwhile(dict[bytes, object]):
        def __contains__(self, key: object) -> bool:
            return bool(scene.told.asked)  # from the moment that the vendor was asked

    retries._running = Meanwhile()  # type: ignore[assignment]
    scene.told.object("pi_1", "released")
    assert await scene.looks() == 1
    assert (doubt.state, scene.told.asked) == (IN_DOUBT, ["/o/pi_1"])
    retries._running = {}


async def test_a_look_waits_for_the_call_on_the_same_object(scene: Scene) -> None:
    hold = await scene.open(STANDING, tag="pi_1")
    scene.wait(600)
    await scene.calls.doors.turns.take(TAG)
    looking = asyncio.ensure_future(scene.looks())
    await until(lambda: bool(scene.calls.doors.turns._lines[TAG]))
    scene.end(hold, HoldState.SETTLED, 10 * USD)
    scene.calls.doors.turns.give(TAG)
    assert await looking == 1
    assert (scene.told.asked, len(scene.mate.cases)) == ([], 0)


async def test_what_ends_while_the_vendor_is_asked_is_over(scene: Scene) -> None:
    """A retry of the call that made the object takes no turn on it."""
    hold = await scene.open(STANDING, tag="pi_1")
    scene.told.object("pi_1", "settled", 3 * USD)
    scene.wait(600)

    def and_then(order: object, said: object = scene.told) -> object:
        scene.end(hold, HoldState.SETTLED, 10 * USD)
        return scene.told(order)  # type: ignore[arg-type]

    scene.calls.upstream.vendor = and_then  # type: ignore[assignment]
    assert await scene.looks() == 1
    assert scene.stands(hold) == ("settled", 10 * USD, 0)
    assert len(scene.mate.cases) == 0


# -- where the object does not speak for itself ---------------------------------------------------


async def test_a_doubt_about_it_is_searched_for(scene: Scene) -> None:
    doubt = await scene.open(IN_DOUBT, tag="xx_1", vendor_key="kb-1")
    match = {"end": "settled", "settled": 4 * USD, "id": "xx_1"}
    scene.told.listing(match, key="kb-1", exact=True)
    scene.wait(61)
    assert await scene.looks() == 1
    assert scene.stands(doubt) == ("settled", 4 * USD, 0)


async def test_what_another_object_says_counts_for_the_call_alone(scene: Scene) -> None:
    stood = await scene.open(STANDING, tag="xx_1")
    doubt = await scene.open(IN_DOUBT, tag="xx_1", vendor_key="kb-1")
    match = {"end": "settled", "settled": 4 * USD, "label": "re_1"}
    scene.told.listing(match, key="kb-1", exact=True)
    scene.wait(61)
    await scene.looks()
    assert (scene.stands(doubt), stood.state) == (("settled", 4 * USD, 0), STANDING)


@pytest.mark.parametrize("exact", [True, False])
async def test_only_an_exact_match_is_believed(scene: Scene, exact: bool) -> None:
    doubt = await scene.open(IN_DOUBT, tag="pi_1", vendor_key="kb-1")
    match = {"end": "in_doubt" if exact else "settled", "id": "pi_1"}
    scene.told.listing(match, key="kb-1", exact=exact)
    scene.wait(61)
    await scene.looks()
    assert doubt.state is IN_DOUBT
    [case] = scene.mate.cases
    assert case.found == "HTTP 404 to a read; a listing"
    scene.wait(72 * HOUR_S)
    await scene.looks()
    assert scene.stands(doubt) == ("settled", 10 * USD, 0)


async def test_what_stands_in_the_way_of_a_search_is_said(tmp_path: Path) -> None:
    async with scene_in(tmp_path, searchable=False) as scene:
        await scene.open(IN_DOUBT, tag="pi_1")
        await scene.open(IN_DOUBT, tag="pi_2", row=False)
        scene.wait(61)
        assert await scene.looks() == 2
        assert {case.found for case in scene.mate.cases} == {
            "HTTP 404 to a read; the vendor offers no way to look it up",
            "HTTP 404 to a read; the audit log does not know the call",
        }


async def test_a_search_that_gets_no_answer_comes_up_again(scene: Scene) -> None:
    doubt = await scene.open(IN_DOUBT, tag="xx_1", vendor_key="kb-1")
    scene.told.answers["/list?key=kb-1"] = (503, {})
    scene.wait(61)
    assert await scene.looks() == 1
    [case] = scene.mate.cases
    assert (doubt.state, case.found) == (IN_DOUBT, "HTTP 503 to a read")
    assert case.due_us == scene.calls.clock.now_us() + 60_000_000


async def test_a_doubt_that_a_person_ends_meanwhile_is_left_alone(scene: Scene) -> None:
    doubt = await scene.open(IN_DOUBT, tag="xx_1", vendor_key="kb-1")
    scene.told.listing({"end": "settled", "settled": 4 * USD, "id": "xx_1"}, key="kb-1", exact=True)
    scene.wait(61)

    def and_then(order: object) -> object:
        scene.end(doubt, HoldState.SETTLED, 6 * USD)
        return scene.told(order)  # type: ignore[arg-type]

    scene.calls.upstream.vendor = and_then  # type: ignore[assignment]
    assert await scene.looks() == 1
    assert scene.stands(doubt) == ("settled", 6 * USD, 0)
