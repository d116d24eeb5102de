"""Cancelling what a revoked key left standing: with the real key, in turn, and booked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from gateway.call.cancel import Canceller
from gateway.upstream.order import NotSent, OutcomeUnknown
from ledger import HoldState
from tests.calls import USD, Calls, Holder, Script, intent
from tests.model_stripe import ModelStripe
from tests.vendor_double import until
from vendors.stripe import STRIPE

INTENTS = "/v1/payment_intents"
NEW: dict[str, Any] = {"amount": 1200, "currency": "usd"}


async def cancelled(calls: Calls, *holders: Holder) -> list[dict[str, str]]:
    return await Canceller(calls.doors).cancel_open([holder.key for holder in holders])


async def test_each_open_intent_is_cancelled_and_freed(calls: Calls) -> None:
    key, other = await calls.key(), await calls.key()
    for _ in range(2):
        await calls.call(key, "POST", INTENTS, NEW)
    await calls.call(other, "POST", INTENTS, NEW)
    stripe = calls.vendor
    assert isinstance(stripe, ModelStripe)
    assert await cancelled(calls, key) == [
        {"object_id": "pi_1", "status": "canceled"},
        {"object_id": "pi_2", "status": "canceled"},
    ]
    assert [calls.spent(one) for one in (key, other)] == [0, 12 * USD]
    sent = dict(stripe.orders[-1].headers)
    assert sent[b"authorization"] == calls.upstream.authorization
    assert sent[b"idempotency-key"].startswith(b"kb-call_")
    assert (calls.row.reason, calls.row.object_id) == ("the key was revoked", "pi_2")
    assert (calls.row.operation, calls.row.status) == ("PostPaymentIntentsIntentCancel", 200)


async def test_one_of_another_account_is_cancelled_there(calls: Calls) -> None:
    """Without the header Stripe would know no such intent, and it would stay open."""
    key = await calls.key(vendor_accounts=frozenset({"acct_1"}))
    await calls.call(key, "POST", INTENTS, NEW, stripe_account="acct_1")
    assert (await cancelled(calls, key))[0]["status"] == "canceled"
    stripe = calls.vendor
    assert isinstance(stripe, ModelStripe)
    assert dict(stripe.orders[-1].headers)[b"stripe-account"] == b"acct_1"


async def test_an_uncaptured_charge_cannot_be_cancelled(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", "/v1/charges", {**NEW, "capture": "false"})
    assert await cancelled(calls, key) == [{"object_id": "ch_1", "status": "cannot be cancelled"}]
    assert calls.spent(key) == 12 * USD


async def test_without_an_answer_it_simply_stays_standing(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW)
    for failure in (NotSent("no connection"), OutcomeUnknown("broke")):
        calls.upstream.vendor = Script(failure)
        [line] = await cancelled(calls, key)
        assert line["status"] == f"not known: {failure}"
    assert calls.standing(key).standing_micros == 12 * USD


async def test_a_vendor_without_idempotency_keys_gets_none(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW)
    without = {"stripe": replace(STRIPE, idempotency_header=None)}
    doors = replace(calls.doors, vendors=without)
    assert (await Canceller(doors).cancel_open([key.key]))[0]["status"] == "canceled"
    stripe = calls.vendor
    assert isinstance(stripe, ModelStripe)
    assert b"idempotency-key" not in dict(stripe.orders[-1].headers)


async def test_what_succeeded_meanwhile_is_booked(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW)
    over = {"type": "invalid_request_error", "payment_intent": intent(1200, "succeeded")}
    calls.upstream.vendor = Script((400, {"error": over}))
    assert await cancelled(calls, key) == [{"object_id": "pi_1", "status": "settled"}]
    now = calls.standing(key)
    assert (now.settled_micros, now.standing_micros) == (12 * USD, 0)


async def test_an_answer_that_says_nothing_changes_nothing(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW)
    said: list[tuple[Any, str]] = [((500, {}), "in_doubt"), ((404, {"error": {}}), "released")]
    for step, status in said:
        calls.upstream.vendor = Script(step)
        assert (await cancelled(calls, key))[0]["status"] == status
    still = intent(1200, "processing")
    calls.upstream.vendor = Script((400, {"error": {"payment_intent": still}}))
    assert (await cancelled(calls, key))[0]["status"] == "standing"
    assert calls.standing(key).standing_micros == 12 * USD


async def test_what_another_key_took_over_is_not_cancelled(calls: Calls) -> None:
    issuer = await calls.issuer()
    first, second = await calls.key(issuer), await calls.key(issuer)
    await calls.call(first, "POST", INTENTS, NEW)
    await calls.call(second, "POST", f"{INTENTS}/pi_1", {"amount": 1500})
    assert await cancelled(calls, first) == []
    assert await cancelled(calls, second) == [{"object_id": "pi_1", "status": "canceled"}]
    assert [calls.spent(one) for one in (first, second, issuer)] == [0, 0, 0]
    assert not list(calls.ledger.open_holds())


async def test_a_cancel_waits_for_the_call_on_the_same_intent(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW)
    calls.upstream.gate = asyncio.Event()
    calls.upstream.reached.clear()
    call = asyncio.ensure_future(calls.call(key, "POST", f"{INTENTS}/pi_1/confirm", {}))
    await calls.upstream.reached.wait()
    ending = asyncio.ensure_future(cancelled(calls, key))
    await until(lambda: bool(calls.doors.turns._lines["stripe/default/pi_1"]))
    calls.upstream.gate.set()
    assert (await call).status == 200
    assert await ending == [{"object_id": "pi_1", "status": "no longer open"}]
    assert calls.standing(key).settled_micros == 12 * USD
    assert not list(calls.ledger.open_holds(HoldState.STANDING))


async def test_an_account_that_goes_while_a_cancel_waits_stops_no_other(calls: Calls) -> None:
    key = await calls.key()
    for _ in range(2):
        await calls.call(key, "POST", INTENTS, NEW)
    turns, tag = calls.doors.turns, "stripe/default/pi_1"
    await turns.take(tag)
    ending = asyncio.ensure_future(cancelled(calls, key))
    await until(lambda: bool(turns._lines[tag]))
    calls.doors.turnstiles, calls.doors.vendors = {}, {}
    turns.give(tag)
    gone = "not known: its account is not set up here"
    assert [line["status"] for line in await ending] == [gone, gone]
    assert calls.spent(key) == 24 * USD
