"""An Idempotency-Key outlives a kill: wherever a call was cut off, asking again under the same key
charges once and counts once. And the audit log tells so, even after it was lost."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests.crash.kills import KILLED, arm, ask, audit, disarm, lose_audit, posts, verified
from tests.house import Answer, Gateway, VaultKey
from tests.wishes import DECLINED, INTENT_PAYS, PAYS, Wish

pytestmark = pytest.mark.crash

POINTS = (
    "before the hold",
    "before the hold is journaled",
    "hold on disk, loop not told",
    "hold durable",
    "connected, nothing sent",
    "answer has come, not read",
    "answer read, nothing booked",
    "ending booked",
    "answer made, not sent",
)
SEEN = POINTS[5:]
TOLD_BY_RETRY = ("status", "vendor_request_id", "object_id", "livemode", "duration_ms")
"""What the answer to a retry says of a call in doubt. The journal has it with the call's hold; the
live log, in the retry's own row."""
RETRY = {"idempotency_key": "bill-8f31"}


def cut_off(gateway: Gateway, key: VaultKey, wish: Wish, point: str) -> None:
    """A call with the Idempotency-Key is killed at the point; then the gateway runs again."""
    assert gateway.stop() == 0
    arm(gateway, point)
    gateway.restart()
    assert ask(gateway, key, wish, **RETRY) is None
    assert gateway.wait() == KILLED
    verified(gateway)
    disarm(gateway)
    gateway.restart()


def asked(gateway: Gateway, key: VaultKey, wish: Wish) -> Answer:
    answer = ask(gateway, key, wish, **RETRY)
    assert answer is not None
    return answer


def money(gateway: Gateway, key: VaultKey) -> tuple[str, str]:
    record: Mapping[str, Any] = gateway.record(key)
    return record["spent_usd"], record["in_doubt_usd"]


@pytest.mark.parametrize(
    ("wish", "point"), list(zip(cycle((PAYS, INTENT_PAYS)), POINTS, strict=False)), ids=POINTS
)
def test_a_call_cut_off_is_charged_once_and_counted_once(
    gateway: Gateway, vendor: Sandbox, wish: Wish, point: str
) -> None:
    """The cap has room for one only, so a second hold would be refused."""
    key = gateway.make_key(daily_usd_cap="15")
    cut_off(gateway, key, wish, point)
    first = asked(gateway, key, wish)
    assert first.status == 200, first
    assert vendor.charged() == wish.cents
    assert money(gateway, key) == ("10.00", "0.00")
    gateway.kill()
    gateway.restart()
    again = asked(gateway, key, wish)
    assert (again.status, again.json()["id"]) == (200, first.json()["id"])
    assert vendor.charged() == wish.cents
    assert gateway.record(key)["spent_usd"] == "10.00"


def test_a_retry_cut_off_as_well_changes_nothing(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="15")
    for point in SEEN:
        cut_off(gateway, key, PAYS, point)
        assert gateway.record(key)["spent_usd"] == "10.00"
    answer = asked(gateway, key, PAYS)
    assert answer.status == 200, answer
    assert vendor.charged() == PAYS.cents
    assert posts(vendor) == len(SEEN) + 1
    assert gateway.record(key)["calls_today"] == 1


@pytest.mark.parametrize("point", SEEN)
def test_a_refusal_to_the_retry_of_a_call_in_doubt_decides_nothing(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    """The vendor tells the stored refusal again, but it could as well be the retry's own."""
    key = gateway.make_key()
    cut_off(gateway, key, DECLINED, point)
    assert asked(gateway, key, DECLINED).status == 402
    assert money(gateway, key) == ("10.00", "10.00")
    assert vendor.charged() == 0


def test_another_request_under_the_key_of_a_call_in_doubt_is_refused(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    cut_off(gateway, key, PAYS, "answer has come, not read")
    other = asked(gateway, key, PAYS.of(999))
    assert (other.status, other.error) == (409, "idempotency_conflict")
    assert vendor.charged() == PAYS.cents
    assert money(gateway, key) == ("10.00", "10.00")


def test_the_audit_log_tells_the_same_after_it_was_lost(gateway: Gateway, vendor: Sandbox) -> None:
    """Calls that ended, one that was cut off, and its retry; the file is gone after a kill, then
    after a good end."""
    key = gateway.make_key()
    for wish in (PAYS, DECLINED, INTENT_PAYS):
        assert ask(gateway, key, wish) is not None
    cut_off(gateway, key, PAYS, "answer has come, not read")
    states = [row["state"] for row in audit(gateway)]
    assert states == ["in_doubt", "settled", "released", "settled"]
    gateway.kill()
    lose_audit(gateway)
    gateway.restart()
    assert [row["state"] for row in audit(gateway)] == states
    assert asked(gateway, key, PAYS).status == 200
    before = audit(gateway)
    assert [row["state"] for row in before] == ["settled", "settled", "released", "settled"]
    assert gateway.stop() == 0
    lose_audit(gateway)
    verified(gateway)
    gateway.restart()
    after = audit(gateway)
    assert after[1:] == before[1:]
    for row in (after[0], before[0]):
        for told_by_retry in TOLD_BY_RETRY:
            del row[told_by_retry]
    assert after[0] == before[0]
