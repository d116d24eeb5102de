"""The head that the vendor gets, the last look before it leaves, and every way to get no answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.errors import RequestTimeout
from gateway.upstream.order import Aborted, NotSent, Order, OutcomeUnknown, Reply, Watch
from ledger import Ending, HoldState
from tests.calls import USD, Calls, Script, SentBody, intent
from tests.vendor_double import until

INTENTS = "/v1/payment_intents"
NEW: dict[str, Any] = {"amount": 1200, "currency": "usd"}


@pytest.mark.parametrize(
    ("failure", "status", "code", "spent", "state"),
    [
        (NotSent("no connection"), 502, "vendor_unreachable", 0, "released"),
        (OutcomeUnknown("broke"), 502, "vendor_broke_off", 12 * USD, "in_doubt"),
        (OutcomeUnknown("late", timed_out=True), 504, "vendor_timeout", 12 * USD, "in_doubt"),
        (Aborted(left=False), 401, "key_revoked", 0, "released"),
        (Aborted(left=True), 401, "key_revoked", 12 * USD, "in_doubt"),
    ],
)
async def test_no_answer(
    calls: Calls, failure: Exception, status: int, code: str, spent: int, state: str
) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script(failure)
    seen = await calls.call(key, "POST", INTENTS, NEW)
    assert (seen.status, seen.code) == (status, code)
    assert (calls.spent(key), calls.row.state, calls.row.code) == (spent, state, code)
    assert seen.json.get("in_doubt", False) is (state == "in_doubt")


@pytest.mark.parametrize("failure", [OutcomeUnknown("broke"), Aborted(left=True)])
async def test_no_answer_to_a_retry_leaves_its_first_call_in_doubt(
    calls: Calls, failure: Exception
) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script(OutcomeUnknown("broke"), failure, NotSent("busy"))
    seen = [await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k") for _ in range(3)]
    assert [one.json.get("in_doubt") for one in seen] == [True, True, None]
    assert (calls.spent(key), calls.standing(key).in_doubt_micros) == (12 * USD, 12 * USD)


async def test_a_read_without_an_answer_is_not_in_doubt(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script(OutcomeUnknown("broke"), Aborted(left=True))
    seen = [await calls.call(key, "GET", "/v1/customers") for _ in range(2)]
    assert [one.json["in_doubt"] for one in seen] == [False, False]


async def test_a_body_that_breaks_off_never_ran(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((200, {}))
    body = SentBody(b"x", RequestTimeout())
    seen = await calls.call(key, "POST", "/v1/files", body=body)
    assert (seen.status, seen.code) == (408, "request_timeout")


async def test_keys_are_looked_at_again_right_before_the_first_byte(calls: Calls) -> None:
    key = await calls.key()
    writes = asyncio.Event()
    hold = calls.ledger.hold

    async def slow_hold(*args: Any, **named: Any) -> Any:
        made = await hold(*args, **named)
        await writes.wait()
        return made

    calls.ledger.hold = slow_hold  # type: ignore[method-assign]
    call = asyncio.ensure_future(calls.call(key, "POST", INTENTS, NEW))
    await until(lambda: bool(list(calls.ledger.open_holds(HoldState.OPEN))))
    await calls.registry.revoke([key.key], abort=False)
    writes.set()
    assert (await call).code == "key_revoked"
    assert (calls.spent(key), calls.row.state) == (0, "released")


async def test_what_is_sent_is_what_was_read(calls: Calls) -> None:
    key = await calls.key(vendor_accounts=frozenset({"acct_1"}))
    script = Script((200, intent(1200)), (200, {}))
    calls.upstream.vendor = script
    headers = {"stripe_version": "2026-10-28", "stripe_account": "acct_1", "cookie": "a=b"}
    await calls.call(key, "POST", f"{INTENTS}?expand[]=x", NEW, **headers)
    order = script.orders[0]
    assert (order.method, order.target) == (b"POST", b"/v1/payment_intents?expand[]=x")
    assert order.body == b"amount=1200&currency=usd"
    sent = dict(order.headers)
    assert sent[b"authorization"] == calls.upstream.authorization
    assert sent[b"stripe-account"] == b"acct_1"
    assert sent[b"idempotency-key"].startswith(b"kb-call_")
    assert b"cookie" not in sent
    body = SentBody(b"--x")
    await calls.call(key, "POST", "/files/v1/files", body=body, content_type="multipart/x")
    passes = script.orders[1].body
    assert not isinstance(passes, bytes)
    assert (script.orders[1].product, passes.length) == ("files", body.length)
    assert await body.read() == b"", "it was read to its end, through the order's body"
    assert dict(script.orders[1].headers)[b"content-type"] == b"multipart/x"


def test_a_watch_that_nobody_looks_through_is_open() -> None:
    Watch().gate()


async def test_a_retry_never_leaves_without_the_hold_it_continues(calls: Calls) -> None:
    """A person released the call in doubt while its retry waited on its way out."""
    key = await calls.key()
    calls.upstream.vendor = Script(OutcomeUnknown("broke"), (200, intent(1200, "succeeded")))
    await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    [hold] = calls.ledger.open_holds(HoldState.IN_DOUBT)
    send = calls.upstream.send

    async def released_first(order: Order, watch: Watch) -> Reply:
        calls.ledger.book([Ending(hold.hold_id, HoldState.RELEASED)], now_us=calls.clock.now_us())
        return await send(order, watch)

    calls.upstream.send = released_first  # type: ignore[method-assign]
    refused = await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    assert (refused.status, refused.code) == (409, "idempotency_in_progress")
    calls.upstream.send = send  # type: ignore[method-assign]
    assert calls.spent(key) == 0
    again = await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    assert (again.status, calls.spent(key)) == (200, 12 * USD)
