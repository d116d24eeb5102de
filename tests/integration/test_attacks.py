"""A hostile caller with one valid key: what it may not get by timing, by long answers or by hanging
up.

Each test is an attack, told from outside; it ends by comparing what the stand-in for Stripe really
moved with what the gateway says was spent.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import STRIPE_SECRET, Gateway, VaultKey, request_bytes
from tests.speaker import until

INTENTS = "/v1/payment_intents"
CARD = "payment_method_options[card]"
LONG = 2 << 20
"""More than a metered answer may have to be read whole."""
PIECEWISE = {
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "capture_method": "manual",
    f"{CARD}[request_multicapture]": "if_available",
}


def act(gateway: Gateway, key: VaultKey, path: str, **form: Any) -> Any:
    """A POST that succeeds; the object that it answers with."""
    answer = gateway.call(key, "POST", path, form=form)
    assert answer.status == 200, answer
    return answer.json()


def intent(gateway: Gateway, key: VaultKey, amount: int, **form: Any) -> str:
    """The id of a new intent."""
    made = act(gateway, key, INTENTS, **{"amount": amount, "currency": "usd", **form})
    return str(made["id"])


def spent(gateway: Gateway, key: VaultKey) -> str:
    return str(gateway.record(key)["spent_usd"])


def test_a_cancel_with_an_answer_too_long_to_read_gives_no_captured_money_back(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    path = f"{INTENTS}/{intent(gateway, key, 10_000, **PIECEWISE)}"
    act(gateway, key, f"{path}/capture", amount_to_capture=6_000, final_capture="false")
    vendor.behave(path=f"{path}/cancel", pad_bytes=LONG)
    answer = gateway.call(key, "POST", f"{path}/cancel", form={})
    assert answer.headers["keybrake-cost-estimated"] == "true"
    assert vendor.charged() == 6_000
    assert spent(gateway, key) == "100.00"


def test_a_confirmation_with_an_answer_too_long_to_read_is_counted_once(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    made = intent(gateway, key, 5_000, payment_method="pm_card_visa", capture_method="manual")
    path = f"{INTENTS}/{made}"
    vendor.behave(path=f"{path}/confirm", pad_bytes=LONG)
    act(gateway, key, f"{path}/confirm")
    assert spent(gateway, key) == "50.00"
    act(gateway, key, f"{path}/capture")
    assert vendor.charged() == 5_000
    assert spent(gateway, key) == "50.00"


def test_a_confirmation_read_by_nobody_moves_its_object_to_the_key_that_sent_it(
    gateway: Gateway, vendor: Sandbox
) -> None:
    first, second = gateway.make_key(), gateway.make_key()
    made = intent(gateway, first, 5_000, payment_method="pm_card_visa")
    path = f"{INTENTS}/{made}"
    vendor.behave(path=f"{path}/confirm", pad_bytes=LONG)
    act(gateway, second, f"{path}/confirm")
    assert (spent(gateway, first), spent(gateway, second)) == ("0.00", "50.00")
    assert vendor.charged() == 5_000


@pytest.mark.parametrize("form", [{}, PIECEWISE], ids=["not confirmed", "not captured"])
def test_a_refund_of_all_that_is_left_waits_for_an_end_of_what_can_be_left(
    gateway: Gateway, vendor: Sandbox, form: dict[str, str]
) -> None:
    """Else the look-up says that little is left, and a confirmation or a capture in the same
    moment makes it all: a refund above its hold, with a cap that is full."""
    key = gateway.make_key(daily_usd_cap="50")
    made = intent(gateway, key, 5_000, **form)
    answer = gateway.call(key, "POST", "/v1/refunds", form={"payment_intent": made})
    assert (answer.status, answer.error) == (422, "amount_unreadable")
    assert answer.json()["field"] == "amount"
    named = {"payment_intent": made, "amount": 1_000}
    assert gateway.call(key, "POST", "/v1/refunds", form=named).error == "daily_cap_exceeded"
    assert vendor.stats()["refunded"] == {}


def test_a_refund_by_charge_is_no_way_around_that(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="50")
    path = f"{INTENTS}/{intent(gateway, key, 5_000, **PIECEWISE)}"
    charge_id = gateway.call(key, "GET", path).json()["latest_charge"]
    for target, form in [
        ("/v1/refunds", {"charge": charge_id}),
        (f"/v1/charges/{charge_id}/refund", {}),
        (f"/v1/charges/{charge_id}/refunds", {}),
    ]:
        answer = gateway.call(key, "POST", target, form=form)
        assert (answer.status, answer.error) == (422, "amount_unreadable"), target
    assert vendor.stats()["refunded"] == {}


def test_a_refused_update_of_anothers_intent_takes_over_no_more_than_was_held(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Stripe says no and shows the intent as it is: more than the small amount that was asked
    for, and more than the second key's cap."""
    first, second = gateway.make_key(), gateway.make_key(daily_usd_cap="10")
    path = f"{INTENTS}/{intent(gateway, first, 5_000, **PIECEWISE)}"
    answer = gateway.call(second, "POST", path, form={"amount": 500})
    assert answer.error == "daily_cap_exceeded"
    assert (spent(gateway, first), spent(gateway, second)) == ("50.00", "0.00")
    assert vendor.charged() == 0


def test_an_intent_of_somebody_else_that_this_key_lets_go_on_counts(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Made with the real key; it waits for its payer's bank account to be verified."""
    bearer = f"Bearer {STRIPE_SECRET}"
    form = {
        "amount": 5_000,
        "currency": "usd",
        "confirm": "true",
        "payment_method": "pm_usBankAccount",
        "payment_method_types[]": "us_bank_account",
        "payment_method_options[us_bank_account][verification_method]": "microdeposits",
    }
    _, _, body = vendor.request(
        "POST",
        INTENTS,
        urlencode(form).encode(),
        authorization=bearer,
        content_type="application/x-www-form-urlencoded",
    )
    made = json.loads(body)
    assert made["status"] == "requires_action", made
    path = f"{INTENTS}/{made['id']}/verify_microdeposits"
    deposits = {"descriptor_code": "SM11AA"}
    poor, rich = gateway.make_key(daily_usd_cap="10"), gateway.make_key()
    assert gateway.call(poor, "POST", path, form=deposits).error == "daily_cap_exceeded"
    assert act(gateway, rich, path, **deposits)["status"] == "processing"
    vendor.control("POST", "payer", {"payment_intent": made["id"]})
    assert (vendor.charged(), spent(gateway, rich)) == (5_000, "50.00")


def test_an_account_that_may_be_named_is_named_once(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(vendor_accounts=["acct_1"])
    form = {"amount": 100, "currency": "usd", "source": "tok_visa"}
    header = {"stripe_account": "acct_1"}
    assert gateway.call(key, "POST", "/v1/charges", form=form, **header).status == 200
    seen = vendor.stats()["seen"][-1]["headers"]
    assert [value for name, value in seen if name == "stripe-account"] == ["acct_1"]


def test_callers_who_hung_up_in_the_line_of_an_object_hold_nobody_up(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key, other = gateway.make_key(), gateway.make_key()
    path = f"{INTENTS}/{intent(gateway, key, 1_000, **PIECEWISE)}"
    vendor.behave(path=path, method="GET", hold=True)
    before = vendor.stats()["requests"]
    headers = {
        "Host": gateway.address,
        "Authorization": f"Bearer {key.secret}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    capture = request_bytes("POST", f"/stripe{path}/capture", headers, b"amount_to_capture=9")
    with gateway.wire() as first:
        first.send(capture)
        until(lambda: vendor.stats()["requests"] > before)
        for _ in range(30):
            with gateway.wire() as gone:
                gone.send(capture)
        assert gateway.record(key)["in_flight"], "asked behind them: it has heard that they left"
        vendor.calm()
        form = {"amount_to_capture": 1, "final_capture": "false"}
        assert gateway.call(other, "POST", f"{path}/capture", form=form).status in (200, 400)
        first.answer()
    looked_up_or_sent = vendor.stats()["requests"] - before
    assert looked_up_or_sent <= 4


def test_an_issuer_reaches_no_other_tenants_account(vendor: Sandbox, tmp_path: Path) -> None:
    """Its template names no account: so its keys have the default one, whatever they ask for."""
    another = '[vendors.stripe.accounts.acme]\nsecret = "env:ACME_SECRET_KEY"\n'
    env = {"ACME_SECRET_KEY": "sk_test_ofAnotherTenant"}
    endpoints = ["POST /v1/charges"]
    template = {
        "vendors": ["stripe"],
        "allowed_endpoints": endpoints,
        "daily_usd_cap_max": "50",
    }
    with Gateway.start(tmp_path, vendor.base_url, more=another, env=env) as gateway:
        body = {"daily_usd_cap": "50", "template": template}
        secret = gateway.admin("POST", "/vault/issuers", body).json()["key"]
        asked = {
            "vendor": "stripe",
            "daily_usd_cap": "50",
            "allowed_endpoints": endpoints,
            "agent_run_label": "tenant/1",
        }
        elsewhere = {**asked, "account": "acme"}
        answer = gateway.admin("POST", "/vault/keys", elsewhere, bearer=secret)
        assert (answer.status, answer.error) == (403, "policy_refused")
        record = gateway.admin("POST", "/vault/keys", asked, bearer=secret).json()
        assert record["account"] == "default"


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", ""])
def test_a_body_of_another_kind_hides_no_field_from_the_keys_rules(
    gateway: Gateway, vendor: Sandbox, kind: str
) -> None:
    """The query says what the rule wants, the body that Stripe reads after it something else."""
    key = gateway.make_key(params={"customer": {"equals": "cus_1"}})
    headers = {"Host": gateway.address, "Authorization": f"Bearer {key.secret}"}
    if kind:
        headers["Content-Type"] = kind
    target = "/stripe/v1/setup_intents?customer=cus_1"
    before = vendor.stats()["requests"]
    with gateway.wire() as wire:
        wire.send(request_bytes("POST", target, headers, b"customer=cus_2"))
        assert wire.answer().error == "media_type_unsupported"
    assert vendor.stats()["requests"] == before


def test_a_delete_that_costs_is_held_each_time_it_is_sent(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Stripe's v1 looks at no Idempotency-Key there: each one that arrives is carried out."""
    entry = "DELETE /v1/nobody/knows/*"
    key = gateway.make_key(daily_usd_cap="5", allow_unpriced={entry: "2"})
    path = "/v1/nobody/knows/it"
    vendor.behave(path=path, status=200, body='{"object":"thing"}', count=None)
    answers = [gateway.call(key, "DELETE", path, idempotency_key="again") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert spent(gateway, key) == "4.00"
