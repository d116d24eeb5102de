"""Money that nobody answered for yet: prices that come late, calls whose answer was lost, and what
a gateway that was killed knows of them.
Time passes at Twilio when a test lets it, and the gateway looks when it is asked to.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import (
    TWILIO_SANDBOX,
    Answer,
    Closed,
    Gateway,
    VaultKey,
    twilio_at,
)
from tests.speaker import Meanwhile, until
from tests.texting import (
    AT_ONCE,
    MESSAGES,
    NOWHERE,
    SMS_MICROS,
    charged,
    counts,
    looked_until,
    messages,
    micros,
    pass_time,
    refused,
    seen,
    spent,
    text,
    verified,
)


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    """Nothing arrives by itself."""
    with Sandbox.start(*TWILIO_SANDBOX, "--settle-ms", "60000") as sandbox:
        yield sandbox


@pytest.fixture
def twilio(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture
def gateway(twilio: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of its own, that looks into what is open as soon as it is asked."""
    more = twilio_at(twilio.base_url, lines="first_byte_timeout_s = 0.5") + AT_ONCE
    with Gateway.start(tmp_path, NOWHERE, more=more) as running:
        yield running
        verified(running)


# -- after a kill ----------------------------------------------------------------------------------


def test_an_answer_outlives_a_gateway_that_is_killed(gateway: Gateway, twilio: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio", daily_usd_cap="0.02")
    first = text(gateway, key, idempotency_key="order-1")
    assert first.status == 201
    gateway.kill()
    gateway.restart()
    again = text(gateway, key, idempotency_key="order-1")
    assert (again.status, again.body) == (201, first.body)
    assert (len(messages(twilio)), spent(gateway, key)) == (1, SMS_MICROS)
    refused(text(gateway, key, idempotency_key="order-2"), 429, "daily_cap_exceeded")


def test_a_message_on_its_way_when_the_gateway_is_killed_is_in_doubt_and_found(
    gateway: Gateway, twilio: Sandbox
) -> None:
    key = gateway.make_key(vendor="twilio")
    twilio.behave(path=MESSAGES, answer_latency_ms=20_000)
    on_its_way = Meanwhile(lambda: text_or_closed(gateway, key))
    until(lambda: messages(twilio))
    gateway.kill()
    assert on_its_way.result() is None
    gateway.restart()
    assert counts(gateway, key) == {"in_doubt": SMS_MICROS}
    again = text(gateway, key, idempotency_key="order-1")
    refused(again, 504, "vendor_timeout", in_doubt=True)
    [doubt] = gateway.ask("/vault/in-doubt")["data"]
    looked_until(gateway, doubt["id"], "pending")
    pass_time(twilio)
    record = looked_until(gateway, doubt["id"], "settled")
    assert (len(messages(twilio)), charged(twilio)) == (1, 12_800)
    assert micros(record["cost_usd"]) == spent(gateway, key) == SMS_MICROS


def text_or_closed(gateway: Gateway, key: VaultKey) -> Answer | None:
    try:
        return text(gateway, key, idempotency_key="order-1")
    except Closed:
        return None


TROUBLE: Final[dict[str, tuple[dict[str, Any], int, str, int]]] = {
    "it hung up when it was done": ({"drop": True}, 502, "vendor_broke_off", 1),
    "it hung up before": ({"drop_before_executing": True}, 502, "vendor_broke_off", 0),
    "it is done and says nothing": ({"stall": True, "execute": True}, 504, "vendor_timeout", 1),
    "it never began": ({"stall": True}, 504, "vendor_timeout", 0),
    "half of an answer": ({"half_body": True}, 502, "vendor_broke_off", 1),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_what_nobody_answered_counts_until_it_is_found_or_missed(
    gateway: Gateway, twilio: Sandbox, name: str
) -> None:
    """In doubt, then pending or released, then at its price; a retry meanwhile sends nothing."""
    fault, status, code, ran = TROUBLE[name]
    key = gateway.make_key(vendor="twilio", daily_usd_cap="0.02", daily_call_cap=1)
    twilio.behave(path=MESSAGES, method="POST", **fault)
    answer = text(gateway, key, idempotency_key="order-1")
    refused(answer, status, code, in_doubt=True)
    call_id = answer.headers["keybrake-call-id"]
    assert len(messages(twilio)) == ran
    looked_until(gateway, call_id, "pending" if ran else "released")
    posts = [request for request in seen(twilio) if request["method"] == "POST"]
    assert len(posts) == 1
    if not ran:
        assert (counts(gateway, key), gateway.record(key)["calls_today"]) == ({}, 0)
        assert text(gateway, key, idempotency_key="order-1").status == 201
        assert len(messages(twilio)) == 1
        return
    assert counts(gateway, key) == {"pending": SMS_MICROS}
    assert gateway.record(key)["calls_today"] == 1
    again = text(gateway, key, idempotency_key="order-1")
    assert again.status in (409, 504)
    assert text(gateway, key).status == 429
    pass_time(twilio)
    looked_until(gateway, call_id, "settled")
    assert charged(twilio) <= spent(gateway, key) == SMS_MICROS
    assert len(messages(twilio)) == 1
