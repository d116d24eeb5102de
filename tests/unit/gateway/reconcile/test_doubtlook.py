"""A look at a call in doubt: did it run, and what did it come to?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.call.pricing import FIXED
from gateway.reconcile.doubtlook import DoubtLook
from gateway.upstream.order import OutcomeUnknown
from ledger import Hold, HoldState, RetryKey
from ledger.history import CallRow
from tests.calls import USD
from tests.reconciling import Scene, scene_in

STANDING, PENDING, IN_DOUBT = HoldState.STANDING, HoldState.PENDING, HoldState.IN_DOUBT
HOUR_S = 3_600
GAP_S = 900


def message(name: str, micros: int = 8 * USD) -> dict[str, Any]:
    return {"end": "pending", "standing": micros, "id": name}


def states(*holds: Hold) -> list[str]:
    return [hold.state.value for hold in holds]


# -- the vendor says which call made what ----------------------------------------------------------


async def test_what_it_made_is_booked_as_it_is_now(scene: Scene) -> None:
    """The event tells of the moment; the intent itself was paid since."""
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1")
    scene.told.listing({"end": "standing", "standing": 5, "id": "pi_1"}, key="kb-1", exact=True)
    scene.told.object("pi_1", "settled", 9 * USD)
    scene.wait(61)
    assert await scene.looks() == 1
    assert scene.stands(hold) == ("settled", 9 * USD, 0)
    [told] = await scene.evidence(hold)
    assert told["object_id"] == "pi_1"
    assert told["reconciled"]["target"] == "/o/pi_1"
    assert len(scene.mate.cases) == 0


async def test_where_it_cannot_be_read_again_the_match_speaks(scene: Scene) -> None:
    scene.told.listing({"end": "standing", "standing": 5, "id": "pi_1"}, key="kb-1", exact=True)
    scene.told.listing({"end": "standing", "standing": 6, "id": "xx_1"}, key="kb-2", exact=True)
    first = await scene.open(IN_DOUBT, vendor_key="kb-1")
    second = await scene.open(IN_DOUBT, vendor_key="kb-2")
    scene.wait(61)
    assert await scene.looks() == 2
    assert (scene.stands(first), first.tag) == (("standing", 0, 5), "stripe/default/pi_1")
    assert (scene.stands(second), second.tag) == (("standing", 0, 6), "stripe/default/xx_1")


async def test_what_it_made_is_looked_at_from_then_on(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1")
    scene.told.listing(message("SM1"), key="kb-1", exact=True)
    scene.told.object("SM1", "pending", 0, 8 * USD)
    scene.wait(61)
    await scene.looks()
    assert (hold.state, hold.tag) == (PENDING, "stripe/default/SM1")
    scene.told.object("SM1", "settled", 7 * USD)
    scene.wait(600)
    assert await scene.looks() == 1
    assert scene.stands(hold) == ("settled", 7 * USD, 0)


async def test_an_object_that_others_hold_too_is_poured_into_all_of_them(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, 10 * USD, vendor_key="kb-1")
    later = await scene.open(STANDING, 5 * USD, tag="pi_1", operation="UpdateMessage")
    scene.told.listing({"end": "standing", "standing": 5, "id": "pi_1"}, key="kb-1", exact=True)
    scene.told.object("pi_1", "settled", 12 * USD)
    scene.wait(61)
    await scene.looks()
    assert (hold.settled_micros, later.settled_micros) == (7 * USD, 5 * USD)


async def test_what_another_budget_s_call_in_doubt_made_of_it_is_not_booked_on_its_maker(
    scene: Scene,
) -> None:
    made = await scene.open(IN_DOUBT, 4 * USD, vendor_key="kb-1")
    scene.wait(61)
    raised = await scene.open(IN_DOUBT, 5 * USD, tag="pi_1", operation="UpdateMessage")
    scene.told.listing({"end": "standing", "standing": 4, "id": "pi_1"}, key="kb-1", exact=True)
    scene.told.object("pi_1", "standing", 0, 5 * USD)
    await scene.looks()
    assert scene.stands(made) == ("standing", 0, 4 * USD)
    scene.wait(61)
    await scene.looks()
    assert made.standing_micros + raised.standing_micros == 5 * USD


async def test_what_another_budget_made_of_it_and_saw_through_is_not_booked_on_its_maker(
    scene: Scene,
) -> None:
    """Another key raised an intent and confirmed it before anybody had heard that it was made. It
    was booked at the raised sum twice, and its maker went above its cap."""
    made = await scene.open(IN_DOUBT, 4 * USD, vendor_key="kb-1")
    await scene.through(5 * USD, "pi_1")
    scene.told.listing({"end": "standing", "standing": 4, "id": "pi_1"}, key="kb-1", exact=True)
    scene.told.object("pi_1", "settled", 5 * USD)
    scene.wait(61)
    await scene.looks()
    assert scene.stands(made) == ("settled", 4 * USD, 0)
    assert scene.calls.doors.metrics.drift.value == 0


async def test_what_was_made_of_it_past_us_is_drift_of_its_maker(scene: Scene) -> None:
    """Somebody raised it in the vendor's own dashboard: no other call of ours accounts for it."""
    made = await scene.open(IN_DOUBT, 4 * USD, vendor_key="kb-1")
    await scene.through(9 * USD, "pi_2")
    scene.told.listing({"end": "standing", "standing": 4, "id": "pi_1"}, key="kb-1", exact=True)
    scene.told.object("pi_1", "settled", 5 * USD)
    scene.wait(61)
    await scene.looks()
    assert scene.stands(made) == ("settled", 5 * USD, 0)
    assert scene.calls.doors.metrics.drift.value == 1 * USD


async def test_what_cannot_be_read_stays_in_doubt(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1")
    scene.told.listing({"end": "in_doubt", "why": "no figure"}, key="kb-1", exact=True)
    scene.wait(61)
    await scene.looks()
    [case] = scene.mate.cases
    assert (hold.state, case.found) == (IN_DOUBT, "a listing: no figure")


async def test_what_another_call_made_under_the_same_key_is_not_taken(scene: Scene) -> None:
    """The caller used its key again after it was forgotten. Neither booked nor released: what the
    first call made may be hidden behind it."""
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1")
    other = await scene.open(STANDING, tag="ch_1", object_id="ch_1", vendor_key="kb-1")
    scene.told.listing({"end": "standing", "standing": 5, "id": "ch_1"}, key="kb-1", exact=True)
    scene.told.object("ch_1", "standing", 0, 10 * USD)
    for _ in range(4):
        scene.wait(GAP_S + 60)
        await scene.looks()
    assert states(hold, other) == ["in_doubt", "standing"]
    scene.wait(72 * HOUR_S)
    await scene.looks()
    assert scene.stands(hold) == ("settled", 10 * USD, 0)


async def test_what_a_younger_doubt_under_the_same_key_may_have_made_is_not_taken(
    scene: Scene,
) -> None:
    """The older one was settled at the little that the younger one made, and what it had made
    itself was in no books."""
    older = await scene.open(IN_DOUBT, 20 * USD, vendor_key="kb-1")
    scene.wait(24 * HOUR_S)
    await scene.open(IN_DOUBT, 9 * USD, vendor_key="kb-2")
    younger = await scene.open(IN_DOUBT, 5 * USD, vendor_key="kb-1")
    scene.told.listing({"end": "settled", "settled": 5, "id": "pi_2"}, key="kb-1", exact=True)
    scene.told.object("pi_2", "settled", 5 * USD)
    await scene.looks()
    assert states(older, younger) == ["in_doubt", "in_doubt"]
    scene.wait(61)
    await scene.looks()
    assert (older.state, scene.stands(younger)) == (IN_DOUBT, ("settled", 5 * USD, 0))


async def test_what_nobody_prices_costs_its_fixed_hold(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1", trace=FIXED)
    scene.told.listing({"end": "standing", "standing": 5, "id": "xx_1"}, key="kb-1", exact=True)
    scene.wait(61)
    await scene.looks()
    assert (scene.stands(hold), hold.tag) == (("settled", 10 * USD, 0), "")


async def test_a_refund_that_succeeded_gives_its_cap_back(scene: Scene) -> None:
    charge = await scene.open(STANDING, 9 * USD, tag="pi_9", restorable=True)
    scene.end(charge, HoldState.SETTLED, 9 * USD)
    refund = await scene.open(IN_DOUBT, 4 * USD, vendor_key="kb-1", restorable=True)
    match = {"end": "settled", "settled": 4 * USD, "label": "re_9", "gives": 4 * USD}
    scene.told.listing(match, key="kb-1", exact=True)
    scene.wait(61)
    await scene.looks()
    assert scene.stands(refund) == ("settled", 4 * USD, 0)
    assert scene.calls.standing(scene.key).restored_micros == 4 * USD
    assert scene.history.given_back == [(charge.hold_id, "re_9", 4 * USD)]


async def test_two_conclusive_listings_apart_release_what_is_not_shown(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1")
    scene.told.listing(key="kb-1", exact=True)
    scene.wait(61)
    assert await scene.looks() == 1
    scene.wait(GAP_S - 1)
    assert await scene.looks() == 0
    assert hold.state is IN_DOUBT
    scene.wait(1)
    assert await scene.looks() == 1
    assert hold.state is HoldState.RELEASED
    [told] = await scene.evidence(hold)
    assert told["reconciled"]["how"] == "two listings do not show it: a listing"


async def test_inconclusive_listings_never_release_but_age_settles(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1")
    scene.told.listing(key="kb-1", exact=True, conclusive=False)
    for _ in range(13):
        scene.wait(6 * HOUR_S)
        await scene.looks()
    assert scene.stands(hold) == ("settled", 10 * USD, 0)
    [told] = await scene.evidence(hold)
    assert told["reconciled"]["how"] == "settled at its quote, for its age (not shown: a listing)"


async def test_what_may_have_been_about_another_account_is_never_released(scene: Scene) -> None:
    """A key that may act for connected accounts: their events are not among those that are read."""
    key = await scene.calls.key(vendor_accounts=frozenset({"acct_1"}))
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1", key=key)
    scene.told.listing(key="kb-1", exact=True)
    for _ in range(12):
        assert hold.state is IN_DOUBT
        scene.wait(6 * HOUR_S)
        await scene.looks()
    assert scene.stands(hold) == ("settled", 10 * USD, 0)


async def test_a_call_for_another_account_is_looked_for_there(scene: Scene) -> None:
    """Its hold remembers the header, so that its events are read where it left them: there its
    absence says that it never ran."""
    key = await scene.calls.key(vendor_accounts=frozenset({"acct_1"}))
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1", key=key, acts_for="stripe-account=acct_1")
    scene.told.listing(key="kb-1", exact=True)
    for wait_s in (61, GAP_S):
        scene.wait(wait_s)
        await scene.looks()
    assert states(hold) == ["released"]
    assert scene.told.accounts == [b"acct_1", b"acct_1"]


async def test_what_it_made_in_another_account_is_read_again_there(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1", acts_for="stripe-account=acct_1")
    scene.told.listing({"end": "standing", "standing": 5, "id": "pi_1"}, key="kb-1", exact=True)
    scene.told.object("pi_1", "settled", 9 * USD)
    scene.wait(61)
    await scene.looks()
    assert scene.stands(hold) == ("settled", 9 * USD, 0)
    assert scene.told.accounts == [b"acct_1", b"acct_1"]


async def test_alike_calls_for_two_accounts_are_not_taken_together(scene: Scene) -> None:
    """A message of the one must not be given to a call of the other."""
    ours = await scene.open(IN_DOUBT)
    theirs = await scene.open(IN_DOUBT, acts_for="stripe-account=acct_1")
    scene.told.listing(message("SM1"), message("SM2"))
    scene.wait(61)
    scene.crew.scan()
    case = next(c for c in scene.mate.cases if c.key.name == ours.memo_ref)
    await scene.mate.look_now(case)
    assert states(ours, theirs) == ["pending", "in_doubt"]


async def test_a_restart_begins_the_two_listings_anew(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        hold = await scene.open(IN_DOUBT, vendor_key="kb-1")
        row = scene.history.rows[hold.memo_ref]
        scene.told.listing(key="kb-1", exact=True)
        scene.wait(61)
        await scene.looks()
        again = await _restarted(scene, row)
        scene.wait(GAP_S)
        assert await again.looks() == 1
        [kept] = scene.calls.ledger.open_holds()
        assert kept.state is IN_DOUBT
        scene.wait(GAP_S)
        assert await again.looks() == 1
        assert not list(scene.calls.ledger.open_holds())


async def _restarted(scene: Scene, row: CallRow) -> Scene:
    from tests.reconciling import built

    await scene.calls.restart()
    crew, history = built(scene.calls)
    history.record(row)
    return Scene(scene.calls, scene.told, history, crew, scene.key)


# -- alike calls -----------------------------------------------------------------------------------


async def test_alike_doubts_share_what_nobody_explains_oldest_first(scene: Scene) -> None:
    one, two, three = [await scene.open(IN_DOUBT) for _ in range(3)]
    scene.told.listing(message("SM1"), message("SM2"))
    scene.wait(61)
    await scene.looks()
    assert states(one, two, three) == ["pending", "pending", "in_doubt"]
    assert [hold.tag.rpartition("/")[2] for hold in (one, two)] == ["SM1", "SM2"]
    assert scene.told.asked[0] == "/list?key="
    scene.wait(GAP_S + 60)
    await scene.looks()
    assert states(one, two, three) == ["pending", "pending", "released"]


async def test_nothing_goes_free_before_what_is_given_is_booked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was given it was ended by a person just then: what is shown may be the other's,
    and that one was released."""
    older = await scene.open(IN_DOUBT)
    younger = await scene.open(IN_DOUBT)
    scene.told.listing()
    scene.wait(61)
    await scene.looks()
    scene.told.listing(message("SM1"))
    scene.wait(GAP_S + 1)
    found = DoubtLook._found

    async def resolved_first(self: DoubtLook, *args: Any) -> Any:
        if older.state is IN_DOUBT:
            scene.end(older, HoldState.RELEASED)
        return await found(self, *args)

    monkeypatch.setattr(DoubtLook, "_found", resolved_first)
    await scene.looks()
    assert states(older, younger) == ["released", "pending"]


async def test_what_shows_may_be_a_dearer_call_s_that_is_too_young_to_be_looked_at(
    scene: Scene,
) -> None:
    """The cheap one would have taken it, and the dear one gone free."""
    cheap = await scene.open(IN_DOUBT, 8 * USD)
    scene.wait(30)
    dear = await scene.open(IN_DOUBT, 150 * USD)
    scene.told.listing(message("SM1"))
    scene.wait(31)
    await scene.looks()
    assert states(cheap, dear) == ["in_doubt", "in_doubt"]
    scene.wait(60)
    await scene.looks()
    assert states(cheap, dear) == ["in_doubt", "pending"]
    scene.wait(GAP_S + 60)
    await scene.looks()
    assert states(cheap, dear) == ["released", "pending"]


async def test_what_is_shown_of_nobody_keeps_nobody_waiting(scene: Scene) -> None:
    cheap = await scene.open(IN_DOUBT, 8 * USD)
    scene.told.listing()
    scene.wait(61)
    await scene.looks()
    scene.wait(GAP_S + 60)
    dear = await scene.open(IN_DOUBT, 150 * USD)
    await scene.looks()
    assert states(cheap, dear) == ["released", "in_doubt"]


async def test_only_dearer_calls_that_are_alike_are_waited_for(scene: Scene) -> None:
    cheap = await scene.open(IN_DOUBT, 8 * USD)
    scene.wait(61)
    young = [
        await scene.open(IN_DOUBT, 8 * USD),
        await scene.open(IN_DOUBT, 150 * USD, trace="another"),
        await scene.open(IN_DOUBT, 150 * USD, acts_for="another"),
    ]
    scene.told.listing(message("SM1"))
    await scene.looks()
    assert states(cheap, *young) == ["pending", "in_doubt", "in_doubt", "in_doubt"]


async def test_what_other_calls_explain_is_taken_out(scene: Scene) -> None:
    known = await scene.open(PENDING, tag="SM1", object_id="SM1")
    over = await scene.open(PENDING, tag="SM2", object_id="SM2")
    scene.end(over, HoldState.SETTLED, 8 * USD)
    doubt = await scene.open(IN_DOUBT)
    scene.told.listing(message("SM1"), message("SM2"), message("SM3"))
    scene.wait(61)
    await scene.looks()
    assert (states(known, doubt), doubt.tag) == (["pending", "pending"], "stripe/default/SM3")


async def test_a_call_that_changed_it_later_did_not_make_it(scene: Scene) -> None:
    """Somebody cancelled the message that the call in doubt had sent."""
    doubt = await scene.open(IN_DOUBT)
    await scene.open(PENDING, 0, tag="SM1", operation="UpdateMessage", object_id="SM1")
    scene.told.listing(message("SM1"))
    scene.wait(61)
    await scene.looks()
    assert doubt.tag == "stripe/default/SM1"


async def test_what_an_answer_or_a_retry_named_is_the_doubts_own(scene: Scene) -> None:
    one = await scene.open(IN_DOUBT)
    two = await scene.open(IN_DOUBT, object_id="SM1")
    row = CallRow("call_9", 1, "vk_1", operation="CreateMessage", object_id="SM2")
    scene.history.record(row._replace(retry_of=one.memo_ref))
    scene.told.listing(message("SM1"), message("SM2"))
    scene.wait(61)
    await scene.looks()
    assert (one.tag, two.tag) == ("stripe/default/SM2", "stripe/default/SM1")


async def test_a_retry_that_held_nothing_explains_nothing(scene: Scene) -> None:
    """It was answered from the settled first call, whose ending a crash then lost."""
    doubt = await scene.open(IN_DOUBT, object_id="SM1")
    row = CallRow("call_9", 1, "vk_1", operation="CreateMessage", object_id="SM1")
    scene.history.record(row)
    scene.told.listing(message("SM1"))
    for seconds in (61, 901, 901):
        scene.wait(seconds)
        await scene.looks()
    assert (doubt.state, doubt.tag) == (PENDING, "stripe/default/SM1")


async def test_other_traces_and_operations_are_not_alike(scene: Scene) -> None:
    doubt = await scene.open(IN_DOUBT)
    other = await scene.open(IN_DOUBT, operation="CreateCall")
    unknown = await scene.open(IN_DOUBT, row=False)
    elsewhere = await scene.open(IN_DOUBT, trace="to=+15550199", vendor_key="kb-2")
    scene.told.listing(message("SM1"))
    scene.wait(61)
    case = next(c for c in _fed(scene) if c.key.name == doubt.memo_ref)
    await scene.mate.look_now(case)
    assert states(doubt, other, unknown, elsewhere) == ["pending", *["in_doubt"] * 3]


def _fed(scene: Scene) -> list[Any]:
    scene.crew.scan()
    scene.crew.scan()
    return list(scene.mate.cases)


async def test_a_doubt_too_young_or_retried_is_left_out(scene: Scene) -> None:
    retry = RetryKey(b"k" * 16, b"d" * 16)
    retried = await scene.open(IN_DOUBT, retry=retry)
    one = await scene.open(IN_DOUBT)
    scene.wait(61)
    young = await scene.open(IN_DOUBT)
    await scene.calls.doors.retries.begin(retry)
    scene.told.listing(message("SM1"), message("SM2"), message("SM3"))
    assert await scene.looks() == 2
    assert states(retried, one, young) == ["in_doubt", "pending", "in_doubt"]
    scene.calls.doors.retries.end(retry)


async def test_a_retry_that_begins_while_the_vendor_is_asked_keeps_its_hold(scene: Scene) -> None:
    retry = RetryKey(b"k" * 16, b"d" * 16)
    hold = await scene.open(IN_DOUBT, vendor_key="kb-1", retry=retry)
    scene.told.listing(key="kb-1", exact=True)
    scene.wait(61)
    await scene.looks()
    before = len(scene.told.asked)
    retries = scene.calls.doors.retries

    class Meanwhile(dict[bytes, object]):
        def __contains__(self, key: object) -> bool:
            return len(scene.told.asked) > before

    retries._running = Meanwhile()  # type: ignore[assignment]
    scene.wait(GAP_S)
    assert await scene.looks() == 1
    assert (hold.state, len(scene.told.asked)) == (IN_DOUBT, before + 1)
    for found in ({"end": "settled", "settled": 1, "label": "re_1"}, message("SM1")):
        before = len(scene.told.asked)
        scene.told.listing(found, key="kb-1", exact=True)
        scene.wait(60)
        assert await scene.looks() == 1
        assert hold.state is IN_DOUBT
    retries._running = {}


async def test_while_a_call_like_it_is_under_way_nothing_is_given(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = await scene.open(IN_DOUBT)
    scene.told.listing(message("SM1"))
    scene.wait(61)
    told = "gateway.reconcile.doubtlook.alike_under_way"
    monkeypatch.setattr(told, lambda *asked: True)
    assert await scene.looks() == 1
    [case] = scene.mate.cases
    assert (doubt.state, case.found) == (IN_DOUBT, "a call like it is under way")


async def test_one_that_says_nothing_does_not_stop_the_others(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        doubt = await scene.open(IN_DOUBT)
        silent = await scene.open(IN_DOUBT, vendor_key="kb-2")
        exact = await scene.open(IN_DOUBT, vendor_key="kb-3")
        scene.told.listing(message("SM1"))
        scene.told.listing(key="kb-3", exact=True, conclusive=False)
        scene.wait(61)
        await scene.looks()
        assert states(doubt, silent, exact) == ["pending", "in_doubt", "in_doubt"]
        assert {c.found for c in scene.mate.cases if c.key.what == "call"} == {
            "HTTP 404 to a read of /list?key=kb-2",
            "not shown: a listing",
        }


async def test_a_look_that_broke_off_goes_on_where_it_was(scene: Scene) -> None:
    """The message was given to the doubt, and then the vendor fell silent."""
    doubt = await scene.open(IN_DOUBT)
    scene.told.listing(message("SM1"))
    scene.told.answers["/o/SM1"] = OutcomeUnknown("reset")
    scene.wait(61)
    assert await scene.looks() == 1
    assert doubt.state is IN_DOUBT
    later = await scene.open(IN_DOUBT)
    del scene.told.answers["/o/SM1"]
    scene.mate.asker.pace.until_s = 0
    scene.wait(61)
    await scene.looks()
    assert (doubt.tag, later.state) == ("stripe/default/SM1", IN_DOUBT)


async def test_an_object_id_may_be_more_than_the_name_in_the_audit_log(scene: Scene) -> None:
    """A message's price has a part that its listing does not show."""
    over = await scene.open(PENDING, tag="SM1 3500", object_id="SM1")
    scene.end(over, HoldState.SETTLED, 8 * USD)
    doubt = await scene.open(IN_DOUBT)
    scene.told.listing(
        {**message("SM1 3500"), "label": "SM1"}, {**message("SM2 3500"), "label": "SM2"}
    )
    scene.wait(61)
    await scene.looks()
    assert doubt.tag == "stripe/default/SM2 3500"
    [told] = await scene.evidence(doubt)
    assert told["object_id"] == "SM2"


async def test_what_nobody_can_look_up_waits_for_its_age(tmp_path: Path) -> None:
    async with scene_in(tmp_path, searchable=False) as scene:
        hold = await scene.open(IN_DOUBT)
        scene.wait(61)
        await scene.looks()
        [case] = scene.mate.cases
        assert case.found == "the vendor offers no way to look it up"
        scene.wait(72 * HOUR_S)
        await scene.looks()
        assert hold.state is HoldState.SETTLED


async def test_what_a_person_ended_falls_out(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT)
    _fed(scene)
    scene.end(hold, HoldState.RELEASED)
    scene.wait(61)
    assert await scene.looks() == 1
    assert (len(scene.mate.cases), scene.told.asked) == (0, [])


async def test_a_call_that_the_audit_log_lost_waits_for_its_age(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, row=False)
    scene.wait(61)
    await scene.looks()
    [case] = scene.mate.cases
    assert case.found == "the audit log does not know the call"
    scene.wait(72 * HOUR_S)
    await scene.looks()
    assert scene.stands(hold) == ("settled", 10 * USD, 0)
