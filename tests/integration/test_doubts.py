"""A call in doubt counts in full until its retry, or a person, says what became of it.

A bad day is played by the stand-in for Stripe: it answers 500, 409 or 424, hangs up before it
charges or right after. What became of the money is asked of it, not of us.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway, VaultKey
from tests.lives import INTENTS, ORDER, counts, issuer_of, pay, send

IN_DOUBT: dict[str, dict[str, Any]] = {
    "500": {"status": 500, "stored": False},
    "409": {"status": 409},
    "424": {"status": 424, "stored": False},
    "hung up before": {"drop_before_executing": True},
    "hung up after": {"drop": True},
    "reset after": {"drop": True, "reset": True},
    "half a head": {"half_head": True},
    "half a body": {"half_body": True},
    "noise": {"raw": "no HTTP at all\r\n\r\n"},
    "another object": {"status": 200, "stored": False, "body": '{"object":"payment_intent"}'},
}


@pytest.mark.parametrize("fault", IN_DOUBT.values(), ids=IN_DOUBT.keys())
def test_a_retry_settles_what_was_in_doubt(
    gateway: Gateway, vendor: Sandbox, fault: dict[str, Any]
) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    vendor.behave(path=INTENTS, **fault)
    first = pay(gateway, key)
    assert counts(gateway, key) == {"in_doubt": "12.00"}, first
    assert pay(gateway, key, "order-2").error == "daily_cap_exceeded"
    assert pay(gateway, key).status == 200
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})
    told = gateway.ask(f"/vault/calls/{first.headers['keybrake-call-id']}")
    assert (told["state"], told["cost_usd"]) == ("settled", "12.00")


def test_a_stored_500_stays_in_doubt(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    vendor.behave(path=INTENTS, status=500)
    for _ in range(3):
        assert pay(gateway, key).status == 500
        assert counts(gateway, key) == {"in_doubt": "12.00"}


@pytest.mark.parametrize("status", [400, 401, 402, 404, 429])
def test_a_refusal_to_the_retry_proves_nothing(
    gateway: Gateway, vendor: Sandbox, status: int
) -> None:
    """It may have charged before: only its own answer tells."""
    key = gateway.make_key()
    vendor.behave(path=INTENTS, drop=True)
    assert pay(gateway, key).status == 502
    vendor.behave(path=INTENTS, status=status, stored=False, execute=False)
    assert pay(gateway, key).status == status
    assert counts(gateway, key) == {"in_doubt": "12.00"}
    assert vendor.charged() == 1200


def test_two_doubts_in_a_row(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    vendor.behave(path=INTENTS, drop=True, count=2)
    for _ in range(2):
        answer = pay(gateway, key)
        assert (answer.status, answer.error) == (502, "vendor_broke_off")
        assert answer.json()["in_doubt"] is True
        assert counts(gateway, key) == {"in_doubt": "12.00"}
    assert pay(gateway, key).headers["idempotent-replayed"] == "true"
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})


def test_what_an_intent_came_to_is_found_out_by_the_retry(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Its own hold and the earlier ones of the intent, each as the answer says."""
    key = gateway.make_key(daily_usd_cap="30")
    options = {"payment_method_options[card][request_overcapture]": "if_available"}
    held = {**ORDER, "amount": 2000, "capture_method": "manual", **options}
    path = f"{INTENTS}/{send(gateway, key, INTENTS, 'hold', **held).json()['id']}"
    assert counts(gateway, key) == {"standing": "20.00"}
    vendor.behave(path=f"{path}/capture", drop=True)
    assert send(gateway, key, f"{path}/capture", "take", amount_to_capture=2300).status == 502
    assert counts(gateway, key) == {"standing": "20.00", "in_doubt": "3.00"}
    assert vendor.charged() == 2300
    assert send(gateway, key, f"{path}/capture", "take", amount_to_capture=2300).status == 200
    assert counts(gateway, key) == {"settled": "23.00"}


@pytest.mark.parametrize(("what", "left"), [("capture", {"settled": "15.00"}), ("cancel", {})])
def test_the_rest_of_an_intent_is_freed_by_the_retry(
    gateway: Gateway, vendor: Sandbox, what: str, left: dict[str, str]
) -> None:
    key = gateway.make_key()
    held = {**ORDER, "amount": 2000, "capture_method": "manual"}
    path = f"{INTENTS}/{send(gateway, key, INTENTS, 'hold', **held).json()['id']}"
    form = {"amount_to_capture": 1500} if what == "capture" else {}
    vendor.behave(path=f"{path}/{what}", drop=True)
    assert send(gateway, key, f"{path}/{what}", "end", **form).status == 502
    assert counts(gateway, key) == {"standing": "20.00"}
    assert send(gateway, key, f"{path}/{what}", "end", **form).status == 200
    assert counts(gateway, key) == left


def test_a_retry_that_tells_of_the_past_frees_nothing(gateway: Gateway, vendor: Sandbox) -> None:
    """An intent was lowered (nobody heard the answer) and raised again: the first answer is old."""
    key = gateway.make_key()
    path = f"{INTENTS}/{pay(gateway, key, 'make', amount=3000, confirm='false').json()['id']}"
    vendor.behave(path=path, method="POST", drop=True)
    assert send(gateway, key, path, "lower", amount=1000).status == 502
    assert send(gateway, key, path, "raise", amount=2500).status == 200
    assert counts(gateway, key) == {"standing": "25.00"}
    assert send(gateway, key, path, "lower", amount=1000).json()["amount"] == 1000
    assert counts(gateway, key) == {"standing": "25.00"}
    assert send(gateway, key, f"{path}/confirm", "pay").status == 200
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "25.00"}, 2500)


def test_a_take_over_in_doubt_is_finished_by_the_retry(gateway: Gateway, vendor: Sandbox) -> None:
    """Both keys count it while nobody knows, the issuer once; afterwards the second key alone."""
    issuer_id, issuer = issuer_of(gateway)
    one = gateway.make_key(bearer=issuer, agent_run_label="one/1")
    two = gateway.make_key(bearer=issuer, agent_run_label="two/1")
    path = f"{INTENTS}/{pay(gateway, one, 'make', amount=2000, confirm='false').json()['id']}"
    vendor.behave(path=f"{path}/confirm", drop=True)
    assert send(gateway, two, f"{path}/confirm", "pay").status == 502
    assert (counts(gateway, one), counts(gateway, two)) == (
        {"standing": "20.00"},
        {"in_doubt": "20.00"},
    )
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "20.00"
    assert send(gateway, two, f"{path}/confirm", "pay").status == 200
    assert (counts(gateway, one), counts(gateway, two)) == ({}, {"settled": "20.00"})
    record = gateway.ask(f"/vault/issuers/{issuer_id}")
    assert (record["settled_usd"], record["spent_usd"]) == ("20.00", "20.00")
    assert vendor.charged() == 2000


def test_a_take_over_of_what_goes_on_standing_is_finished_too(
    gateway: Gateway, vendor: Sandbox
) -> None:
    issuer_id, issuer = issuer_of(gateway)
    one = gateway.make_key(bearer=issuer, agent_run_label="one/1")
    two = gateway.make_key(bearer=issuer, agent_run_label="two/1")
    path = f"{INTENTS}/{pay(gateway, one, 'make', amount=2000, confirm='false').json()['id']}"
    vendor.behave(path=path, method="POST", drop=True)
    assert send(gateway, two, path, "raise", amount=3000).status == 502
    assert (counts(gateway, one), counts(gateway, two)) == (
        {"standing": "20.00"},
        {"in_doubt": "30.00"},
    )
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "30.00"
    assert send(gateway, two, path, "raise", amount=3000).status == 200
    assert (counts(gateway, one), counts(gateway, two)) == ({}, {"standing": "30.00"})
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["standing_usd"] == "30.00"
    assert gateway.ask("/vault/in-doubt")["data"] == []
    assert send(gateway, one, f"{path}/cancel", "end").status == 200
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "0.00"


def test_a_take_over_that_is_old_news_leaves_no_doubt(gateway: Gateway, vendor: Sandbox) -> None:
    """The other key raised the intent meanwhile, and goes on carrying it."""
    issuer_id, issuer = issuer_of(gateway)
    one = gateway.make_key(bearer=issuer, agent_run_label="one/1")
    two = gateway.make_key(bearer=issuer, agent_run_label="two/1")
    path = f"{INTENTS}/{pay(gateway, one, 'make', amount=2000, confirm='false').json()['id']}"
    vendor.behave(path=path, method="POST", drop=True)
    assert send(gateway, two, path, "raise", amount=2500).status == 502
    assert send(gateway, one, path, "raise it more", amount=4000).status == 200
    assert counts(gateway, one) == {"standing": "40.00"}
    assert send(gateway, two, path, "raise", amount=2500).json()["amount"] == 2500
    assert (counts(gateway, one), counts(gateway, two)) == ({"standing": "40.00"}, {})
    assert gateway.ask("/vault/in-doubt")["data"] == []
    assert send(gateway, one, f"{path}/confirm", "pay").status == 200
    assert (counts(gateway, one), counts(gateway, two)) == ({"settled": "40.00"}, {})
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "40.00"
    assert vendor.charged() == 4000


def test_a_refund_in_doubt_gives_back_once_it_is_known(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(refunds_restore_cap=True)
    form = {"payment_intent": pay(gateway, key).json()["id"], "amount": 500}
    vendor.behave(path="/v1/refunds", drop=True)
    assert send(gateway, key, "/v1/refunds", "refund", **form).status == 502
    assert gateway.record(key)["restored_usd"] == "0.00"
    for _ in range(2):
        assert send(gateway, key, "/v1/refunds", "refund", **form).status == 200
        record = gateway.record(key)
        assert (record["settled_usd"], record["restored_usd"]) == ("17.00", "5.00")
    assert vendor.stats()["refunded"] == {"usd": 500}


def test_a_retry_asks_nothing_that_was_asked_before(gateway: Gateway, vendor: Sandbox) -> None:
    """The first call was priced; the intent has moved on since."""
    key = gateway.make_key()
    path = f"{INTENTS}/{pay(gateway, key, 'make', confirm='false').json()['id']}"
    for _ in range(2):
        assert send(gateway, key, f"{path}/confirm", "pay").status == 200
    looked = [seen for seen in vendor.stats()["seen"] if seen["method"] == "GET"]
    assert len(looked) == 1


# -- by hand ---------------------------------------------------------------------------------------


def doubted(gateway: Gateway, vendor: Sandbox, key: VaultKey, **fault: Any) -> str:
    """The id of a call that is in doubt."""
    vendor.behave(path=INTENTS, **fault)
    call_id = pay(gateway, key).headers["keybrake-call-id"]
    shown = gateway.ask("/vault/in-doubt")["data"]
    assert [(row["id"], row["counts_usd"]) for row in shown] == [(call_id, "12.00")]
    return call_id


def test_a_person_says_that_it_was_settled(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    call_id = doubted(gateway, vendor, key, drop=True)
    wish = {"outcome": "settled", "cost_usd": "11.50", "reason": "seen in Stripe's dashboard"}
    answer = gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish)
    assert (answer.status, answer.json()["state"]) == (200, "settled")
    assert counts(gateway, key) == {"settled": "11.50"}
    assert gateway.ask("/vault/in-doubt")["data"] == []
    again = pay(gateway, key)
    assert again.headers["idempotent-replayed"] == "true"
    assert counts(gateway, key) == {"settled": "11.50"}
    gateway.kill()
    gateway.restart()
    assert counts(gateway, key) == {"settled": "11.50"}
    told = gateway.ask(f"/vault/calls/{call_id}")
    assert (told["state"], told["cost_usd"]) == ("settled", "11.50")


def test_a_person_says_that_it_never_happened(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    call_id = doubted(gateway, vendor, key, drop_before_executing=True)
    wish = {"outcome": "released", "reason": "Stripe has no such intent"}
    assert gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish).status == 200
    assert counts(gateway, key) == {}
    twice = gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish)
    assert (twice.status, twice.error) == (400, "invalid_request")
    assert pay(gateway, key).status == 200
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})


def test_a_call_that_is_not_in_doubt_cannot_be_resolved(gateway: Gateway) -> None:
    key = gateway.make_key()
    call_id = pay(gateway, key).headers["keybrake-call-id"]
    wish = {"outcome": "released", "reason": "I would like that"}
    answer = gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish)
    assert (answer.status, answer.error) == (400, "invalid_request")
    assert gateway.admin("POST", "/vault/calls/call_none/resolve", wish).status == 404
    assert counts(gateway, key) == {"settled": "12.00"}
