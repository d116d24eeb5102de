"""Prices that come late, and messages that nobody answered for: a real gateway before a Twilio of
our own, where a test lets the time pass.

Twilio shows no idempotency keys: alike messages in doubt are told apart by nobody, so that what
must be right is their sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import TWILIO_SANDBOX, TWILIO_SID, Answer, Gateway, VaultKey, twilio_at

MESSAGES: Final = f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json"
SMS: Final = {"To": "+14155550100", "From": "+15005550006", "Body": "Your order is on its way."}
AT_ONCE: Final = """
[reconciler]
doubt_first_look_s = 0
listing_gap_s = 0
calls_per_second_max = 1000
"""
LOOKS_MAX: Final = 6


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with Sandbox.start(*TWILIO_SANDBOX, "--settle-ms", "60000") as sandbox:
        yield sandbox


@pytest.fixture
def vendor(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture
def gateway(vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    more = twilio_at(vendor.base_url) + AT_ONCE
    with Gateway.start(tmp_path, "http://127.0.0.1:9", more=more) as running:
        yield running


def text(gateway: Gateway, key: VaultKey, **form: Any) -> Answer:
    return gateway.request(
        "POST",
        f"/twilio{MESSAGES}",
        headers={"Authorization": f"Bearer {key.secret}"},
        form={**SMS, **form},
    )


def sent(gateway: Gateway, key: VaultKey, **form: Any) -> str:
    answer = text(gateway, key, **form)
    assert answer.status == 201, answer
    return answer.headers["keybrake-call-id"]


def looked_until(gateway: Gateway, call_id: str, *states: str) -> Any:
    for _ in range(LOOKS_MAX):
        record = gateway.ask(f"/vault/calls/{call_id}")
        if record["state"] in states:
            return record
        gateway.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
    raise AssertionError(f"still {record['state']}: {gateway.ask('/vault/in-doubt')}")


def charged(vendor: Sandbox) -> Decimal:
    return Decimal(vendor.stats()["charged"].get("usd_micros", 0)) / 1_000_000


def spent(gateway: Gateway, key: VaultKey) -> Decimal:
    return Decimal(gateway.record(key)["spent_usd"])


def test_a_late_price_is_booked_when_it_is_there(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio")
    call_id = sent(gateway, key)
    record = gateway.record(key)
    assert record["pending_usd"] == record["spent_usd"] != "0.00"
    gateway.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
    assert gateway.ask(f"/vault/calls/{call_id}")["state"] == "pending"
    vendor.control("POST", "advance", {"seconds": 120})
    looked_until(gateway, call_id, "settled")
    assert gateway.record(key)["pending_usd"] == "0.00"
    assert 0 < charged(vendor) <= spent(gateway, key) <= Decimal(record["spent_usd"])


def test_a_price_above_the_quote_is_counted_and_shown(gateway: Gateway, vendor: Sandbox) -> None:
    vendor.control("POST", "pace", {"drift_percent": 1_000})
    key = gateway.make_key(vendor="twilio")
    call_id = sent(gateway, key)
    quoted = spent(gateway, key)
    vendor.control("POST", "advance", {"seconds": 120})
    looked_until(gateway, call_id, "settled")
    assert spent(gateway, key) > quoted
    page = gateway.admin("GET", "/metrics").body.decode()
    drift = next(line for line in page.splitlines() if line.startswith("keybrake_drift_usd_"))
    assert Decimal(drift.split()[-1]) == spent(gateway, key) - quoted


def test_alike_messages_in_doubt_are_told_apart_by_their_sum(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Two of four were carried out, one of them heard of; nobody can say which of three ran."""
    key = gateway.make_key(vendor="twilio")
    known = sent(gateway, key)
    doubts = []
    for fault in ({"drop": True}, {"drop_before_executing": True}, {"drop_before_executing": True}):
        vendor.behave(path=MESSAGES, method="POST", **fault)
        answer = text(gateway, key)
        assert answer.status == 502
        doubts.append(answer.headers["keybrake-call-id"])
    for call_id in doubts:
        looked_until(gateway, call_id, "pending", "released", "settled")
    states = [gateway.ask(f"/vault/calls/{call_id}")["state"] for call_id in doubts]
    assert sorted(states) == ["pending", "released", "released"]
    vendor.control("POST", "advance", {"seconds": 120})
    for call_id in (known, doubts[states.index("pending")]):
        looked_until(gateway, call_id, "settled")
    assert 0 < charged(vendor) <= spent(gateway, key)
    assert gateway.record(key)["calls_today"] == 2
