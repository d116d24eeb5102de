"""What is in doubt, standing or pending is looked into from outside: a real gateway, a vendor that
hangs up before it charges or right after, prices that come late.

A look is asked for rather than waited for (`POST /vault/calls/{id}/reconcile`); the background may
have been there first, which changes nothing in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway, VaultKey
from tests.lives import INTENTS, ORDER, act, counts, create, pay, send, without_us

AT_ONCE: Final = """
[reconciler]
doubt_first_look_s = 0
listing_gap_s = 0
calls_per_second_max = 1000
"""
ONE_LISTING: Final = """
[reconciler]
doubt_first_look_s = 0
calls_per_second_max = 1000
"""
LOOKS_MAX: Final = 5


@pytest.fixture
def gateway(vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    """It looks as soon as it is asked, and two listings need no gap."""
    with Gateway.start(tmp_path, vendor.base_url, more=AT_ONCE) as running:
        yield running


def look(gateway: Gateway, call_id: str) -> tuple[int, Any]:
    answer = gateway.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
    return answer.status, answer.json()


def looked_until(gateway: Gateway, call_id: str, state: str) -> Any:
    """The call's record once it is in this state."""
    for _ in range(LOOKS_MAX):
        record = gateway.ask(f"/vault/calls/{call_id}")
        if record["state"] == state:
            return record
        look(gateway, call_id)
    raise AssertionError(f"still {record['state']}: {gateway.ask('/vault/in-doubt')}")


def lost(gateway: Gateway, vendor: Sandbox, key: VaultKey, **form: Any) -> str:
    """The id of a call that was carried out, its answer lost."""
    vendor.behave(path=INTENTS, drop=True)
    answer = pay(gateway, key, **form)
    assert answer.status == 502
    return answer.headers["keybrake-call-id"]


def verified(gateway: Gateway) -> None:
    assert gateway.stop() == 0
    told = gateway.run("ledger", "verify")
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_payment_whose_answer_was_lost_is_found_and_settled(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key(daily_usd_cap="20")
    call_id = lost(gateway, vendor, key)
    record = looked_until(gateway, call_id, "settled")
    assert record["cost_usd"] == "12.00"
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "12.00"}, 1200)
    assert gateway.ask("/vault/in-doubt")["data"] == []
    again = pay(gateway, key)
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "12.00"}, 1200)
    verified(gateway)


def test_an_intent_whose_answer_was_lost_stands_and_is_freed_when_it_lapses(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    call_id = lost(gateway, vendor, key, capture_method="manual")
    looked_until(gateway, call_id, "standing")
    assert counts(gateway, key) == {"standing": "12.00"}
    [row] = gateway.ask("/vault/pending")["data"]
    assert (row["id"], row["counts_usd"], row["state"]) == (call_id, "12.00", "standing")
    [world] = [w for w in vendor.state()["accounts"] if w["payment_intents"]]
    assert world["payment_intents"] == {"requires_capture": 1}
    [intent] = _intents(gateway, key)
    without_us(vendor, f"{INTENTS}/{intent}/cancel")
    looked_until(gateway, call_id, "released")
    assert counts(gateway, key) == {}
    verified(gateway)


def _intents(gateway: Gateway, key: VaultKey) -> list[str]:
    return [one["id"] for one in gateway.call(key, "GET", INTENTS).json()["data"]]


def test_what_never_ran_is_released_by_two_listings(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    vendor.behave(path=INTENTS, drop_before_executing=True)
    call_id = pay(gateway, key).headers["keybrake-call-id"]
    looked_until(gateway, call_id, "released")
    assert (counts(gateway, key), vendor.charged()) == ({}, 0)
    assert pay(gateway, key).status == 200
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "12.00"}, 1200)
    verified(gateway)


def test_one_listing_never_releases(vendor: Sandbox, tmp_path: Path) -> None:
    with Gateway.start(tmp_path, vendor.base_url, more=ONE_LISTING) as gateway:
        key = gateway.make_key()
        vendor.behave(path=INTENTS, drop_before_executing=True)
        call_id = pay(gateway, key).headers["keybrake-call-id"]
        for _ in range(3):
            status, told = look(gateway, call_id)
            assert (status, told["state"]) == (200, "in_doubt")
            assert told["found"].startswith("not shown")
        [row] = gateway.ask("/vault/in-doubt")["data"]
        assert (row["evidence"], row["looks"] >= 3) == (told["found"], True)
        assert row["next_look_at"] is not None
        assert counts(gateway, key) == {"in_doubt": "12.00"}


def test_a_server_error_is_settled_by_what_it_made_and_never_released(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    vendor.behave(path=INTENTS, status=500, execute=True)
    ran = pay(gateway, key, "ran").headers["keybrake-call-id"]
    vendor.behave(path=INTENTS, status=500, stored=False)
    never = pay(gateway, key, "never").headers["keybrake-call-id"]
    looked_until(gateway, ran, "settled")
    for _ in range(3):
        look(gateway, never)
    assert counts(gateway, key) == {"settled": "12.00", "in_doubt": "12.00"}
    assert vendor.charged() == 1200


def test_a_confirm_whose_answer_was_lost_is_settled_once(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 2000, payment_method="pm_card_visa")
    vendor.behave(path=f"{path}/confirm", drop=True)
    answer = send(gateway, key, f"{path}/confirm", "pay")
    assert answer.status == 502
    looked_until(gateway, answer.headers["keybrake-call-id"], "settled")
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "20.00"}, 2000)
    assert gateway.ask("/vault/pending")["data"] == []
    verified(gateway)


def test_a_second_confirm_is_not_counted_on_top(gateway: Gateway, vendor: Sandbox) -> None:
    """The first confirm is in doubt when the second one hears that all is paid."""
    key = gateway.make_key()
    path = create(gateway, key, 2000, payment_method="pm_card_visa")
    vendor.behave(path=f"{path}/confirm", drop=True)
    first = send(gateway, key, f"{path}/confirm", "pay").headers["keybrake-call-id"]
    assert send(gateway, key, f"{path}/confirm", "pay again").status in (200, 400)
    looked_until(gateway, first, "settled")
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "20.00"}, 2000)


def test_a_refund_whose_answer_was_lost_gives_its_cap_back(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key(refunds_restore_cap=True)
    form = {"payment_intent": pay(gateway, key).json()["id"], "amount": 500}
    vendor.behave(path="/v1/refunds", drop=True)
    answer = send(gateway, key, "/v1/refunds", "refund", **form)
    looked_until(gateway, answer.headers["keybrake-call-id"], "settled")
    record = gateway.record(key)
    assert (record["settled_usd"], record["restored_usd"]) == ("17.00", "5.00")
    assert vendor.stats()["refunded"] == {"usd": 500}


def test_what_a_killed_process_left_is_looked_into_by_the_next(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    gateway_env = gateway.env
    gateway.stop()
    gateway_env["KEYBRAKE__RECONCILER__ENABLED"] = "false"
    gateway.restart()
    call_id = lost(gateway, vendor, key)
    status, told = look(gateway, call_id)
    assert (status, told["error"]) == (400, "invalid_request")
    assert gateway.ask("/vault/reconciler") == {
        "object": "reconciler",
        "enabled": False,
        "accounts": [],
    }
    gateway.kill()
    del gateway_env["KEYBRAKE__RECONCILER__ENABLED"]
    gateway.restart()
    looked_until(gateway, call_id, "settled")
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "12.00"}, 1200)
    verified(gateway)


def test_the_queue_can_be_seen(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 2000)
    call_id = gateway.ask("/vault/pending")["data"][0]["id"]
    status, told = look(gateway, call_id)
    assert (status, told["state"]) == (200, "standing")
    assert told["found"].startswith("as before: standing at 20.00 USD")
    [account] = gateway.ask("/vault/reconciler")["accounts"]
    assert (account["vendor"], account["account"]) == ("stripe", "default")
    assert (account["queue"]["standing"], account["lookups"] >= 1) == (1, True)
    page = gateway.admin("GET", "/metrics").body.decode()
    assert 'keybrake_reconciled_total{outcome="nothing_new"}' in page
    act(gateway, key, f"{path}/cancel")
    assert look(gateway, call_id)[0] == 400
    assert gateway.ask("/vault/reconciler")["accounts"][0]["queue"]["standing"] == 0


def test_it_only_reads(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    call_id = lost(gateway, vendor, key)
    looked_until(gateway, call_id, "settled")
    seen = [(one["method"], one["path"]) for one in vendor.stats()["seen"]]
    assert [method for method, _ in seen].count("POST") == 1
    assert {path for method, path in seen if method == "GET"} >= {"/v1/events"}
    assert ORDER["amount"] == vendor.charged()
