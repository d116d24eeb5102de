"""What a call does in the ledger: one hold, durable before it leaves, one ending for each end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.call.objects import alive
from gateway.reconcile.plans import whole
from gateway.upstream.order import Order, OutcomeUnknown, Reply, Watch
from gateway.vault.allowlist import Allowlist
from gateway.vault.terms import Mode
from ledger import Ending, HoldState
from ledger.journalfile import StoreBroken
from tests.calls import USD, Calls, Script, SentBody, calls_in, intent
from tests.ledgers import Faults, full
from tests.model_stripe import Fault, ModelStripe
from vendors.contract import End, Outcome

INTENTS = "/v1/payment_intents"
NEW: dict[str, Any] = {"amount": 1200, "currency": "usd"}
PAY: dict[str, Any] = {**NEW, "confirm": "true"}
MANUAL: dict[str, Any] = {**PAY, "capture_method": "manual"}
IN_DOUBT = HoldState.IN_DOUBT
REPLAYED = (b"idempotent-replayed", b"true")


def stripe_of(calls: Calls) -> ModelStripe:
    assert isinstance(calls.vendor, ModelStripe)
    return calls.vendor


def states(calls: Calls) -> list[str]:
    return [hold.state.value for hold in calls.ledger.open_holds()]


# Holding


async def test_at_the_cap_nothing_leaves_and_the_budget_is_told(calls: Calls) -> None:
    key = await calls.key(daily_cap_micros=20 * USD)
    await calls.call(key, "POST", INTENTS, PAY)
    seen = await calls.call(key, "POST", INTENTS, PAY)
    assert (seen.status, seen.code) == (429, "daily_cap_exceeded")
    facts = seen.json
    assert (facts["cap_usd"], facts["spent_usd"], facts["remaining_usd"]) == (
        "20.00", "12.00", "8.00",
    )  # fmt: skip
    assert (facts["blocked_by"], facts["held_usd"]) == ("key_daily", "0.00")
    assert facts["resets_at"].endswith("T00:00:00Z")
    assert len(stripe_of(calls).orders) == 1
    assert (calls.row.decision, calls.row.quote_micros) == ("refused", 12 * USD)


async def test_every_cap_speaks_for_itself(calls: Calls) -> None:
    issuer = await calls.issuer(daily_micros=5 * USD)
    for terms, code, blocked_by in (
        ({"total_cap_micros": USD}, "total_cap_exceeded", "key_total"),
        ({"daily_call_cap": 0}, "call_count_exceeded", "key_calls"),
    ):
        key = await calls.key(**terms)  # type: ignore[arg-type]
        facts = (await calls.call(key, "POST", INTENTS, PAY)).json
        assert (facts["error"], facts["blocked_by"]) == (code, blocked_by)
    assert (facts["cap_calls"], facts["calls"]) == (0, 0)
    issued = await calls.key(issuer)
    facts = (await calls.call(issued, "POST", INTENTS, PAY)).json
    assert (facts["error"], facts["blocked_by"]) == ("issuer_cap_exceeded", "issuer_daily")
    assert facts["cap_usd"] == "5.00"


async def test_a_total_cap_has_no_reset(calls: Calls) -> None:
    key = await calls.key(total_cap_micros=USD)
    assert (await calls.call(key, "POST", INTENTS, PAY)).json["resets_at"] is None


async def test_in_shadow_mode_caps_only_speak(calls: Calls) -> None:
    key = await calls.key(daily_cap_micros=USD, mode=Mode.SHADOW)
    seen = await calls.call(key, "POST", INTENTS, PAY)
    assert seen.headers["keybrake-would-refuse"] == "daily_cap_exceeded"
    rich = await calls.key(mode=Mode.SHADOW)
    seen = await calls.call(rich, "POST", INTENTS, PAY)
    assert "keybrake-would-refuse" not in seen.headers


async def test_no_room_on_disk_no_forwarding(tmp_path: Path) -> None:
    faults = Faults()
    async with calls_in(tmp_path, shards=1, through=faults) as calls:
        key = await calls.key()
        faults.only.faults.append(full())
        seen = await calls.call(key, "POST", INTENTS, PAY)
        assert (seen.status, seen.code) == (503, "ledger_unavailable")
        assert not stripe_of(calls).orders
        assert calls.spent(key) == 0


# Settling


async def test_a_success_settles_and_a_waiting_intent_stands(calls: Calls) -> None:
    key = await calls.key()
    seen = await calls.call(key, "POST", INTENTS, NEW)
    assert (seen.headers["keybrake-cost-usd"], states(calls)) == ("12.00", ["standing"])
    await calls.call(key, "POST", f"{INTENTS}/pi_1/confirm", {})
    now = calls.standing(key)
    assert (now.settled_micros, now.standing_micros, states(calls)) == (12 * USD, 0, [])


@pytest.mark.parametrize(
    ("fault", "spent", "left"),
    [
        (Fault.DECLINE, 12 * USD, ["standing"]),
        (Fault.CONFLICT, 12 * USD, ["in_doubt"]),
        (Fault.BROKEN, 12 * USD, ["in_doubt"]),
        (Fault.LOST_AFTER, 12 * USD, ["in_doubt"]),
        (Fault.NOT_SENT, 0, []),
    ],
)
async def test_each_way_to_fail(calls: Calls, fault: Fault, spent: int, left: list[str]) -> None:
    key = await calls.key()
    stripe_of(calls).faults.append(fault)
    await calls.call(key, "POST", INTENTS, PAY)
    assert (calls.spent(key), states(calls)) == (spent, left)


async def test_a_refusal_that_leaves_nothing_releases(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((402, {"error": {"type": "card_error"}}))
    seen = await calls.call(key, "POST", INTENTS, PAY)
    assert (seen.status, calls.spent(key), calls.row.state) == (402, 0, "released")


async def test_what_the_vendor_declares_above_the_hold_is_drift(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((200, intent(1500, "succeeded")))
    await calls.call(key, "POST", INTENTS, PAY)
    assert (calls.spent(key), calls.doors.metrics.drift.value) == (15 * USD, 3 * USD)


async def test_what_a_call_in_doubt_may_have_made_of_it_is_no_drift(calls: Calls) -> None:
    """A raise reached the vendor between the look-up of a confirm and the confirm itself, and
    nobody heard of it: both were booked for it, above the cap."""
    key = await calls.key()
    calls.upstream.vendor = Script(
        (200, intent(1200)), OutcomeUnknown("lost"), (200, intent(1200)),
        (200, intent(3000, "succeeded")),
    )  # fmt: skip
    await calls.call(key, "POST", f"{INTENTS}/pi_1", {"amount": 3000})
    await calls.call(key, "POST", f"{INTENTS}/pi_1/confirm", {})
    now = calls.standing(key)
    assert (now.settled_micros, now.in_doubt_micros) == (12 * USD, 30 * USD)
    assert calls.doors.metrics.drift.value == 0


async def test_what_a_call_that_holds_nothing_shows_stays_with_whoever_carries_it(
    calls: Calls,
) -> None:
    """The object's raise is in doubt; another key's cancel comes too late to be one."""
    key, other = await calls.key(), await calls.key()
    calls.upstream.vendor = Script(
        (200, intent(1200)), (200, intent(1200)), OutcomeUnknown("lost"),
        (200, intent(3000)),
    )  # fmt: skip
    await calls.call(key, "POST", INTENTS, NEW)
    await calls.call(key, "POST", f"{INTENTS}/pi_1", {"amount": 3000})
    await calls.call(other, "POST", f"{INTENTS}/pi_1/cancel", {})
    now = calls.standing(key)
    assert (now.standing_micros, now.in_doubt_micros) == (12 * USD, 18 * USD)
    assert calls.spent(other) == 0


async def test_what_an_object_had_cost_before_is_not_counted(calls: Calls) -> None:
    key = await calls.key()
    before = intent(2000, "requires_capture", amount_received=500, amount_capturable=1500)
    calls.upstream.vendor = Script((200, before), (200, intent(2000, "succeeded")))
    await calls.call(key, "POST", f"{INTENTS}/pi_1/capture", {})
    assert calls.spent(key) == 15 * USD


async def test_what_has_moved_is_remembered_as_long_as_its_object_stands(calls: Calls) -> None:
    """The first hold was settled and forgotten; the next capture then counted its part again."""
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, MANUAL)
    await calls.call(key, "POST", f"{INTENTS}/pi_1/increment_authorization", {"amount": 2000})
    part = {"amount_to_capture": 1500, "final_capture": "false"}
    await calls.call(key, "POST", f"{INTENTS}/pi_1/capture", part)
    assert states(calls) == ["standing", "standing"]
    await calls.call(key, "POST", f"{INTENTS}/pi_1/capture", {})
    assert (calls.spent(key), states(calls)) == (20 * USD, [])
    assert calls.standing(key).settled_micros == 20 * USD


# Another key


async def test_a_key_of_the_same_issuer_takes_over_and_the_issuer_counts_once(calls: Calls) -> None:
    issuer = await calls.issuer()
    first, second = await calls.key(issuer), await calls.key(issuer)
    await calls.call(first, "POST", INTENTS, NEW)
    seen = await calls.call(second, "POST", f"{INTENTS}/pi_1/confirm", {})
    assert seen.headers["keybrake-cost-usd"] == "12.00"
    assert [calls.spent(budget) for budget in (first, second, issuer)] == [0, 12 * USD, 12 * USD]


async def test_a_takeover_that_the_key_cannot_afford_holds_nothing(calls: Calls) -> None:
    issuer = await calls.issuer(daily_micros=15 * USD)
    first, second = await calls.key(issuer), await calls.key(issuer)
    await calls.call(first, "POST", INTENTS, NEW)
    stripe_of(calls).things["pi_1"]["amount"] = 2000
    seen = await calls.call(second, "POST", f"{INTENTS}/pi_1/confirm", {})
    assert seen.code == "issuer_cap_exceeded"
    assert [calls.spent(budget) for budget in (first, second, issuer)] == [12 * USD, 0, 12 * USD]


async def test_a_key_of_elsewhere_takes_over_across_shards(tmp_path: Path) -> None:
    async with calls_in(tmp_path) as calls:
        first, second = await calls.key(), await calls.key()
        assert first.key.account_id >> 40 != second.key.account_id >> 40
        await calls.call(first, "POST", INTENTS, NEW)
        await calls.call(second, "POST", f"{INTENTS}/pi_1", {"amount": 1500})
        assert [calls.spent(key) for key in (first, second)] == [0, 15 * USD]


async def test_restorable_holds_do_not_stand_in_the_way_of_a_takeover(calls: Calls) -> None:
    """A settled hold that a refund may restore stays known, and was to be released with the others:
    the ledger refused it after the vendor had acted, and the caller got a 500."""
    first, second = await calls.key(refunds_restore_cap=True), await calls.key()
    await calls.call(first, "POST", INTENTS, NEW)
    await calls.call(first, "POST", f"{INTENTS}/pi_1", {"amount": 1500})
    await calls.call(first, "POST", f"{INTENTS}/pi_1", {"amount": 1200})
    seen = await calls.call(second, "POST", f"{INTENTS}/pi_1/confirm", {})
    assert seen.status == 200
    assert [calls.spent(key) for key in (first, second)] == [0, 12 * USD]


# Retries


async def test_a_lost_answer_is_settled_by_its_retry(calls: Calls) -> None:
    key = await calls.key()
    for fault in (Fault.LOST_AFTER, Fault.LOST_BEFORE):
        stripe_of(calls).faults.extend((fault, None))
        for _ in range(2):
            await calls.call(key, "POST", INTENTS, PAY, idempotency_key=fault.name)
    now = calls.standing(key)
    assert (now.settled_micros, now.in_doubt_micros) == (24 * USD, 0)
    assert stripe_of(calls).at_stake == 2400
    assert calls.history.followed, "the first call's row in the audit log follows"


async def test_a_cancel_that_was_lost_frees_at_its_retry(calls: Calls) -> None:
    """Only the cancel's own hold of nothing was ended; the intent stood for ever."""
    key = await calls.key()
    for fault in (Fault.LOST_AFTER, Fault.LOST_BEFORE):
        seen = await calls.call(key, "POST", INTENTS, NEW)
        path = f"{INTENTS}/{seen.json['id']}/cancel"
        stripe_of(calls).faults.extend((fault, None))
        for _ in range(2):
            await calls.call(key, "POST", path, {}, idempotency_key=fault.name)
    assert (calls.spent(key), states(calls)) == (0, [])


async def test_a_takeover_that_was_lost_is_counted_once_after_its_retry(calls: Calls) -> None:
    issuer = await calls.issuer()
    first, second = await calls.key(issuer), await calls.key(issuer)
    await calls.call(first, "POST", INTENTS, NEW)
    stripe_of(calls).faults.extend((Fault.LOST_AFTER, None))
    for _ in range(2):
        await calls.call(second, "POST", f"{INTENTS}/pi_1/confirm", {}, idempotency_key="k")
    assert [calls.spent(budget) for budget in (first, second, issuer)] == [0, 12 * USD, 12 * USD]


async def test_old_news_of_an_object_ends_its_own_hold_only(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script(
        (500, {}),
        (200, intent(1200)),
        (200, intent(2000)),
        (200, intent(1200), REPLAYED),
    )
    await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    await calls.call(key, "POST", f"{INTENTS}/pi_1", {"amount": 2000})
    await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    now = calls.standing(key)
    assert (now.standing_micros, now.in_doubt_micros) == (20 * USD, 0)


@pytest.mark.parametrize("step", [(400, {"error": {}}), (200, {}), (500, {})])
async def test_an_answer_that_says_nothing_leaves_the_first_call_in_doubt(
    calls: Calls, step: Any
) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((500, {}), step)
    for _ in range(2):
        await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    assert calls.standing(key).in_doubt_micros == 12 * USD


async def test_a_retry_tells_how_many_the_first_call_turned_out_to_be(calls: Calls) -> None:
    """Units of a batch in doubt stayed as they were held, also when its retry said that a mail of
    it was refused."""
    key = await calls.key(vendor="resend", allowed=Allowlist.parse(["POST /**"]), daily_call_cap=3)
    mails = [{"from": "a@x.example", "to": to, "subject": "s"} for to in ("b@x.example", "c@d.e")]
    mails[1] |= {"cc": "e@x.example"}
    told = {"data": [{"id": "e1"}], "errors": [{"index": 1, "message": "no text"}]}
    calls.upstream.vendor = Script(OutcomeUnknown("lost"), (200, told))
    more: dict[str, Any] = {"content_type": "application/json", "idempotency_key": "k"}
    for units in (3, 1):
        body = SentBody(orjson.dumps(mails))
        await calls.call(key, "POST", "/emails/batch", body=body, **more)
        assert calls.standing(key).units == units
    assert calls.standing(key).settled_micros == 900


async def test_after_a_refusal_a_retry_holds_afresh(calls: Calls) -> None:
    """The refused raise was booked as settled at nothing and kept its Idempotency-Key: its retry
    went to the vendor with no hold."""
    key = await calls.key()
    raised = intent(2000, "requires_capture")
    stands = intent(1200, "requires_capture")
    refused = (400, {"error": {"type": "invalid_request_error", "payment_intent": stands}})
    calls.upstream.vendor = Script(
        (200, stands), (200, stands), refused, (200, stands), (200, raised)
    )
    await calls.call(key, "POST", INTENTS, MANUAL)
    path = f"{INTENTS}/pi_1/increment_authorization"
    for spent in (12 * USD, 20 * USD):
        await calls.call(key, "POST", path, {"amount": 2000}, idempotency_key="k")
        assert calls.spent(key) == spent


async def test_a_refusal_about_what_is_through_holds_afresh_as_well(calls: Calls) -> None:
    key = await calls.key()
    over = intent(1200, "requires_capture", amount_received=1200, amount_capturable=0)
    refused = (400, {"error": {"type": "invalid_request_error", "payment_intent": over}})
    calls.upstream.vendor = Script((200, over), refused)
    await calls.call(key, "POST", f"{INTENTS}/pi_1/confirm", {}, idempotency_key="k")
    assert (calls.spent(key), calls.row.state) == (0, "released")


# Refunds


async def test_a_refund_counts_and_gives_the_cap_back_once_where_the_key_says_so(
    calls: Calls,
) -> None:
    key = await calls.key(refunds_restore_cap=True)
    await calls.call(key, "POST", "/v1/charges", NEW)
    await calls.call(key, "POST", "/v1/refunds", {"charge": "ch_1", "amount": 500})
    now = calls.standing(key)
    assert (now.spent_micros, now.restored_micros) == (17 * USD, 5 * USD)
    assert [given[2] for given in calls.history.given_back] == [5 * USD]


async def test_a_refund_of_another_day_or_another_key_gives_nothing_back(calls: Calls) -> None:
    key = await calls.key(refunds_restore_cap=True)
    other = await calls.key(refunds_restore_cap=True)
    await calls.call(key, "POST", "/v1/charges", NEW)
    await calls.call(other, "POST", "/v1/refunds", {"charge": "ch_1", "amount": 100})
    calls.clock.advance(86_400)
    await calls.call(key, "POST", "/v1/refunds", {"charge": "ch_1", "amount": 100})
    assert [calls.standing(one).restored_micros for one in (key, other)] == [0, 0]


async def test_no_more_is_given_back_than_was_charged(calls: Calls) -> None:
    key = await calls.key(refunds_restore_cap=True)
    await calls.call(key, "POST", "/v1/charges", NEW)
    for _ in range(2):
        await calls.call(key, "POST", "/v1/refunds", {"charge": "ch_1", "amount": 600})
    calls.upstream.vendor = Script(
        (200, stripe_of(calls).things["ch_1"] | {"amount_refunded": 0}),
        (200, {"id": "re_9", "object": "refund", "status": "succeeded", "amount": 100,
               "currency": "usd", "charge": "ch_1"}),
    )  # fmt: skip
    await calls.call(key, "POST", "/v1/refunds", {"charge": "ch_1", "amount": 100})
    assert calls.standing(key).restored_micros == 12 * USD


async def test_the_books_survive_a_restart_with_everything_open(calls: Calls) -> None:
    key = await calls.key()
    stripe_of(calls).faults.extend((None, Fault.LOST_AFTER))
    await calls.call(key, "POST", INTENTS, NEW)
    await calls.call(key, "POST", INTENTS, PAY, idempotency_key="k")
    await calls.restart()
    again = calls.registry.find(key.secret.encode())
    assert again is not None
    key.key = again
    assert (calls.spent(key), states(calls)) == (24 * USD, ["standing", "in_doubt"])
    await calls.call(key, "POST", INTENTS, PAY, idempotency_key="k")
    assert calls.standing(key).settled_micros == 12 * USD
    assert not list(calls.ledger.open_holds(HoldState.IN_DOUBT))


@pytest.mark.parametrize("hours", [0, 21])
async def test_a_stored_answer_about_an_object_that_grew_since_frees_nothing(
    calls: Calls, hours: int
) -> None:
    """Its own hold is gone: another key took the object over, or it was 21 hours ago."""
    one, other = await calls.key(), await calls.key()
    made = (await calls.call(one, "POST", INTENTS, {**MANUAL, "amount": 346})).json["id"]
    more = f"{INTENTS}/{made}/increment_authorization"
    await calls.call(one, "POST", more, {"amount": 1106}, idempotency_key="once")
    last = one if hours else other
    await calls.call(last, "POST", more, {"amount": 1889})
    calls.clock.advance(hours * 3_600)
    again = await calls.call(one, "POST", more, {"amount": 1106}, idempotency_key="once")
    assert (again.status, again.headers["keybrake-cost-usd"]) == (200, "0.00")
    assert again.headers["idempotent-replayed"] == "true"
    live = [hold for hold in calls.ledger.open_holds() if not hold.shed]
    assert sum(hold.settled_micros + hold.standing_micros for hold in live) == 1889 * USD // 100


async def test_a_stored_refusal_that_is_old_news_frees_nothing(calls: Calls) -> None:
    one, other = await calls.key(), await calls.key()
    made = (await calls.call(one, "POST", INTENTS, NEW)).json["id"]
    confirm = f"{INTENTS}/{made}/confirm"
    stripe_of(calls).faults.append(Fault.DECLINE)
    await calls.call(one, "POST", confirm, {}, idempotency_key="once")
    await calls.call(other, "POST", f"{INTENTS}/{made}", {"amount": 3000})
    assert (await calls.call(one, "POST", confirm, {}, idempotency_key="once")).status == 402
    live = [hold for hold in calls.ledger.open_holds() if not hold.shed]
    assert [hold.standing_micros for hold in live] == [30 * USD]
    assert calls.row.state == "released"


@pytest.mark.parametrize("same", [True, False])
async def test_a_stored_refusal_about_an_object_that_was_lowered_since_raises_nothing(
    calls: Calls, same: bool
) -> None:
    """It told of 12.60 and the intent stood at 4.21: the difference was booked as drift."""
    one, other = await calls.key(), await calls.key()
    made = (await calls.call(one, "POST", INTENTS, {**NEW, "amount": 1260})).json["id"]
    who, confirm = one if same else other, f"{INTENTS}/{made}/confirm"
    stripe_of(calls).faults.append(Fault.DECLINE)
    await calls.call(one, "POST", confirm, {}, idempotency_key="once")
    await calls.call(who, "POST", f"{INTENTS}/{made}", {"amount": 421})
    before = [(hold.hold_id, hold.standing_micros) for hold in calls.ledger.open_holds()]
    assert [micros for _, micros in before if micros] == [421 * USD // 100]
    for _ in range(2):
        again = await calls.call(one, "POST", confirm, {}, idempotency_key="once")
        assert (again.status, again.headers["keybrake-cost-usd"]) == (402, "0.00")
        assert again.headers["idempotent-replayed"] == "true"
        now = [(hold.hold_id, hold.standing_micros) for hold in calls.ledger.open_holds()]
        assert now == before


async def test_a_retry_that_held_afresh_and_was_lost_raises_nothing_either(calls: Calls) -> None:
    """Its own retry brought the stored answer, of before the intent was lowered."""
    maker, key = await calls.key(), await calls.key()
    waits = intent(1260, "requires_action")
    found, confirmed = (200, intent(1260)), (200, waits)
    lowered = (200, intent(421))
    lost, replayed = OutcomeUnknown("lost"), (200, waits, REPLAYED)
    calls.upstream.vendor = Script(
        found, found, confirmed, found, lowered, lowered, lost, replayed
    )  # fmt: skip
    await calls.call(maker, "POST", INTENTS, {**NEW, "amount": 1260})
    confirm = f"{INTENTS}/pi_1/confirm"
    await calls.call(key, "POST", confirm, {}, idempotency_key="once")
    await calls.call(key, "POST", f"{INTENTS}/pi_1", {"amount": 421})
    seen = [await calls.call(key, "POST", confirm, {}, idempotency_key="once") for _ in range(2)]
    assert [one.status for one in seen] == [502, 200]
    assert (calls.spent(key), states(calls)) == (421 * USD // 100, ["standing"])


async def test_a_stored_answer_that_nobody_had_heard_books_what_it_tells(calls: Calls) -> None:
    """The first call was released as one that never ran, and ran later."""
    key = await calls.key()
    made = (await calls.call(key, "POST", INTENTS, NEW)).json["id"]
    update = f"{INTENTS}/{made}"
    stripe_of(calls).faults.append(Fault.LOST_AFTER)
    await calls.call(key, "POST", update, {"amount": 3000}, idempotency_key="once")
    (doubt,) = calls.ledger.open_holds(IN_DOUBT)
    calls.ledger.book([Ending(doubt.hold_id, HoldState.RELEASED)], now_us=calls.clock.now_us())
    again = await calls.call(key, "POST", update, {"amount": 3000}, idempotency_key="once")
    assert again.headers["idempotent-replayed"] == "true"
    assert calls.spent(key) == 30 * USD


async def test_a_stored_answer_about_an_object_that_still_stands_counts_it_once(
    calls: Calls,
) -> None:
    """Nor does a retry lean on it, once the vendor has forgotten: that makes another object."""
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW, idempotency_key="once")
    calls.clock.advance(21 * 3_600)
    again = await calls.call(key, "POST", INTENTS, NEW, idempotency_key="once")
    assert (again.json["id"], again.headers["keybrake-cost-usd"]) == ("pi_1", "0.00")
    assert (calls.row.state, states(calls)) == ("released", ["standing"])
    stripe_of(calls)._stored.clear()
    assert (await calls.call(key, "POST", INTENTS, NEW, idempotency_key="once")).status == 200
    tags = [hold.tag for hold in calls.ledger.open_holds(HoldState.STANDING)]
    assert tags == ["stripe/default/pi_1", "stripe/default/pi_2"]


async def test_a_stored_answer_about_an_object_that_is_through_covers_the_next_retry(
    calls: Calls,
) -> None:
    """The vendor forgot it an hour later, and carried the retry out under a hold that went back
    with the first object: the second one was in no books."""
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW, idempotency_key="once")
    await calls.call(key, "POST", f"{INTENTS}/pi_1/cancel", {})
    calls.clock.advance(21 * 3_600)
    again = await calls.call(key, "POST", INTENTS, NEW, idempotency_key="once")
    assert again.headers["idempotent-replayed"] == "true"
    stripe_of(calls)._stored.clear()
    last = await calls.call(key, "POST", INTENTS, NEW, idempotency_key="once")
    assert [hold for hold in calls.ledger.open_holds() if hold.tag.endswith("pi_1")] == []
    assert (last.json["id"], calls.spent(key)) == ("pi_2", 12 * USD)


async def test_a_retry_never_continues_a_hold_that_a_dying_journal_did_not_write(
    tmp_path: Path,
) -> None:
    """It waited for its first call, which was refused: that one's hold counts on in memory."""
    faults = Faults()
    async with calls_in(tmp_path, through=faults, shards=1) as calls:
        key = await calls.key()
        faults.only.gate.clear()
        faults.only.faults.append(StoreBroken("EIO"))
        asked = [calls.call(key, "POST", INTENTS, PAY, idempotency_key="once") for _ in range(2)]
        both = asyncio.gather(*asked)
        await asyncio.to_thread(faults.only.reached.wait)
        faults.only.gate.set()
        assert [seen.code for seen in await both] == ["ledger_unavailable"] * 2
        assert stripe_of(calls).orders == []
        for hold in calls.ledger.open_holds(HoldState.OPEN):
            calls.ledger.book([Ending(hold.hold_id, HoldState.IN_DOUBT)], now_us=1)


async def test_a_retry_that_slept_until_its_first_call_is_forgotten_does_not_leave(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, PAY, idempotency_key="once")
    send = calls.upstream.send

    async def after_a_sleep(order: Order, watch: Watch) -> Reply:
        calls.clock.advance(20 * 3_600)
        return await send(order, watch)

    monkeypatch.setattr(calls.upstream, "send", after_a_sleep)
    again = await calls.call(key, "POST", INTENTS, PAY, idempotency_key="once")
    assert (again.status, again.code) == (409, "idempotency_in_progress")
    assert len(stripe_of(calls).orders) == 1


@pytest.mark.parametrize("same", [True, False])
async def test_a_retry_of_a_call_that_the_object_shows_nothing_of_holds_what_is_missing(
    calls: Calls, same: bool
) -> None:
    """Its first call was in doubt, and the reconciler read the object as it was before."""
    one, other = await calls.key(), await calls.key()
    made = (await calls.call(one, "POST", INTENTS, {**NEW, "amount": 1566})).json["id"]
    who, path = one if same else other, f"{INTENTS}/{made}"
    stripe_of(calls).faults.append(Fault.LOST_BEFORE)
    await calls.call(who, "POST", path, {"amount": 1685}, idempotency_key="once")
    tag = f"stripe/default/{made}"
    known, doubts = alive(calls.ledger.tagged(tag)), list(calls.ledger.open_holds(IN_DOUBT))
    outcome = Outcome(End.STANDING, 0, 1566 * USD // 100, made)
    plan = whole(outcome, known, doubts, tag, b"", lambda _: None)
    for group in (plan.first, *((entry,) for entry in plan.then)):
        if group:
            calls.ledger.book(group, now_us=calls.clock.now_us())
    calls.upstream.gate = asyncio.Event()
    calls.upstream.reached.clear()
    again = asyncio.ensure_future(
        calls.call(who, "POST", path, {"amount": 1685}, idempotency_key="once")
    )
    await calls.upstream.reached.wait()
    standing = calls.standing(who)
    assert standing.spent_micros + standing.held_micros == 1685 * USD // 100
    calls.upstream.gate.set()
    assert (await again).status == 200
    assert calls.spent(one) + calls.spent(other) == 1685 * USD // 100
