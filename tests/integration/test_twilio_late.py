"""Money that nobody answered for yet: prices that come late, calls whose answer was lost, and what
a gateway that was killed knows of them.

Time passes at Twilio when a test lets it, and the gateway looks when it is asked to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import (
    ROOT,
    TWILIO_SANDBOX,
    Answer,
    Closed,
    Gateway,
    OnThisPython,
    VaultKey,
    twilio_at,
)
from tests.speaker import Meanwhile, until
from tests.texting import (
    ACCOUNT,
    AT_ONCE,
    CALL,
    CALLS,
    MESSAGES,
    NOWHERE,
    SERVICE,
    SMS_MICROS,
    call_of,
    charged,
    counts,
    deliver,
    looked_until,
    messages,
    micros,
    pass_time,
    refused,
    seen,
    sent,
    spent,
    text,
    verified,
)

PLANTED: Final = '''\
"""A clock that a test turns on by writing a number of days into a file."""

from pathlib import Path

from gateway.clock import SystemClock

now_us = SystemClock.now_us


def ahead(self):
    told = Path("days-ahead")
    days = int(told.read_text() or 0) if told.exists() else 0
    return now_us(self) + days * 86_400_000_000


SystemClock.now_us = ahead
'''


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    """Nothing arrives by itself."""
    with Sandbox.start(*TWILIO_SANDBOX, "--settle-ms", "60000") as sandbox:
        yield sandbox


@pytest.fixture
def twilio(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture(scope="module")
def house_of_all(process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """For tests that neither kill it nor end it."""
    more = twilio_at(process.base_url) + AT_ONCE
    with Gateway.start(tmp_path_factory.mktemp("late"), NOWHERE, more=more) as running:
        yield running
        verified(running)


@pytest.fixture
def house(house_of_all: Gateway, twilio: Sandbox) -> Gateway:
    return house_of_all


@pytest.fixture
def key(house: Gateway) -> VaultKey:
    return house.make_key(vendor="twilio")


@pytest.fixture
def gateway(twilio: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of its own, that looks into what is open as soon as it is asked."""
    more = twilio_at(twilio.base_url, lines="first_byte_timeout_s = 3") + AT_ONCE
    with Gateway.start(tmp_path, NOWHERE, more=more) as running:
        yield running
        verified(running)


# -- prices that come late -------------------------------------------------------------------------

ENDINGS: Final[dict[str, tuple[dict[str, Any], int]]] = {
    "delivered": ({"status": "delivered"}, SMS_MICROS),
    "undelivered": ({"status": "undelivered", "error_code": 30003}, SMS_MICROS),
    "read": ({"status": "read"}, SMS_MICROS),
    "sent, and nobody heard more": ({"status": "sent", "price": "-0.0083"}, SMS_MICROS),
    "cheaper": ({"status": "delivered", "price": "-0.00750"}, 12_500),
    "without its minus": ({"status": "delivered", "price": "0.00750"}, 12_500),
    "two segments": ({"status": "delivered", "price": "-0.0166", "num_segments": "2"}, 26_600),
    "failed": ({"status": "failed", "error_code": 30001}, 1_000),
    "failed by Twilio's own fault": ({"status": "failed", "error_code": 30008, "fee": False}, 0),
    "blocked": ({"status": "failed", "error_code": 30450, "fee": False}, 0),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_message_comes_to_what_it_became(
    house: Gateway, twilio: Sandbox, key: VaultKey, name: str
) -> None:
    """The carrier's fee is on top of what Twilio shows."""
    ending, micros_in_the_end = ENDINGS[name]
    answer = text(house, key)
    call_id = answer.headers["keybrake-call-id"]
    house.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
    assert counts(house, key) == {"pending": SMS_MICROS}
    deliver(twilio, answer.json()["sid"], **ending)
    row = looked_until(house, call_id, "settled", "released")
    assert micros(row["cost_usd"]) == spent(house, key) == micros_in_the_end
    assert row["quote_usd"] == "0.0133"
    assert charged(twilio) <= spent(house, key)


@pytest.mark.parametrize(
    "lines",
    [
        {"price": None},
        {"price": "free"},
        {"price": -0.0075},
        {"price": "-0.0075", "price_unit": "JPY"},
        {"price": "-0.0075", "price_unit": None},
        {"price": "-0.0075", "status": "evaporated"},
        {"price": "-0.0075", "sid": f"SM{'b' * 32}"},
        {"price": "-1e-3"},
    ],
    ids=json.dumps,
)
def test_what_cannot_be_read_for_sure_stays_at_the_quote(
    house: Gateway, twilio: Sandbox, key: VaultKey, lines: dict[str, Any]
) -> None:
    answer = text(house, key)
    sid, call_id = answer.json()["sid"], answer.headers["keybrake-call-id"]
    deliver(twilio, sid, "delivered")
    shown = {**messages(twilio)[0], **lines}
    twilio.behave(path=f"*{sid}.json", method="GET", status=200, body=json.dumps(shown))
    told = house.admin("POST", f"/vault/calls/{call_id}/reconcile", {}).json()
    assert told["state"] == "pending", told
    assert counts(house, key) == {"pending": SMS_MICROS}
    looked_until(house, call_id, "settled")


def test_a_price_above_the_quote_is_counted_shown_and_alerted(
    house: Gateway, twilio: Sandbox
) -> None:
    key = house.make_key(vendor="twilio", daily_usd_cap="0.02")
    drifted = drift(house)
    answer = text(house, key)
    call_id = answer.headers["keybrake-call-id"]
    deliver(twilio, answer.json()["sid"], "delivered", price="-0.0208")
    row = looked_until(house, call_id, "settled")
    assert (row["quote_usd"], row["cost_usd"]) == ("0.0133", "0.0258")
    record = house.record(key)
    assert (record["spent_usd"], record["remaining_usd"]) == ("0.0258", "0.00")
    assert record["over_cap_usd"] == "0.0058"
    assert drift(house) - drifted == 12_500
    assert any("drift:" in line and "0.0125" in line for line in house.said.splitlines())
    refused(text(house, key), 429, "daily_cap_exceeded", remaining_usd="0.00")
    assert charged(twilio) <= spent(house, key)


def drift(gateway: Gateway) -> int:
    page = gateway.admin("GET", "/metrics").body.decode().splitlines()
    [line] = [line for line in page if line.startswith("keybrake_drift_usd_total ")]
    return micros(line.split()[1])


def test_a_call_comes_to_its_minutes(house: Gateway, twilio: Sandbox, key: VaultKey) -> None:
    form = {**CALL, "TimeLimit": "600", "Record": "true"}
    answer = house.call(key, "POST", CALLS, form=form)
    call_id = answer.headers["keybrake-call-id"]
    assert counts(house, key) == {"pending": 10 * 16_500}
    twilio.control("POST", "hangup", {"sid": answer.json()["sid"], "seconds": 61})
    row = looked_until(house, call_id, "settled")
    assert charged(twilio) <= micros(row["cost_usd"]) == spent(house, key) < 10 * 16_500


@pytest.mark.parametrize("ending", ["40001", "40002", "40003"])
def test_a_call_that_nobody_took_costs_nothing(
    house: Gateway, twilio: Sandbox, key: VaultKey, ending: str
) -> None:
    form = {**CALL, "To": f"+141555{ending}", "TimeLimit": "600"}
    call_id = house.call(key, "POST", CALLS, form=form).headers["keybrake-call-id"]
    pass_time(twilio)
    looked_until(house, call_id, "released", "settled")
    assert (counts(house, key), charged(twilio)) == ({}, 0)


def scheduled() -> dict[str, str | None]:
    at = datetime.now(UTC) + timedelta(days=2)
    return {
        "From": None,
        "MessagingServiceSid": SERVICE,
        "ScheduleType": "fixed",
        "SendAt": f"{at:%Y-%m-%dT%H:%M:%SZ}",
    }


def test_a_scheduled_message_keeps_the_fee_for_scheduling(
    house: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    """Twilio bills it apart, and never in the message's price."""
    call_id = sent(house, key, **scheduled())
    pass_time(twilio, 3 * 86_400)
    row = looked_until(house, call_id, "settled")
    assert micros(row["cost_usd"]) == spent(house, key) == SMS_MICROS + 15_000
    assert 0 < charged(twilio) <= spent(house, key)


@pytest.mark.parametrize("fault", ["drop", "drop_before_executing"])
def test_a_cancel_whose_answer_was_lost_frees_what_twilio_says_is_canceled(
    house: Gateway, twilio: Sandbox, key: VaultKey, fault: str
) -> None:
    answer = text(house, key, **scheduled())
    path = f"{ACCOUNT}/Messages/{answer.json()['sid']}.json"
    twilio.behave(path=path, method="POST", **{fault: True})
    lost = house.call(key, "POST", path, form={"Status": "canceled"})
    refused(lost, 502, "vendor_broke_off", in_doubt=True)
    assert spent(house, key) == SMS_MICROS + 15_000
    call_id = answer.headers["keybrake-call-id"]
    if fault == "drop":
        looked_until(house, call_id, "released", "settled")
        assert (counts(house, key), messages(twilio)[0]["status"]) == ({}, "canceled")
        return
    house.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
    assert counts(house, key) == {"pending": SMS_MICROS + 15_000}
    pass_time(twilio, 3 * 86_400)
    looked_until(house, call_id, "settled")
    assert 0 < charged(twilio) <= spent(house, key)


def test_a_call_without_a_price_counts_its_hold_until_a_person_knows_more(
    house: Gateway, twilio: Sandbox
) -> None:
    allowed = {"POST /2010-04-01/Accounts/*/Calls.json": "2.50"}
    key = house.make_key(vendor="twilio", allow_unpriced=allowed)
    twilio.behave(path=CALLS, method="POST", drop=True)
    form = {"To": CALL["To"], "From": CALL["From"], "Url": "https://example.com/twiml"}
    answer = house.call(key, "POST", CALLS, form=form)
    refused(answer, 502, "vendor_broke_off", in_doubt=True)
    assert counts(house, key) == {"in_doubt": 2_500_000}
    told = {"outcome": "settled", "cost_usd": "0.70", "reason": "50 minutes, says the console"}
    call_id = answer.headers["keybrake-call-id"]
    assert house.admin("POST", f"/vault/calls/{call_id}/resolve", told).status == 200
    assert counts(house, key) == {"settled": 700_000}


def test_a_price_is_booked_on_the_day_of_its_call(twilio: Sandbox, tmp_path: Path) -> None:
    """Also when it comes a day later, and is more than was held."""
    (tmp_path / "sitecustomize.py").write_text(PLANTED)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    more = twilio_at(twilio.base_url) + AT_ONCE
    with OnThisPython.start(tmp_path, NOWHERE, more=more, env={"PYTHONPATH": path}) as gateway:
        key = gateway.make_key(vendor="twilio", daily_usd_cap="0.02", expires_in=None)
        answer = text(gateway, key)
        call_id, day = answer.headers["keybrake-call-id"], gateway.record(key)["day"]
        deliver(twilio, answer.json()["sid"], "delivered", price="-0.0208")
        (tmp_path / "days-ahead").write_text("1")
        assert (spent(gateway, key), gateway.record(key)["day"] > day) == (0, True)
        today = sent(gateway, key)
        row = looked_until(gateway, call_id, "settled")
        assert (row["day"], row["cost_usd"]) == (day, "0.0258")
        assert counts(gateway, key) == {"pending": SMS_MICROS}
        record = gateway.record(key)
        assert (record["over_cap_usd"], record["total_spent_usd"]) == ("0.00", "0.0391")
        found = gateway.ask("/vault/spend?by=day&vendor=twilio")["data"]
        days = {group["day"]: group["cost_usd"] for group in found}
        assert days == {day: "0.0258", call_of(gateway, today)["day"]: "0.0133"}
        verified(gateway)


def test_a_price_that_never_comes_is_taken_to_be_the_quote(twilio: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(PLANTED)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    more = twilio_at(twilio.base_url) + AT_ONCE
    with OnThisPython.start(tmp_path, NOWHERE, more=more, env={"PYTHONPATH": path}) as gateway:
        key = gateway.make_key(vendor="twilio", expires_in=None)
        call_id = sent(gateway, key, To="+14155539999")
        gateway.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
        assert call_of(gateway, call_id)["state"] == "pending"
        (tmp_path / "days-ahead").write_text("1")
        row = looked_until(gateway, call_id, "settled")
        assert row["cost_usd"] == "0.0133"
        verified(gateway)


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
    twilio.behave(path=MESSAGES, hold_answer=True)
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


def test_what_is_in_doubt_is_found_without_being_asked_for(
    gateway: Gateway, twilio: Sandbox
) -> None:
    key = gateway.make_key(vendor="twilio")
    twilio.behave(path=MESSAGES, method="POST", drop=True)
    refused(text(gateway, key), 502, "vendor_broke_off", in_doubt=True)
    until(lambda: counts(gateway, key), lambda told: told == {"pending": SMS_MICROS})
    assert gateway.ask("/vault/in-doubt")["data"] == []


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
    refused(again, 409, "idempotency_conflict")
    assert text(gateway, key).status == 429
    pass_time(twilio)
    looked_until(gateway, call_id, "settled")
    assert charged(twilio) <= spent(gateway, key) == SMS_MICROS
    assert len(messages(twilio)) == 1
