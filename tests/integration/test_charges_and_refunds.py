"""Legacy charges live like intents; refunds are money leaving, and may give back."""

from __future__ import annotations

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway
from tests.lives import HELD, INTENTS, PAY, act, create, refused, stands


def test_a_legacy_charge_is_held_and_captured(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="20")
    form = {"amount": 2000, "currency": "usd", "source": "tok_visa"}
    charge = act(gateway, key, "/v1/charges", **form, capture="false")
    assert stands(gateway, key) == ("0.00", "20.00")
    answer = refused(gateway, key, f"{INTENTS}", amount=1, currency="usd")
    assert answer.error == "daily_cap_exceeded"
    act(gateway, key, f"/v1/charges/{charge['id']}/capture", amount=1300)
    assert stands(gateway, key) == ("13.00", "0.00")
    act(gateway, key, "/v1/charges", **{**form, "amount": 700})
    assert (stands(gateway, key), vendor.charged()) == (("20.00", "0.00"), 2000)


def test_a_declined_charge_costs_nothing(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    form = {"amount": 2000, "currency": "usd", "source": "tok_chargeDeclined"}
    assert refused(gateway, key, "/v1/charges", **form).error == "card_declined"
    assert (stands(gateway, key), vendor.charged()) == (("0.00", "0.00"), 0)


def test_an_intents_charge_is_captured_through_the_intent_only(gateway: Gateway) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 2000, **HELD)
    intent = gateway.call(key, "GET", path).json()
    answer = refused(gateway, key, f"/v1/charges/{intent['latest_charge']}/capture")
    assert (answer.status, answer.error) == (403, "endpoint_unpriced")


def test_refunds_are_money_leaving(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="40")
    path = create(gateway, key, 2000, **PAY)
    intent_id = path.rpartition("/")[2]
    charge_id = gateway.call(key, "GET", path).json()["latest_charge"]
    act(gateway, key, "/v1/refunds", payment_intent=intent_id, amount=500)
    assert stands(gateway, key) == ("25.00", "0.00")
    act(gateway, key, f"/v1/charges/{charge_id}/refunds", amount=300)
    assert stands(gateway, key) == ("28.00", "0.00")
    act(gateway, key, f"/v1/charges/{charge_id}/refund", amount=200)
    assert stands(gateway, key) == ("30.00", "0.00")
    assert refused(gateway, key, "/v1/refunds", charge=charge_id, amount=1001).status == 429
    answer = gateway.call(key, "POST", "/v1/refunds", form={"charge": charge_id})
    assert answer.headers["keybrake-cost-usd"] == "10.00"
    record = gateway.record(key)
    assert (record["spent_usd"], record["restored_usd"]) == ("40.00", "0.00")
    assert record["remaining_usd"] == "0.00"
    assert vendor.stats()["refunded"] == {"usd": 2000}


def test_a_refund_gives_back_to_a_key_that_says_so(gateway: Gateway, vendor: Sandbox) -> None:
    """20 charged and 8 refunded are 28 spent; 8 of them come back, so that 20 of 30 are used up."""
    key = gateway.make_key(daily_usd_cap="30", refunds_restore_cap=True)
    path = create(gateway, key, 2000, **PAY)
    form = {"payment_intent": path.rpartition("/")[2], "amount": 800}
    for _ in range(2):
        answer = gateway.call(key, "POST", "/v1/refunds", form=form, idempotency_key="refund-1")
        assert answer.status == 200, answer
        record = gateway.record(key)
        assert (record["spent_usd"], record["restored_usd"]) == ("28.00", "8.00")
        assert record["remaining_usd"] == "10.00"
    act(gateway, key, "/v1/refunds", **form)
    record = gateway.record(key)
    assert (record["spent_usd"], record["restored_usd"]) == ("36.00", "16.00")
    create(gateway, key, 1000, **PAY)
    assert refused(gateway, key, INTENTS, amount=1, currency="usd").error == "daily_cap_exceeded"
    gateway.kill()
    gateway.restart()
    record = gateway.record(key)
    assert (record["spent_usd"], record["restored_usd"]) == ("46.00", "16.00")
    assert record["remaining_usd"] == "0.00"


def test_a_refund_of_a_legacy_charge_gives_back(gateway: Gateway) -> None:
    key = gateway.make_key(refunds_restore_cap=True)
    charge = act(gateway, key, "/v1/charges", amount=2000, currency="usd", source="tok_visa")
    act(gateway, key, "/v1/refunds", charge=charge["id"], amount=500)
    record = gateway.record(key)
    assert (record["spent_usd"], record["restored_usd"]) == ("25.00", "5.00")


def test_a_refund_of_anothers_charge_gives_nothing_back(gateway: Gateway) -> None:
    payer = gateway.make_key(refunds_restore_cap=True)
    refunder = gateway.make_key(refunds_restore_cap=True)
    path = create(gateway, payer, 2000, **PAY)
    act(gateway, refunder, "/v1/refunds", payment_intent=path.rpartition("/")[2])
    for key, spent in ((payer, "20.00"), (refunder, "20.00")):
        record = gateway.record(key)
        assert (record["spent_usd"], record["restored_usd"]) == (spent, "0.00")


@pytest.mark.parametrize(
    ("card", "spent"), [("pm_card_pendingRefund", "40.00"), ("pm_card_refundFail", "20.00")]
)
def test_only_a_refund_that_succeeded_gives_back(gateway: Gateway, card: str, spent: str) -> None:
    key = gateway.make_key(refunds_restore_cap=True)
    path = create(gateway, key, 2000, confirm="true", payment_method=card)
    act(gateway, key, "/v1/refunds", payment_intent=path.rpartition("/")[2])
    record = gateway.record(key)
    assert (record["spent_usd"], record["restored_usd"]) == (spent, "0.00")
