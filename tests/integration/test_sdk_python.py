"""stripe-python, unmodified, through the gateway: what works without it works the same with it.

A caller changes the base addresses and the key, and nothing else. At the cap, for a wrong key and
for an endpoint that is not on the list, the SDK raises its own errors with our codes in them, and
does not try again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from bench.sandbox.launch import Sandbox
from tests.house import STRIPE_SECRET, Gateway, VaultKey

PAY: Any = {
    "amount": 1200,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": True,
}
Connect = Callable[..., stripe.StripeClient]


@pytest.fixture
def connect(gateway: Gateway, vendor: Sandbox) -> Iterator[Connect]:
    """A client for a key of the gateway's, or with direct=True one that bypasses it."""
    http_clients: list[Any] = []

    def made(key: VaultKey | str, *, direct: bool = False, **options: Any) -> stripe.StripeClient:
        http_client: Any = stripe.RequestsClient()
        http_clients.append(http_client)
        base = vendor.base_url if direct else f"http://{gateway.address}/stripe"
        return stripe.StripeClient(
            key.secret if isinstance(key, VaultKey) else key,
            base_addresses={
                "api": base,
                "files": f"{base}/files",
                "connect": f"{base}/connect",
                "meter_events": f"{base}/meter-events",
            },
            http_client=http_client,
            **options,
        )

    yield made
    for http_client in http_clients:
        http_client.close()


@pytest.fixture
def key(gateway: Gateway) -> VaultKey:
    return gateway.make_key()


@pytest.fixture
def client(connect: Connect, key: VaultKey) -> stripe.StripeClient:
    return connect(key)


def spent(gateway: Gateway, key: VaultKey) -> str:
    told: str = gateway.record(key)["spent_usd"]
    return told


def calls(gateway: Gateway) -> list[dict[str, Any]]:
    """The audit log, oldest first."""
    rows: list[dict[str, Any]] = gateway.ask("/vault/calls?limit=100")["data"]
    return rows[::-1]


def code_of(raised: stripe.StripeError) -> str | None:
    assert raised.error is not None, raised
    return raised.error.code


def headers_of(answer: Any) -> Any:
    return answer.last_response.headers


# -- what money does -------------------------------------------------------------------------------


def test_create_update_confirm(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey, vendor: Sandbox
) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 1200, "currency": "usd", "metadata": {"order": "7", "for & by": "a=b"}}
    )
    assert (intent.status, intent.metadata["for & by"]) == ("requires_payment_method", "a=b")
    assert headers_of(intent)["keybrake-cost-usd"] == "12.00"
    client.v1.payment_intents.update(intent.id, {"amount": 1500, "description": "dearer"})
    done = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (done.status, done.amount_received, done.description) == ("succeeded", 1500, "dearer")
    assert (spent(gateway, key), vendor.charged()) == ("15.00", 1500)


def test_hold_capture_cancel(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey, vendor: Sandbox
) -> None:
    params: Any = {**PAY, "capture_method": "manual"}
    held = [client.v1.payment_intents.create(params) for _ in range(2)]
    assert spent(gateway, key) == "24.00"
    done = client.v1.payment_intents.capture(held[0].id, {"amount_to_capture": 700})
    gone = client.v1.payment_intents.cancel(held[1].id, {"cancellation_reason": "abandoned"})
    assert (done.amount_received, gone.status) == (700, "canceled")
    assert (spent(gateway, key), vendor.charged()) == ("7.00", 700)


def test_refund_in_parts(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey, vendor: Sandbox
) -> None:
    intent = client.v1.payment_intents.create(PAY)
    part = client.v1.refunds.create({"payment_intent": intent.id, "amount": 200})
    assert (part.status, part.amount) == ("succeeded", 200)
    assert client.v1.refunds.create({"charge": str(intent.latest_charge)}).amount == 1000
    assert spent(gateway, key) == "24.00"
    assert vendor.stats()["refunded"] == {"usd": 1200}


def test_a_legacy_charge(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey, vendor: Sandbox
) -> None:
    charge = client.v1.charges.create(
        {"amount": 900, "currency": "usd", "source": "tok_visa", "capture": False}
    )
    assert client.v1.charges.capture(charge.id).amount_captured == 900
    assert (spent(gateway, key), vendor.charged()) == ("9.00", 900)


def test_the_global_style_of_the_sdk(
    gateway: Gateway, key: VaultKey, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    http_client: Any = stripe.RequestsClient()
    monkeypatch.setattr(stripe, "api_key", key.secret)
    monkeypatch.setattr(stripe, "api_base", f"http://{gateway.address}/stripe")
    monkeypatch.setattr(stripe, "default_http_client", http_client)
    intent = stripe.PaymentIntent.create(**PAY)
    assert stripe.PaymentIntent.retrieve(intent.id).amount_received == 1200
    http_client.close()
    assert (spent(gateway, key), vendor.charged()) == ("12.00", 1200)


# -- what costs nothing ----------------------------------------------------------------------------


def test_retrieve_expand_list_and_page(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey
) -> None:
    customer = client.v1.customers.create({"name": "Jo Häberle", "metadata": {"n": "1"}})
    params: Any = {**PAY, "customer": customer.id, "expand": ["customer"]}
    made = []
    for n in range(12):
        params["amount"] = 100 + n
        made.append(client.v1.payment_intents.create(params))
    first: Any = made[0].customer
    assert first.name == "Jo Häberle"
    seen = client.v1.payment_intents.retrieve(made[0].id, {"expand": ["latest_charge"]})
    charge: Any = seen.latest_charge
    assert charge.amount_captured == 100
    page = client.v1.payment_intents.list({"limit": 5, "customer": customer.id})
    assert (len(page.data), page.has_more) == (5, True)
    assert [i.amount for i in page.auto_paging_iter()] == [i.amount for i in made[::-1]]
    assert client.v1.customers.delete(customer.id).deleted
    assert spent(gateway, key) == "12.66"
    free = [row for row in calls(gateway) if row["method"] == "GET"]
    assert {(row["cost_usd"], row["decision"]) for row in free} == {("0.00", "allowed")}


def test_an_upload_needs_its_place_on_the_list(
    connect: Connect, gateway: Gateway, vendor: Sandbox
) -> None:
    content = b"%PDF-1.4 " + bytes(range(256)) * 1000
    bill = io.BytesIO(content)
    bill.name = "bill.pdf"
    params: Any = {"purpose": "dispute_evidence", "file": bill}
    without = connect(gateway.make_key(allowed_endpoints=["POST /v1/**"]))
    with pytest.raises(stripe.PermissionError) as caught:
        without.v1.files.create(params)
    assert code_of(caught.value) == "endpoint_not_allowed"
    assert vendor.stats()["requests"] == 0
    listed = connect(gateway.make_key(allowed_endpoints=["POST /files/v1/files"]))
    bill.seek(0)
    file = listed.v1.files.create(params)
    assert (file.size, file.filename, file.purpose) == (
        len(content),
        "bill.pdf",
        "dispute_evidence",
    )
    assert vendor.stats()["posts"] == {"/files/v1/files": 1}


# -- the same call again ---------------------------------------------------------------------------


def test_a_retry_with_a_key_of_its_own(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey, vendor: Sandbox
) -> None:
    first = client.v1.payment_intents.create(PAY, {"idempotency_key": "order-1"})
    again = client.v1.payment_intents.create(PAY, {"idempotency_key": "order-1"})
    assert again.id == first.id
    assert headers_of(again)["idempotent-replayed"] == "true"
    assert again.last_response is not None
    assert again.last_response.idempotency_key == "order-1"
    other: Any = {**PAY, "amount": 1}
    with pytest.raises(stripe.APIError) as caught:
        client.v1.payment_intents.create(other, {"idempotency_key": "order-1"})
    assert (caught.value.http_status, code_of(caught.value)) == (409, "idempotency_conflict")
    assert (spent(gateway, key), vendor.charged()) == ("12.00", 1200)


def test_the_sdks_own_keys_keep_calls_apart(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey, vendor: Sandbox
) -> None:
    """It puts a random one on every POST."""
    for _ in range(2):
        intent = client.v1.payment_intents.create(PAY)
        assert headers_of(intent)["idempotency-key"]
    assert (spent(gateway, key), vendor.charged()) == ("24.00", 2400)


@pytest.mark.parametrize("fault", [{"drop": True}, {"drop_before_executing": True}])
def test_the_sdks_own_retries_end_in_one_charge(
    connect: Connect, gateway: Gateway, key: VaultKey, vendor: Sandbox, fault: dict[str, bool]
) -> None:
    vendor.behave(path="/v1/payment_intents", **fault)
    client = connect(key, max_network_retries=2)
    assert client.v1.payment_intents.create(PAY).status == "succeeded"
    assert (spent(gateway, key), vendor.charged()) == ("12.00", 1200)
    assert gateway.record(key)["in_doubt_usd"] == "0.00"
    assert [row["status"] for row in calls(gateway)] == [502, 200]


# -- when the answer is no -------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 3])
def test_at_the_cap_it_raises_its_rate_limit_error_and_stops(
    connect: Connect, gateway: Gateway, vendor: Sandbox, retries: int
) -> None:
    key = gateway.make_key(daily_usd_cap="20")
    client = connect(key, max_network_retries=retries)
    client.v1.payment_intents.create(PAY)
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.payment_intents.create(PAY)
    raised: Any = caught.value
    assert (raised.http_status, raised.error.code) == (429, "daily_cap_exceeded")
    assert raised.json_body["error"]["remaining_usd"] == "8.00"
    assert raised.json_body["error"]["blocked_by"] == "key_daily"
    assert "Stripe-Should-Retry" in raised.headers or "stripe-should-retry" in raised.headers
    assert [row["code"] for row in calls(gateway)] == [None, "daily_cap_exceeded"]
    assert calls(gateway)[-1]["id"] == raised.json_body["call_id"] == raised.request_id
    assert (spent(gateway, key), vendor.charged()) == ("12.00", 1200)


def test_every_cap_is_a_rate_limit_error(connect: Connect, gateway: Gateway) -> None:
    """block_status 402 would read as a declined card, so an SDK gets 429 all the same."""
    for terms, code in (
        ({"total_usd_cap": "11.99"}, "total_cap_exceeded"),
        ({"daily_call_cap": 0}, "call_count_exceeded"),
        ({"daily_usd_cap": "11.99", "block_status": 402}, "daily_cap_exceeded"),
    ):
        with pytest.raises(stripe.RateLimitError) as caught:
            connect(gateway.make_key(**terms)).v1.payment_intents.create(PAY)
        assert (caught.value.http_status, code_of(caught.value)) == (429, code)


def test_a_wrong_key_is_an_authentication_error(
    connect: Connect, gateway: Gateway, key: VaultKey, vendor: Sandbox
) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        connect(STRIPE_SECRET).v1.payment_intents.create(PAY)
    assert code_of(caught.value) == "key_unknown"
    gateway.admin("POST", f"/vault/keys/{key.id}/revoke", {})
    with pytest.raises(stripe.AuthenticationError) as caught:
        connect(key, max_network_retries=2).v1.payment_intents.create(PAY)
    assert (caught.value.http_status, code_of(caught.value)) == (401, "key_revoked")
    assert len(calls(gateway)) == 1
    assert vendor.stats()["requests"] == 0


def test_what_is_not_allowed_is_a_permission_error(
    connect: Connect, gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key(
        allowed_endpoints=["POST /v1/payment_intents", "POST /v1/balance_settings"],
        currencies=["eur"],
    )
    client = connect(key, max_network_retries=2)
    tries: list[tuple[str, Callable[[], Any]]] = [
        ("endpoint_not_allowed", lambda: client.v1.refunds.create({"charge": "ch_1"})),
        ("endpoint_not_allowed", lambda: client.v1.payment_intents.list()),
        ("endpoint_unpriced", lambda: client.v1.balance_settings.update({})),
        ("policy_refused", lambda: client.v1.payment_intents.create(PAY)),
    ]
    for code, call in tries:
        with pytest.raises(stripe.PermissionError) as caught:
            call()
        assert (caught.value.http_status, code_of(caught.value)) == (403, code)
    assert len(calls(gateway)) == len(tries)
    assert vendor.stats()["requests"] == 0


def test_an_amount_that_cannot_be_read_names_its_parameter(
    client: stripe.StripeClient, vendor: Sandbox
) -> None:
    params: Any = {**PAY, "amount": "12.00"}
    with pytest.raises(stripe.APIError) as caught:
        client.v1.payment_intents.create(params)
    error: Any = caught.value.error
    assert (caught.value.http_status, error.code) == (422, "amount_unreadable")
    assert error.param == "amount"
    assert vendor.stats()["requests"] == 0


@pytest.mark.parametrize(
    "params",
    [
        {**PAY, "payment_method": "pm_card_visa_chargeDeclined"},
        {**PAY, "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"},
        {**PAY, "payment_method": "pm_nowhere"},
        {**PAY, "customer": "cus_nowhere"},
        {**PAY, "amount": 1},
        {**PAY, "expand": ["nonsense"]},
    ],
)
def test_what_stripe_refuses_reads_as_without_us(
    connect: Connect, key: VaultKey, params: Any
) -> None:
    told = []
    for client in (connect(key), connect(STRIPE_SECRET, direct=True)):
        with pytest.raises(stripe.StripeError) as caught:
            client.v1.payment_intents.create(params)
        error: Any = caught.value
        body = error.json_body["error"]
        left = body.get("payment_intent", {}).get("status")
        shown = {name: body.get(name) for name in ("type", "code", "decline_code", "param")}
        told.append((type(error), error.http_status, error.user_message, shown, left))
    assert told[0] == told[1]


def test_a_declined_card_is_a_card_error_with_its_intent(
    client: stripe.StripeClient, gateway: Gateway, key: VaultKey
) -> None:
    params: Any = {**PAY, "payment_method": "pm_card_chargeDeclined"}
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.create(params)
    error: Any = caught.value.error
    assert (caught.value.code, error.decline_code) == ("card_declined", "generic_decline")
    done = client.v1.payment_intents.confirm(
        error.payment_intent.id, {"payment_method": "pm_card_visa"}
    )
    assert (done.status, spent(gateway, key)) == ("succeeded", "12.00")


def test_the_real_key_stays_inside(
    client: stripe.StripeClient, key: VaultKey, vendor: Sandbox
) -> None:
    client.v1.payment_intents.create(PAY)
    vendor.behave(path="/v1/balance", echo=True)
    balance = client.v1.balance.retrieve()
    assert STRIPE_SECRET not in str(balance)
    assert STRIPE_SECRET not in str(headers_of(balance))
    seen = str(vendor.stats()["seen"])
    assert (STRIPE_SECRET in seen, key.secret in seen) == (True, False)
