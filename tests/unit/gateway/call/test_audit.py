"""What a journey tells its audit record: at its start, from the answer, from its holds."""

from __future__ import annotations

from typing import Any

from gateway.vault.terms import Mode
from tests.calls import USD, Calls, Script, intent
from tests.model_stripe import Fault, ModelStripe

FORM: dict[str, Any] = {"amount": 1200, "currency": "usd", "confirm": "true"}
INTENTS = "/v1/payment_intents"


async def test_a_record_says_who_asked_what_and_what_became_of_it(calls: Calls) -> None:
    key = await calls.key(label="scn/1")
    said = {"keybrake_run": "42", "keybrake_step": "pay", "keybrake_reason": "due"}
    calls.upstream.vendor = Script((200, intent(1200, "succeeded"), (b"request-id", b"req_1")))
    await calls.call(key, "POST", INTENTS, FORM, idempotency_key="mine", **said)
    row = calls.row
    assert (row.label, row.run, row.step, row.reason) == ("scn/1", "scn/42", "pay", "due")
    assert (row.method, row.path, row.operation) == ("POST", INTENTS, "PostPaymentIntents")
    assert (row.decision, row.status, row.state) == ("allowed", 200, "settled")
    assert (row.quote_micros, row.held_micros, row.cost_micros) == (12 * USD,) * 3
    assert (row.vendor_request_id, row.object_id, row.livemode) == ("req_1", "pi_1", False)
    assert row.idempotency_key not in (None, "mine")
    assert row.duration_ms == 0


async def test_a_read_holds_nothing(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "GET", "/v1/customers/cus_1")
    assert (calls.row.status, calls.row.hold_id, calls.row.state) == (404, None, None)


async def test_a_takeover_has_two_holds_and_tells_both(calls: Calls) -> None:
    issuer = await calls.issuer()
    first, second = await calls.key(issuer), await calls.key(issuer)
    await calls.call(first, "POST", INTENTS, {"amount": 1200, "currency": "usd"})
    await calls.call(second, "POST", f"{INTENTS}/pi_1/confirm", {})
    row = calls.row
    assert row.own_hold_id is not None
    assert row.hold_id is not None
    assert row.own_hold_id < row.hold_id
    assert (row.own_cost_micros, row.cost_micros) == (12 * USD, 0)
    assert row.lookups == '["/v1/payment_intents/pi_1"]'


async def test_what_a_shadow_key_was_spared_is_told_with_its_rule(calls: Calls) -> None:
    key = await calls.key(mode=Mode.SHADOW, daily_cap_micros=0)
    await calls.call(key, "POST", INTENTS, FORM)
    assert (calls.row.would_refuse, calls.row.decision) == ("daily_cap_exceeded", "allowed")
    assert (calls.row.code, calls.row.rule) == (None, "key_daily")
    small = await calls.key(mode=Mode.SHADOW, per_call_micros_max=1)
    await calls.call(small, "POST", INTENTS, FORM)
    assert (calls.row.would_refuse, calls.row.rule) == ("policy_refused", "per_call_usd_max")


async def test_a_refusal_tells_its_rule_or_whose_cap_it_was(calls: Calls) -> None:
    await calls.call(await calls.key(daily_cap_micros=0), "POST", INTENTS, FORM)
    assert (calls.row.code, calls.row.rule) == ("daily_cap_exceeded", "key_daily")
    await calls.call(await calls.key(per_call_micros_max=1), "POST", INTENTS, FORM)
    assert (calls.row.code, calls.row.rule) == ("policy_refused", "per_call_usd_max")
    await calls.call(await calls.key(expires_at_us=1), "POST", INTENTS, FORM)
    assert (calls.row.code, calls.row.rule) == ("key_expired", None)


async def test_a_shadow_keys_refusal_is_not_told_with_the_rule_that_it_was_spared(
    calls: Calls,
) -> None:
    stripe = calls.vendor
    assert isinstance(stripe, ModelStripe)
    stripe.faults.append(Fault.NOT_SENT)
    key = await calls.key(mode=Mode.SHADOW, daily_cap_micros=0)
    await calls.call(key, "POST", INTENTS, FORM)
    assert (calls.row.code, calls.row.rule) == ("vendor_unreachable", None)
    assert calls.row.would_refuse == "daily_cap_exceeded"


async def test_a_retry_names_the_call_that_it_repeats(calls: Calls) -> None:
    stripe = calls.vendor
    assert isinstance(stripe, ModelStripe)
    stripe.faults.append(Fault.LOST_AFTER)
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, FORM, idempotency_key="k")
    first = calls.row
    await calls.call(key, "POST", INTENTS, FORM, idempotency_key="k")
    assert (first.state, first.code) == ("in_doubt", "vendor_timeout")
    assert (calls.row.retry_of, calls.row.hold_id) == (first.id, None)
