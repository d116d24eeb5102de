"""What is on its way at this moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.call.remarks import remark_of
from gateway.reconcile.flights import alike_under_way, being_retried
from gateway.upstream.order import OutcomeUnknown
from tests.calls import Script, calls_in, intent

FORM = {"amount": 1200, "currency": "usd", "confirm": "true"}


async def test_a_call_under_way_is_seen_and_its_retry_too(tmp_path: Path) -> None:
    paid = (200, intent(1200, "succeeded"))
    async with calls_in(tmp_path, Script(OutcomeUnknown("lost"), paid)) as calls:
        key, doors = await calls.key(), calls.doors
        path, form = "/v1/payment_intents", FORM
        await calls.call(key, "POST", path, form, idempotency_key="one")
        [hold] = calls.ledger.open_holds()
        trace = remark_of(hold).trace
        assert not being_retried(doors.retries, hold)
        calls.upstream.gate = asyncio.Event()
        calls.upstream.reached.clear()
        call = asyncio.ensure_future(calls.call(key, "POST", path, form, idempotency_key="one"))
        await calls.upstream.reached.wait()
        assert being_retried(doors.retries, hold)
        assert not alike_under_way(doors.registry, "stripe", "default", trace)
        calls.upstream.gate.set()
        assert (await call).status == 200
        assert not being_retried(doors.retries, hold)


async def test_alike_is_of_the_same_account_and_trace(tmp_path: Path) -> None:
    async with calls_in(tmp_path, Script((200, intent(1200, "succeeded")))) as calls:
        key, registry = await calls.key(), calls.doors.registry
        calls.upstream.gate = asyncio.Event()
        call = asyncio.ensure_future(calls.call(key, "POST", "/v1/payment_intents", FORM))
        await calls.upstream.reached.wait()
        [hold] = calls.ledger.open_holds()
        trace = remark_of(hold).trace
        assert alike_under_way(registry, "stripe", "default", trace)
        assert not alike_under_way(registry, "stripe", "acme", trace)
        assert not alike_under_way(registry, "twilio", "default", trace)
        assert not alike_under_way(registry, "stripe", "default", f"{trace}?")
        assert not being_retried(calls.doors.retries, hold)
        calls.upstream.gate.set()
        await call
        assert not alike_under_way(registry, "stripe", "default", trace)
