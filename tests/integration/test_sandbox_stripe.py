"""The official SDK, unmodified, against the sandbox: what it believes of Stripe holds here.

And raw requests for what no SDK would send. If these fail, no test that stands on the sandbox means
anything.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe

from bench.sandbox.launch import Sandbox
from tests.speaker import Meanwhile, until

KEY = "sk_test_sandboxtests"
PAY = {"amount": "1200", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"}


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[stripe.StripeClient]:
    http_client: Any = stripe.RequestsClient()
    base = sandbox.base_url
    yield stripe.StripeClient(
        KEY, base_addresses={"api": base, "files": base}, http_client=http_client
    )
    http_client.close()


def post(
    sandbox: Sandbox, path: str, form: Any = None, **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """One form POST with the test key."""
    body = urlencode(form or {}).encode()
    headers = {"authorization": f"Bearer {KEY}", **headers}
    if body:
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
    status, heads, content = sandbox.request("POST", path, body, **headers)
    return status, heads, json.loads(content)


def get(sandbox: Sandbox, path: str) -> dict[str, Any]:
    content = sandbox.request("GET", path, authorization=f"Bearer {KEY}")[2]
    answer: dict[str, Any] = json.loads(content)
    return answer


def create(sandbox: Sandbox, **form: str) -> dict[str, Any]:
    status, _, intent = post(sandbox, "/v1/payment_intents", {**PAY, **form})
    assert status == 200, intent
    return intent


def headers_of(answer: Any) -> Any:
    """The HTTP headers behind an object of the SDK."""
    return answer.last_response.headers


# The SDK.


def test_create_and_confirm(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 2000, "currency": "usd", "metadata": {"order": "7"}}
    )
    assert intent.status == "requires_payment_method"
    assert intent.metadata["order"] == "7"
    done = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (done.status, done.amount_received) == ("succeeded", 2000)
    assert headers_of(done)["request-id"].startswith("req_")
    assert sandbox.charged() == 2000


def test_manual_capture_in_part(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    held = client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "usd",
            "confirm": True,
            "capture_method": "manual",
            "payment_method": "pm_card_visa",
        }
    )
    assert (held.status, held.amount_capturable, sandbox.charged()) == ("requires_capture", 5000, 0)
    done = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 1500, 0)
    assert sandbox.charged() == 1500


def test_cancel_frees_a_hold(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    held = create(sandbox, capture_method="manual")
    gone = client.v1.payment_intents.cancel(held["id"], {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.amount_capturable) == ("canceled", 0)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.confirm(held["id"])
    assert caught.value.code == "payment_intent_unexpected_state"
    assert sandbox.stats()["charged"] == {}


def test_refund_in_parts_then_too_much(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = create(sandbox)
    first = client.v1.refunds.create({"payment_intent": intent["id"], "amount": 200})
    assert (first.status, first.amount, first.charge) == ("succeeded", 200, intent["latest_charge"])
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"charge": intent["latest_charge"], "amount": 1001})
    assert client.v1.refunds.create({"charge": intent["latest_charge"]}).amount == 1000
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": intent["latest_charge"]})
    assert caught.value.code == "charge_already_refunded"
    assert sandbox.stats()["refunded"] == {"usd": 1200}


def test_expand_reaches_two_levels(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = create(sandbox, capture_method="automatic", customer="cus_1")
    seen = client.v1.payment_intents.retrieve(
        intent["id"], {"expand": ["latest_charge.balance_transaction", "customer"]}
    )
    charge: Any = seen.latest_charge
    assert charge.amount_captured == 1200
    assert (charge.balance_transaction.amount, charge.balance_transaction.fee) == (1200, 65)
    customer: Any = seen.customer
    assert customer.object == "customer"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.payment_intents.create({"amount": 100, "currency": "usd", "expand": ["nonsense"]})
    assert sandbox.charged() == 1200


def test_auto_pagination_finds_all_newest_first(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    made = [create(sandbox, amount=str(1000 + n))["amount"] for n in range(25)]
    pages = client.v1.payment_intents.list({"limit": 10})
    assert pages.has_more
    assert [intent.amount for intent in pages.auto_paging_iter()] == made[::-1]


def test_idempotent_retry_replays(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    params: Any = {**PAY, "confirm": True}
    first = client.v1.payment_intents.create(params, {"idempotency_key": "order-1"})
    again = client.v1.payment_intents.create(params, {"idempotency_key": "order-1"})
    assert again.id == first.id
    headers = headers_of(again)
    assert headers["idempotent-replayed"] == "true"
    assert headers["original-request"] == headers_of(first)["request-id"]
    params = {**params, "amount": 1}
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create(params, {"idempotency_key": "order-1"})
    assert sandbox.charged() == 1200


def test_decline_is_a_card_error_with_the_intent(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    params: Any = {**PAY, "confirm": True, "payment_method": "pm_card_visa_chargeDeclined"}
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.create(params)
    error: Any = caught.value.error
    assert (error.code, error.decline_code) == ("card_declined", "generic_decline")
    assert error.payment_intent.status == "requires_payment_method"
    done = client.v1.payment_intents.confirm(
        error.payment_intent.id, {"payment_method": "pm_card_visa"}
    )
    assert done.status == "succeeded"


def test_wrong_requests_raise_the_sdks_own_errors(client: stripe.StripeClient) -> None:
    without_currency: Any = {"amount": 2000}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.create(without_currency)
    assert (caught.value.code, caught.value.param) == ("parameter_missing", "currency")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.create({"amount": 49, "currency": "usd"})
    assert caught.value.code == "amount_too_small"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.charges.retrieve("ch_nowhere")
    assert caught.value.http_status == 404


def test_customers_and_their_payment_methods(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "a@example.com", "source": "tok_visa"})
    method = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    assert method.customer == customer.id
    listed = client.v1.payment_methods.list({"customer": customer.id})
    assert [m.id for m in listed.data] == [method.id]
    client.v1.customers.update(customer.id, {"metadata": {"a": "1", "b": "2"}})
    changed = client.v1.customers.update(customer.id, {"metadata": {"a": ""}, "name": "Jo"})
    kept: Any = changed.metadata
    assert (kept.to_dict(), changed.name) == ({"b": "2"}, "Jo")
    assert [c.id for c in client.v1.customers.search({"query": "name:'jo'"}).data] == [customer.id]
    charge = client.v1.charges.create({"amount": 700, "currency": "eur", "customer": customer.id})
    assert (charge.paid, charge.customer) == (True, customer.id)
    assert client.v1.customers.delete(customer.id).deleted
    assert customer.id not in [c.id for c in client.v1.customers.list().data]


def test_events_name_the_idempotency_key(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    params: Any = {**PAY, "confirm": True}
    client.v1.payment_intents.create(params, {"idempotency_key": "find-me"})
    events = client.v1.events.list().data
    kinds = ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]
    assert [event.type for event in events] == kinds
    request: Any = events[0].request
    assert request.idempotency_key == "find-me"
    only = client.v1.events.list({"types": ["charge.*"]}).data
    assert [event.data.object["object"] for event in only] == ["charge"]


def test_upload_is_counted_not_kept(client: stripe.StripeClient, tmp_path: Any) -> None:
    path = tmp_path / "evidence.bin"
    path.write_bytes(b"\r\n--x" * 200_000)
    with path.open("rb") as stream:
        made = client.v1.files.create({"purpose": "dispute_evidence", "file": stream})
    assert (made.size, made.filename, made.purpose) == (
        1_000_000, "evidence.bin", "dispute_evidence",
    )  # fmt: skip
    assert client.v1.files.retrieve(made.id).size == 1_000_000


# What payers and banks do.


def test_authentication_waits_for_the_payer(sandbox: Sandbox) -> None:
    intent = create(sandbox, payment_method="pm_card_authenticationRequired")
    assert intent["status"] == "requires_action"
    assert sandbox.charged() == 0
    sandbox.control("POST", "payer", {"payment_intent": intent["id"]})
    assert get(sandbox, f"/v1/payment_intents/{intent['id']}")["status"] == "succeeded"
    assert sandbox.charged() == 1200


def test_authentication_off_session_is_a_decline(sandbox: Sandbox) -> None:
    form = {**PAY, "payment_method": "pm_card_authenticationRequired", "off_session": "true"}
    status, _, answer = post(sandbox, "/v1/payment_intents", form)
    assert (status, answer["error"]["code"]) == (402, "authentication_required")


@pytest.mark.parametrize(("succeeds", "charged"), [(True, 1200), (False, 0)])
def test_a_bank_debit_ends_later(sandbox: Sandbox, succeeds: bool, charged: int) -> None:
    intent = create(sandbox, payment_method="pm_usBankAccount")
    assert (intent["status"], sandbox.charged()) == ("processing", 0)
    sandbox.control("POST", "payer", {"payment_intent": intent["id"], "succeeds": succeeds})
    assert sandbox.charged() == charged


def test_microdeposits_then_processing(sandbox: Sandbox) -> None:
    option = {"payment_method_options[us_bank_account][verification_method]": "microdeposits"}
    intent = create(sandbox, payment_method="pm_usBankAccount", **option)
    assert intent["next_action"]["type"] == "verify_with_microdeposits"
    path = f"/v1/payment_intents/{intent['id']}/verify_microdeposits"
    assert post(sandbox, path, {"amounts[]": "1"})[0] == 400
    verified = post(sandbox, path, [("amounts[]", "32"), ("amounts[]", "45")])[2]
    assert verified["status"] == "processing"


def test_an_unconfirmed_intent_can_be_paid_from_outside(sandbox: Sandbox) -> None:
    intent = post(sandbox, "/v1/payment_intents", {"amount": "900", "currency": "usd"})[2]
    data = {"payment_intent": intent["id"], "payment_method": "pm_card_visa"}
    assert sandbox.control("POST", "payer", data)["status"] == "succeeded"


def test_increments_and_several_captures(sandbox: Sandbox) -> None:
    card = "payment_method_options[card]"
    options = {
        f"{card}[request_incremental_authorization]": "if_available",
        f"{card}[request_multicapture]": "if_available",
    }
    held = create(sandbox, capture_method="manual", **options)
    path = f"/v1/payment_intents/{held['id']}"
    raised = post(sandbox, f"{path}/increment_authorization", {"amount": "2000"})[2]
    assert (raised["amount"], raised["amount_capturable"]) == (2000, 2000)
    partly = {"amount_to_capture": "500", "final_capture": "false"}
    first = post(sandbox, f"{path}/capture", partly)[2]
    assert (first["status"], first["amount_capturable"]) == ("requires_capture", 1500)
    last = post(sandbox, f"{path}/capture", {"amount_to_capture": "700"})[2]
    assert (last["status"], last["amount_received"]) == ("succeeded", 1200)
    assert sandbox.charged() == 1200


def test_features_that_were_not_asked_for_are_refused(sandbox: Sandbox) -> None:
    held = create(sandbox, capture_method="manual")
    path = f"/v1/payment_intents/{held['id']}"
    assert post(sandbox, f"{path}/increment_authorization", {"amount": "2000"})[0] == 400
    assert post(sandbox, f"{path}/capture", {"final_capture": "false"})[0] == 400
    status, _, answer = post(sandbox, f"{path}/capture", {"amount_to_capture": "1201"})
    assert (status, answer["error"]["code"]) == (400, "amount_too_large")
    assert sandbox.charged() == 0


def test_overcapture_up_to_its_ceiling(sandbox: Sandbox) -> None:
    option = {"payment_method_options[card][request_overcapture]": "if_available"}
    held = create(sandbox, capture_method="manual", **option)
    path = f"/v1/payment_intents/{held['id']}/capture"
    assert post(sandbox, path, {"amount_to_capture": "1381"})[0] == 400
    done = post(sandbox, path, {"amount_to_capture": "1380"})[2]
    assert (done["amount_received"], sandbox.charged()) == (1380, 1380)


def test_customer_balance_pays_in_parts(sandbox: Sandbox) -> None:
    fund = {"amount": "1000", "currency": "usd"}
    post(sandbox, "/v1/test_helpers/customers/cus_1/fund_cash_balance", fund)
    form = {"amount": "1500", "currency": "usd", "customer": "cus_1"}
    intent = post(sandbox, "/v1/payment_intents", form)[2]
    path = f"/v1/payment_intents/{intent['id']}/apply_customer_balance"
    assert post(sandbox, path)[2]["amount_received"] == 1000
    assert post(sandbox, path)[0] == 400
    post(sandbox, "/v1/test_helpers/customers/cus_1/fund_cash_balance", fund)
    assert post(sandbox, path, {"amount": "500"})[2]["status"] == "succeeded"
    refund = {"origin": "customer_balance", "customer": "cus_1", "currency": "usd", "amount": "500"}
    assert post(sandbox, "/v1/refunds", refund)[2]["status"] == "succeeded"
    stats = sandbox.stats()
    assert (stats["charged"], stats["refunded"]) == ({"usd": 1500}, {"usd": 500})


def test_what_a_balance_paid_is_not_charged_again(sandbox: Sandbox) -> None:
    fund = {"amount": "1000", "currency": "usd"}
    post(sandbox, "/v1/test_helpers/customers/cus_1/fund_cash_balance", fund)
    form = {"amount": "1500", "currency": "usd", "customer": "cus_1"}
    path = f"/v1/payment_intents/{post(sandbox, '/v1/payment_intents', form)[2]['id']}"
    post(sandbox, f"{path}/apply_customer_balance")
    assert post(sandbox, path, {"amount": "1000"})[0] == 400
    paid = post(sandbox, f"{path}/confirm", {"payment_method": "pm_card_visa"})[2]
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 1500)
    assert sandbox.charged() == 1500


def test_a_refund_that_fails_at_once_moves_nothing(sandbox: Sandbox) -> None:
    intent = create(sandbox, payment_method="pm_card_refundFail")
    refund = post(sandbox, "/v1/refunds", {"payment_intent": intent["id"]})[2]
    assert (refund["status"], sandbox.stats()["refunded"]) == ("failed", {})
    with pytest.raises(ValueError, match="for good"):
        sandbox.control("POST", "refund", {"refund": refund["id"], "status": "succeeded"})


def test_legacy_charge_with_capture_and_twins(sandbox: Sandbox) -> None:
    form = {"amount": "1000", "currency": "usd", "source": "tok_visa", "capture": "false"}
    held = post(sandbox, "/v1/charges", form)[2]
    path = f"/v1/charges/{held['id']}"
    assert (held["captured"], sandbox.charged()) == (False, 0)
    assert post(sandbox, f"{path}/capture", {"amount": "600"})[2]["amount_captured"] == 600
    assert post(sandbox, f"{path}/capture")[2]["error"]["code"] == "charge_already_captured"
    assert post(sandbox, f"{path}/refund", {"amount": "100"})[2]["amount_refunded"] == 100
    refund = post(sandbox, f"{path}/refunds")[2]
    assert (refund["object"], refund["amount"]) == ("refund", 500)
    assert len(get(sandbox, f"{path}/refunds")["data"]) == 2
    assert get(sandbox, f"{path}/refunds/{refund['id']}")["id"] == refund["id"]
    assert get(sandbox, path)["balance_transaction"].startswith("txn_")


def test_legacy_decline_names_its_charge(sandbox: Sandbox) -> None:
    form = {"amount": "1000", "currency": "usd", "source": "tok_chargeDeclined"}
    status, _, answer = post(sandbox, "/v1/charges", form)
    assert (status, answer["error"]["type"]) == (402, "card_error")
    assert get(sandbox, f"/v1/charges/{answer['error']['charge']}")["status"] == "failed"


def test_a_refund_that_fails_later_gives_the_charge_back(sandbox: Sandbox) -> None:
    intent = create(sandbox)
    refund = post(sandbox, "/v1/refunds", {"payment_intent": intent["id"]})[2]
    sandbox.control("POST", "refund", {"refund": refund["id"], "status": "failed"})
    assert get(sandbox, f"/v1/refunds/{refund['id']}")["status"] == "failed"
    assert get(sandbox, f"/v1/charges/{intent['latest_charge']}")["amount_refunded"] == 0
    pending = create(sandbox, payment_method="pm_card_pendingRefund")
    refund = post(sandbox, "/v1/refunds", {"payment_intent": pending["id"]})[2]
    assert refund["status"] == "pending"
    assert post(sandbox, f"/v1/refunds/{refund['id']}/cancel")[2]["status"] == "canceled"


# How parameters are read.


def test_the_last_of_two_wins_and_the_body_beats_the_query(sandbox: Sandbox) -> None:
    form = [("amount", "1"), ("amount", "900"), ("currency", "usd")]
    assert post(sandbox, "/v1/payment_intents", form)[2]["amount"] == 900
    path = "/v1/payment_intents?amount=1099&currency=eur"
    assert post(sandbox, path)[2]["amount"] == 1099
    assert post(sandbox, path, {"%61mount": "5"})[2]["error"]["code"] == "parameter_unknown"
    assert post(sandbox, path, {"amount": "800"})[2]["amount"] == 800


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"amount": "12.5"}, "parameter_invalid_integer"),
        ({"amount": "1_000"}, "parameter_invalid_integer"),
        ({"amount[]": "900"}, "parameter_invalid_integer"),
        ({"amount": ""}, "parameter_invalid_empty"),
        ({"amount": "-5"}, "parameter_invalid_integer"),
        ({"currency": "xxx"}, None),
        ({"amont": "1"}, "parameter_unknown"),
        ({"customer": "cus_nobody"}, "resource_missing"),
        ({"payment_method": "pm_nobody"}, "resource_missing"),
        ({"currency": "kwd", "amount": "1001"}, None),
        ({"confirm": "1"}, None),
    ],
)
def test_wrong_parameters(sandbox: Sandbox, form: dict[str, str], code: str | None) -> None:
    form = {**PAY, **form}
    if "amount[]" in form:
        del form["amount"]
    status, _, answer = post(sandbox, "/v1/payment_intents", form)
    assert (status, answer["error"].get("code")) == (400, code)
    assert answer["error"]["type"] == "invalid_request_error"
    assert sandbox.stats()["charged"] == {}


def test_json_and_other_bodies_are_refused(sandbox: Sandbox) -> None:
    auth = {"authorization": f"Bearer {KEY}"}
    body = b'{"amount": 1200, "currency": "usd"}'
    for media, words in (
        ("application/json", "check that your POST content type"),
        ("text/plain", "unsupported Content-Type text/plain"),
    ):
        answer = sandbox.request(
            "POST", "/v1/payment_intents", body, **auth, **{"content-type": media}
        )
        assert answer[0] == 400
        assert words in json.loads(answer[2])["error"]["message"]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (f"Bearer {KEY}", 200),
        (f"Basic {KEY}", 200),
        ("Basic c2tfdGVzdF9zYW5kYm94dGVzdHM6", 200),
        ("Bearer vault_key_x", 401),
        ("Basic !!!", 401),
        ("", 401),
    ],
)
def test_three_ways_to_show_a_key(sandbox: Sandbox, value: str, status: int) -> None:
    assert sandbox.request("GET", "/v1/balance", authorization=value)[0] == status


def test_a_live_key_has_live_objects_of_its_own(sandbox: Sandbox) -> None:
    create(sandbox)
    body = urlencode(PAY).encode()
    head = {
        "authorization": "Bearer sk_live_other",
        "content-type": "application/x-www-form-urlencoded",
    }
    made = json.loads(sandbox.request("POST", "/v1/payment_intents", body, **head)[2])
    assert made["livemode"] is True
    listed = sandbox.request("GET", "/v1/payment_intents", authorization="Bearer sk_live_other")
    assert [i["id"] for i in json.loads(listed[2])["data"]] == [made["id"]]
    assert len(sandbox.state()["accounts"]) == 2


# Idempotency.


def test_a_decline_is_replayed_and_a_bad_parameter_is_not(sandbox: Sandbox) -> None:
    declined = {**PAY, "payment_method": "pm_card_chargeDeclined"}
    first = post(sandbox, "/v1/payment_intents", declined, idempotency_key="d")
    again = post(sandbox, "/v1/payment_intents", declined, idempotency_key="d")
    assert (again[0], again[2]) == (402, first[2])
    assert again[1]["idempotent-replayed"] == "true"
    assert post(sandbox, "/v1/payment_intents", {"amount": "x"}, idempotency_key="v")[0] == 400
    assert post(sandbox, "/v1/payment_intents", PAY, idempotency_key="v")[0] == 200


def test_a_key_in_use_is_a_conflict(sandbox: Sandbox) -> None:
    sandbox.behave(path="/v1/payment_intents", hold=True)

    def pay() -> tuple[int, dict[str, str], dict[str, Any]]:
        return post(sandbox, "/v1/payment_intents", PAY, idempotency_key="same")

    first = Meanwhile(pay)
    until(lambda: sandbox.state()["faults"][0]["played"])
    status, _, told = pay()
    assert (status, told["error"]["code"]) == (409, "idempotency_key_in_use")
    sandbox.calm()
    assert first.result()[0] == 200
    assert sandbox.charged() == 1200


# Faults.


def raw(sandbox: Sandbox, request: bytes) -> bytes:
    """All bytes that come back on one connection until it ends."""
    host, _, port = sandbox.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def pay_bytes(key: str = "k") -> bytes:
    body = urlencode(PAY).encode()
    return (
        b"POST /v1/payment_intents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nIdempotency-Key: %b\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (KEY.encode(), key.encode(), len(body), body)
    )


@pytest.mark.parametrize(
    ("fault", "charged"),
    [
        ({"drop": True}, 1200),
        ({"drop_before_executing": True}, 0),
        ({"half_head": True}, 1200),
        ({"half_body": True}, 1200),
        ({"status": 500, "execute": True}, 1200),
        ({"status": 500}, 0),
        ({"status": 429}, 0),
    ],
)
def test_what_a_fault_leaves_charged(sandbox: Sandbox, fault: dict[str, Any], charged: int) -> None:
    sandbox.behave(path="/v1/payment_intents", **fault)
    answer = raw(sandbox, pay_bytes())
    assert (b'"object":"payment_intent"' in answer) is ("half_body" in fault)
    assert sandbox.charged() == charged


def test_a_stored_500_is_replayed_and_a_429_is_not(sandbox: Sandbox) -> None:
    sandbox.behave(path="/v1/payment_intents", status=500)
    assert post(sandbox, "/v1/payment_intents", PAY, idempotency_key="a")[0] == 500
    again = post(sandbox, "/v1/payment_intents", PAY, idempotency_key="a")
    assert (again[0], again[1]["idempotent-replayed"]) == (500, "true")
    sandbox.behave(path="/v1/payment_intents", status=429)
    assert post(sandbox, "/v1/payment_intents", PAY, idempotency_key="b")[0] == 429
    assert post(sandbox, "/v1/payment_intents", PAY, idempotency_key="b")[0] == 200


def test_a_rule_skips_counts_and_ends(sandbox: Sandbox) -> None:
    sandbox.behave(path="/v1/*", method="POST", status=409, after=1, count=2)
    statuses = [post(sandbox, "/v1/customers")[0] for _ in range(4)]
    assert statuses == [200, 409, 409, 200]
    with pytest.raises(ValueError, match="latencyms"):
        sandbox.behave(latencyms=3)
    sandbox.behave(status=500, count=None)
    sandbox.calm()
    assert post(sandbox, "/v1/customers")[0] == 200


def test_answers_are_bent(sandbox: Sandbox) -> None:
    sandbox.behave(path="/v1/balance", pad_bytes=50_000)
    assert len(get(sandbox, "/v1/balance")["padding"]) == 50_000
    sandbox.behave(path="/v1/balance", chunked=True)
    assert get(sandbox, "/v1/balance")["object"] == "balance"
    sandbox.behave(path="/v1/balance", gzip=True)
    auth = f"Bearer {KEY}"
    gzipped = sandbox.request("GET", "/v1/balance", authorization=auth)
    assert (gzipped[1]["content-encoding"], gzipped[2][:2]) == ("gzip", b"\x1f\x8b")
    sandbox.behave(path="/v1/balance", redirect="http://elsewhere.example/")
    moved = sandbox.request("GET", "/v1/balance", authorization=auth)
    assert (moved[0], moved[1]["location"]) == (302, "http://elsewhere.example/")
    sandbox.behave(path="/v1/balance", echo=True, headers={"X-More": "<{authorization}>"})
    echoed = sandbox.request("GET", "/v1/balance", authorization=auth)
    assert (echoed[1]["x-more"], KEY.encode() in echoed[2]) == (f"<{auth}>", True)


def test_leftover_bytes_and_raw_nonsense(sandbox: Sandbox) -> None:
    sandbox.behave(path="/v1/payment_intents", leftover=True)
    assert raw(sandbox, pay_bytes()).count(b"HTTP/1.1 200 OK") == 2
    sandbox.behave(path="/v1/payment_intents", raw="HTTP/1.1 200 OK\r\nbroken")
    assert raw(sandbox, pay_bytes()) == b"HTTP/1.1 200 OK\r\nbroken"
    sandbox.behave(path="/v1/payment_intents", interim=2)
    assert raw(sandbox, pay_bytes()).count(b"HTTP/1.1 103") == 2


# The connection itself.


def test_pipelined_requests_are_answered_in_order(sandbox: Sandbox) -> None:
    sandbox.behave(path="/v1/payment_intents", answer_latency_ms=50)
    answer = raw(sandbox, pay_bytes("one") + pay_bytes("two"))
    first, second = answer.index(b"Idempotency-Key: one"), answer.index(b"Idempotency-Key: two")
    assert first < second
    assert sandbox.charged() == 2400


def test_chunked_bodies_and_expectations(sandbox: Sandbox) -> None:
    head = pay_bytes().partition(b"Content-Length")[0]
    body = urlencode(PAY).encode()
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    assert raw(sandbox, chunked).startswith(b"HTTP/1.1 200 OK")
    assert raw(sandbox, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    head_only = raw(sandbox, b"HEAD /v1/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                    + KEY.encode() + b"\r\n\r\n")  # fmt: skip
    assert head_only.endswith(b"\r\n\r\n")


def test_a_long_download_streams(sandbox: Sandbox) -> None:
    path = "/v1/files/file_any/contents?size=20000000"
    status, headers, content = sandbox.request("GET", path, authorization=f"Bearer {KEY}")
    assert (status, headers["content-length"], len(content)) == (200, "20000000", 20_000_000)


def test_what_was_seen_is_told(sandbox: Sandbox) -> None:
    post(sandbox, "/v1/customers", {"name": "Jo"}, idempotency_key="k1")
    stats = sandbox.stats()
    seen = stats["seen"][0]
    assert (stats["requests"], stats["posts"]) == (1, {"/v1/customers": 1})
    assert (seen["path"], seen["body"]) == ("/v1/customers", "name=Jo")
    assert ["idempotency-key", "k1"] in seen["headers"]


def test_unknown_urls(sandbox: Sandbox) -> None:
    for path in ("/v1/nonsense", "/v1/", "/v1/charges/", "/v1/payment_intents/x/y", "/v3/charges"):
        status, _, answer = post(sandbox, path)
        assert (status, answer["error"]["type"]) == (404, "invalid_request_error"), path


def test_a_secret_of_its_own_and_a_money_log(tmp_path: Any) -> None:
    log = tmp_path / "money.log"
    with Sandbox.start("stripe", "--secret", KEY, "--state-file", str(log)) as sandbox:
        create(sandbox)
        assert sandbox.request("GET", "/v1/balance", authorization="Bearer sk_test_x")[0] == 401
        line = json.loads(log.read_text())
        assert (line["kind"], line["amount"], line["currency"]) == ("charge", 1200, "usd")


def test_memory_is_bounded(tmp_path: Any) -> None:
    with Sandbox.start("stripe", "--forget-after", "3") as sandbox:
        for _ in range(5):
            create(sandbox)
        assert len(get(sandbox, "/v1/payment_intents")["data"]) == 3
        assert sandbox.charged() == 6000
