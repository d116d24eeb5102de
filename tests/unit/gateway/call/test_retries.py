"""Which hold a call with an Idempotency-Key continues, and who waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.call.retries import Retries, bind, caller_key, vendor_key
from gateway.errors import IdempotencyConflict, IdempotencyInProgress, RequestMalformed
from gateway.vault.allowlist import Allowlist
from gateway.vault.terms import Terms
from ledger import Ending, HoldState, Ledger, RetryKey
from tests.ledgers import NOON_US, funded, open_in
from tests.vendor_double import turns as rounds
from vendors.contract import Money, Operation, Reading

ONE, OTHER = RetryKey(b"k" * 16, b"d" * 16), RetryKey(b"k" * 16, b"e" * 16)


def terms(key_id: str = "vk_1", **changes: Any) -> Terms:
    return Terms(key_id, "stripe", "default", Allowlist.parse(["GET /v1/x"]), 0, 0, None, **changes)


def reading(body: bytes = b"amount=1", path: str = "/v1/charges", query: str = "") -> Reading:
    operation = Operation("PostCharges", "POST", path, Money.PRICED)
    return Reading(operation, path, query, "", body, {})


async def with_hold(ledger: Ledger, *states: HoldState) -> None:
    account = await funded(ledger)
    hold = await ledger.hold(account, 5, retry=ONE)
    for state in states:
        ledger.book([Ending(hold.hold_id, state, 0, 5 if state is HoldState.STANDING else 0)],
                    now_us=NOON_US)  # fmt: skip


@pytest.mark.parametrize("value", [b"", b"x" * 256, b"tab\t", b"caf\xe9", b"\x7f"])
def test_a_key_is_printable_and_short(value: bytes) -> None:
    with pytest.raises(RequestMalformed):
        caller_key(value)
    assert caller_key(b"x" * 255) == "x" * 255


def test_keys_of_one_issuer_share_a_namespace_and_others_do_not() -> None:
    issued = [terms(f"vk_{n}", issuer_id="iss_1") for n in range(2)]
    assert len({vendor_key(t, "k") for t in issued}) == 1
    assert len({vendor_key(t, "k") for t in (terms("vk_1"), terms("vk_2"), *issued)}) == 3
    scoped = [terms(f"vk_{n}", idempotency_scope="s") for n in range(2)]
    assert len({vendor_key(t, "k") for t in scoped}) == 1
    assert vendor_key(terms(issuer_id="iss_1", idempotency_scope="s"), "k") != vendor_key(
        scoped[0], "k"
    )


@pytest.mark.parametrize(
    "other",
    [
        lambda: bind(terms(), "k", reading(b"amount=2"), ""),
        lambda: bind(terms(), "k", reading(path="/v1/refunds"), ""),
        lambda: bind(terms(), "k", reading(query="expand=x"), ""),
        lambda: bind(terms(), "k", reading(), "acct_1"),
    ],
)
def test_a_binding_tells_requests_apart(other: Callable[[], RetryKey]) -> None:
    first = bind(terms(), "k", reading(), "")
    assert first == bind(terms(), "k", reading(), "")
    assert other().key == first.key
    assert other().digest != first.digest
    assert bind(terms(), "k2", reading(), "").key != first.key


@pytest.fixture
async def ledger(tmp_path: Path) -> Any:
    ledger = await open_in(tmp_path)
    yield ledger
    await ledger.close()


async def test_a_first_call_holds_afresh(ledger: Ledger) -> None:
    retries = Retries(ledger, asyncio.get_running_loop())
    assert not retries.is_running(ONE.key)
    assert await retries.begin(ONE) is None
    assert retries.is_running(ONE.key)
    retries.end(ONE)
    assert not retries._running


@pytest.mark.parametrize("state", [HoldState.IN_DOUBT, HoldState.STANDING, HoldState.SETTLED])
async def test_a_retry_continues_what_is_not_released(ledger: Ledger, state: HoldState) -> None:
    await with_hold(ledger, state)
    retries = Retries(ledger, asyncio.get_running_loop())
    before = await retries.begin(ONE)
    assert before is not None
    assert before.state is state
    retries.end(ONE)
    with pytest.raises(IdempotencyConflict):
        await retries.begin(OTHER)


async def test_after_a_release_it_holds_afresh_even_for_another_request(ledger: Ledger) -> None:
    await with_hold(ledger, HoldState.RELEASED)
    retries = Retries(ledger, asyncio.get_running_loop())
    assert await retries.begin(OTHER) is None


async def test_retries_wait_for_the_first_call_one_after_the_other(ledger: Ledger) -> None:
    loop = asyncio.get_running_loop()
    retries = Retries(ledger, loop)
    await retries.begin(ONE)
    with pytest.raises(IdempotencyConflict):
        await retries.begin(OTHER)
    waiting = [loop.create_task(retries.begin(ONE)) for _ in range(2)]
    await rounds()
    assert not any(task.done() for task in waiting)
    retries.end(ONE)
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await rounds()
    assert [task.done() for task in waiting].count(True) == 1
    retries.end(ONE)
    await asyncio.wait(waiting)
    retries.end(ONE)
    assert not retries._running


async def test_waiting_ends(ledger: Ledger) -> None:
    retries = Retries(ledger, asyncio.get_running_loop(), wait_s=0.0)
    await retries.begin(ONE)
    with pytest.raises(IdempotencyInProgress):
        await retries.begin(ONE)
    patient = Retries(ledger, asyncio.get_running_loop(), wait_s=0.001)
    await patient.begin(ONE)
    with pytest.raises(IdempotencyInProgress):
        await patient.begin(ONE)
