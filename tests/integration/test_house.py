"""One charge from outside, as vendor, books and audit log tell it, before a crash and after."""

from __future__ import annotations

from bench.sandbox.launch import Sandbox
from tests.house import Gateway

PAY = {"amount": 1200, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}


def test_a_charge_is_charged_counted_and_written_down(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(agent_run_label="make-billing/1")
    answer = gateway.call(
        key,
        "POST",
        "/v1/payment_intents",
        form=PAY,
        keybrake_run="8f31",
        keybrake_step="7",
        keybrake_reason="The%20bill%20is%20due",
    )
    assert answer.status == 200, answer
    assert answer.headers["keybrake-cost-usd"] == "12.00"
    assert vendor.charged() == 1200
    assert gateway.record(key)["spent_usd"] == "12.00"
    told = gateway.ask(f"/vault/calls/{answer.headers['keybrake-call-id']}")
    assert (told["run"], told["step"]) == ("make-billing/8f31", "7")
    assert (told["reason"], told["cost_usd"], told["state"]) == (
        "The bill is due",
        "12.00",
        "settled",
    )
    assert told["object_id"] == answer.json()["id"]


def test_the_books_and_the_audit_log_outlive_a_kill(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="20")
    first = gateway.call(key, "POST", "/v1/payment_intents", form=PAY)
    assert first.status == 200, first
    gateway.kill()
    gateway.restart()
    assert gateway.record(key)["spent_usd"] == "12.00"
    again = gateway.call(key, "POST", "/v1/payment_intents", form=PAY)
    assert (again.status, again.error) == (429, "daily_cap_exceeded")
    assert vendor.charged() == 1200
    calls = gateway.ask("/vault/calls")["data"]
    assert [call["code"] for call in calls] == ["daily_cap_exceeded", None]


def test_a_lost_audit_file_comes_back_from_the_journals(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    answer = gateway.call(key, "POST", "/v1/payment_intents", form=PAY)
    before = gateway.ask(f"/vault/calls/{answer.headers['keybrake-call-id']}")
    gateway.stop()
    for part in gateway.directory.glob("audit.db*"):
        part.unlink()
    gateway.restart()
    after = gateway.ask(f"/vault/calls/{answer.headers['keybrake-call-id']}")
    assert after == before


def test_it_stops_in_good_order(gateway: Gateway) -> None:
    gateway.make_key()
    assert gateway.stop() == 0
