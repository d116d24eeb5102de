"""The story of a call: in order, with its costs in the head, and whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.call import lasting, turnstile
from gateway.call.lanes import Lanes, Step
from gateway.call.proxy import Proxy
from gateway.errors import RequestTimeout
from gateway.http.message import ClientGone
from ledger import HoldState, JournalUnavailable
from tests.calls import USD, Calls, Script, SentBody, calls_in
from tests.model_stripe import ModelStripe
from tests.vendor_double import until
from vendors.stripe import STRIPE

INTENTS = "/v1/payment_intents"
PAY: dict[str, Any] = {"amount": 1200, "currency": "usd", "confirm": "true"}


async def test_a_metered_call_says_what_it_cost(calls: Calls) -> None:
    key = await calls.key(daily_cap_micros=20 * USD)
    seen = await calls.call(key, "POST", INTENTS, PAY, idempotency_key="mine")
    assert (seen.status, seen.json["status"]) == (200, "succeeded")
    assert seen.headers["keybrake-call-id"] == calls.row.id
    assert seen.headers["keybrake-cost-usd"] == "12.00"
    assert seen.headers["keybrake-spent-usd"] == "12.00"
    assert seen.headers["keybrake-remaining-usd"] == "8.00"
    assert key.key.last_used_us == calls.clock.now_us()


async def test_json_becomes_form_encoding(calls: Calls) -> None:
    key = await calls.key()
    body = SentBody(b'{"amount": 1200, "currency": "usd", "customer": "cus_1"}')
    await calls.call(key, "POST", INTENTS, body=body, content_type="application/json")
    stripe = calls.vendor
    assert isinstance(stripe, ModelStripe)
    assert stripe.orders[0].body == b"amount=1200&currency=usd&customer=cus_1"


async def test_a_free_call_has_no_cost_in_its_head_and_streams_when_long(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((200, b"x" * 70_000), (200, b"", (b"request-id", b"req_1")))
    seen = await calls.call(key, "GET", "/v1/customers")
    assert (len(seen.body), "keybrake-cost-usd" in seen.headers) == (70_000, False)
    seen = await calls.call(key, "HEAD", "/v1/customers")
    assert seen.code if seen.status != 200 else seen.headers["request-id"] == "req_1"


async def test_a_streaming_answer_keeps_its_place_to_its_last_byte(calls: Calls) -> None:
    """It has a connection to the vendor as long: whoever else is let in must find one."""
    key = await calls.key()
    calls.upstream.vendor = Script((200, b"x" * 70_000))
    response = await calls.proxy.answer(calls.request(key.secret, "GET", "/v1/customers"))
    entrance = calls.doors.turnstiles["stripe", "default"]
    assert response.stream is not None
    assert (entrance._inside, key.key.in_flight) == (1, set())
    await response.stream.aclose()  # type: ignore[attr-defined]
    assert entrance._inside == 0


async def test_a_long_answer_for_which_there_is_no_room_is_told_to_come_again(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "LONG_MAX", 1)
    key = await calls.key()
    calls.upstream.vendor = Script(*[(200, b"x" * 70_000)] * 3)
    first = await calls.proxy.answer(calls.request(key.secret, "GET", "/v1/customers"))
    assert (await calls.call(key, "GET", "/v1/customers")).code == "rate_limited"
    assert calls.upstream.sources[1].ended
    assert first.stream is not None
    await first.stream.aclose()  # type: ignore[attr-defined]
    assert (await calls.call(key, "GET", "/v1/customers")).status == 200
    assert calls.doors.turnstiles["stripe", "default"]._inside == 0


@pytest.mark.parametrize(("method", "form"), [("POST", PAY), ("GET", None)])
async def test_who_waited_in_vain_is_told_when_it_is_its_keys_turn(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, method: str, form: dict[str, Any] | None
) -> None:
    """Hundreds that came together give up together, and others are there too."""
    took: list[Step] = []

    class NoticedLanes(Lanes):
        def try_step(self, who: str) -> bool:
            return False

        async def step(self, who: str, step: Step) -> None:
            took.append(step)

    key = await calls.key()
    calls.doors.lanes = NoticedLanes(calls.doors.loop)
    monkeypatch.setattr(turnstile, "LINE_MAX", 0)
    monkeypatch.setattr(calls.doors.turnstiles["stripe", "default"], "_places", 0)
    assert (await calls.call(key, method, INTENTS, form)).code == "rate_limited"
    assert took == [Step.BEGIN, Step.SETTLE]
    calls.doors.turnstiles["stripe", "default"]._lines.clear()


async def test_test_mode_money_is_not_counted_where_the_key_says_so(calls: Calls) -> None:
    key = await calls.key(count_test_mode=False)
    await calls.call(key, "POST", INTENTS, PAY)
    assert (calls.spent(key), calls.row.hold_id) == (0, None)
    calls.upstream.livemode = None
    await calls.call(key, "POST", INTENTS, PAY)
    assert calls.spent(key) == 12 * USD, "what cannot be told to be a test counts"


async def test_free_calls_keep_the_callers_idempotency_key_in_a_namespace(calls: Calls) -> None:
    key = await calls.key()
    script = Script((200, {}, (b"idempotency-key", b"kb-x")), (200, {}))
    calls.upstream.vendor = script
    seen = await calls.call(key, "POST", "/v1/customers", {"a": "b"}, idempotency_key="mine")
    assert seen.headers["idempotency-key"] == "mine"
    await calls.call(key, "POST", "/v1/customers", {"a": "b"})
    sent = [dict(order.headers).get(b"idempotency-key", b"") for order in script.orders]
    assert (sent[0].startswith(b"kb-"), sent[1]) == (True, b"")
    bad = await calls.call(key, "POST", "/v1/customers", {}, idempotency_key="é")
    assert (bad.status, bad.code) == (400, "request_malformed")


@pytest.mark.parametrize(
    ("method", "path", "spent", "in_doubt"),
    [("POST", INTENTS, 12 * USD, True), ("GET", "/v1/customers", 0, False)],
)
async def test_a_redirect_is_never_followed(
    calls: Calls, method: str, path: str, spent: int, in_doubt: bool
) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((302, b"", (b"location", b"https://elsewhere")))
    calls.upstream.whole_bytes_max = -1
    seen = await calls.call(key, method, path, PAY if method == "POST" else None)
    assert (seen.status, seen.code) == (502, "vendor_redirected")
    assert (seen.json["in_doubt"], seen.json["vendor_status"]) == (in_doubt, 302)
    assert calls.spent(key) == spent
    assert calls.upstream.sources[0].ended


async def test_not_modified_is_no_redirect(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((304, b""))
    assert (await calls.call(key, "GET", "/v1/customers")).status == 304


async def test_a_caller_who_is_gone_before_the_hold_costs_nothing(calls: Calls) -> None:
    key = await calls.key()
    for request in (
        calls.request(key.secret, "POST", f"/stripe{INTENTS}", PAY, gone=lambda: True),
        calls.request(key.secret, "POST", f"/stripe{INTENTS}", body=SentBody(b"x", ClientGone())),
    ):
        with pytest.raises(ClientGone):
            await calls.ask(request)
    assert (calls.spent(key), len(calls.history.rows)) == (0, 0)


async def test_a_caller_who_hangs_up_in_an_objects_line_lets_the_others_pass(calls: Calls) -> None:
    key = await calls.key()
    await calls.doors.turns.take("stripe/default/pi_1")
    path = f"/stripe{INTENTS}/pi_1/confirm"
    request = calls.request(key.secret, "POST", path, {}, gone=lambda: True)
    waiting = asyncio.ensure_future(calls.ask(request))
    await until(lambda: bool(calls.doors.turns._lines["stripe/default/pi_1"]))
    calls.doors.turns.give("stripe/default/pi_1")
    with pytest.raises(ClientGone):
        await waiting
    assert calls.doors.turns._lines == {}


async def test_a_vendor_without_idempotency_keys_is_asked_once(calls: Calls) -> None:
    without = {"stripe": replace(STRIPE, idempotency_header=None)}
    calls.proxy = Proxy(replace(calls.doors, vendors=without))
    key = await calls.key()
    first, second = [
        await calls.call(key, "POST", INTENTS, PAY, idempotency_key="k") for _ in range(2)
    ]
    assert (second.body, second.headers["idempotent-replayed"]) == (first.body, "true")
    assert "idempotent-replayed" not in first.headers
    assert calls.spent(key) == 12 * USD


async def test_a_body_that_is_late_is_told_so(calls: Calls) -> None:
    key = await calls.key()
    seen = await calls.call(key, "POST", INTENTS, body=SentBody(b"x", RequestTimeout()))
    assert (seen.status, calls.row.code) == (408, "request_timeout")


async def test_a_bent_run_is_refused_before_anything_else(calls: Calls) -> None:
    key = await calls.key(label="scn/1")
    seen = await calls.call(key, "GET", "/v1/customers", keybrake_run="a/b")
    assert (seen.status, seen.json["field"]) == (400, "Keybrake-Run")
    assert (calls.row.run, calls.row.code) == ("scn/1", "request_malformed")


async def test_a_mistake_of_ours_keeps_what_was_held(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script(ZeroDivisionError("ours"))
    seen = await calls.call(key, "POST", INTENTS, PAY)
    assert (seen.status, seen.code) == (500, "internal")
    assert calls.standing(key).in_doubt_micros == 12 * USD
    assert "failed inside the gateway" in caplog.text
    assert (calls.row.code, calls.row.state) == ("internal", "in_doubt")


async def test_an_answer_that_cannot_be_booked_lets_go_of_its_connection(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed in flight for ever: nobody read it, and so nobody closed it."""
    key = await calls.key()

    def broken(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise JournalUnavailable("ordered")

    monkeypatch.setattr(calls.ledger, "book", broken)
    calls.upstream.whole_bytes_max = 0
    seen = await calls.call(key, "POST", INTENTS, PAY)
    assert (seen.code, calls.upstream.sources[0].ended) == ("internal", True)
    assert calls.standing(key).in_doubt_micros == 12 * USD


async def test_a_call_that_is_cut_off_stays_counted_and_takes_nothing_along(calls: Calls) -> None:
    """A cancelled task left its hold open until the next start."""
    key = await calls.key()
    calls.upstream.gate = asyncio.Event()
    call = asyncio.ensure_future(calls.call(key, "POST", INTENTS, PAY, idempotency_key="k"))
    await calls.upstream.reached.wait()
    assert key.key.in_flight
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    [hold] = calls.ledger.open_holds()
    assert (hold.state, calls.spent(key)) == (HoldState.IN_DOUBT, 12 * USD)


async def test_a_full_entrance_refuses_before_the_hold(tmp_path: Path) -> None:
    async with calls_in(tmp_path, shards=1, connections_max=1) as calls:
        key = await calls.key()
        calls.upstream.gate = asyncio.Event()
        first = asyncio.ensure_future(calls.call(key, "POST", INTENTS, PAY))
        await calls.upstream.reached.wait()
        seen = await calls.call(key, "POST", INTENTS, PAY)
        assert (seen.status, seen.code, calls.standing(key).held_micros) == (
            429, "rate_limited", 12 * USD,
        )  # fmt: skip
        waiting = asyncio.ensure_future(calls.call(key, "POST", INTENTS, PAY))
        await asyncio.sleep(0)
        calls.upstream.gate.set()
        assert [(await one).status for one in (first, waiting)] == [200, 200]


async def test_calls_on_one_object_go_one_after_the_other(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, {"amount": 1200, "currency": "usd"})
    both = (calls.call(key, "POST", f"{INTENTS}/pi_1/confirm", {}) for _ in range(2))
    assert sorted(seen.status for seen in await asyncio.gather(*both)) == [200, 400]
    assert calls.spent(key) == 12 * USD


async def test_the_same_idempotency_key_for_something_else_is_a_conflict(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, PAY, idempotency_key="k")
    seen = await calls.call(key, "POST", INTENTS, {**PAY, "amount": 1}, idempotency_key="k")
    assert (seen.status, seen.code) == (409, "idempotency_conflict")
    assert seen.headers["stripe-should-retry"] == "false"


async def test_before_a_key_is_known_nothing_is_written_down(calls: Calls) -> None:
    seen = await calls.ask(calls.request("", "GET", "/nowhere", user_agent="Stripe/v1 x"))
    assert (seen.status, seen.json["error"]["code"]) == (404, "route_unknown")
    assert calls.history.rows == []
    assert b'keybrake_refusals_total{code="route_unknown"} 1' in calls.doors.metrics.render()


async def test_many_callers_never_pass_the_cap(calls: Calls) -> None:
    key = await calls.key(daily_cap_micros=60 * USD)
    seen = await asyncio.gather(*(calls.call(key, "POST", INTENTS, PAY) for _ in range(20)))
    assert sorted(one.status for one in seen) == [200] * 5 + [429] * 15
    assert calls.spent(key) == 60 * USD
