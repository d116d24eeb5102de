"""The door of the Stripe package: keys, headers, hosts, and the way to every other file."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pytest

from vendors.contract import Answer, Credential, End, Lookup, Money, Quote, Sent
from vendors.rates import USD, Rates
from vendors.stripe import STRIPE

GET = Sent("GET", "/v1/charges", "", "", b"")
RATES = Rates({"eur": Fraction(1)}, datetime.date(2026, 1, 1), 30)


@pytest.mark.parametrize(
    ("secret", "live"),
    [
        ("sk_live_51Abc", True),
        ("rk_live_51Abc", True),
        ("sk_test_51Abc_x", False),
        ("rk_test_1", False),
    ],
)
def test_good_keys(secret: str, live: bool) -> None:
    assert STRIPE.mistakes(Credential(secret)) == {}
    assert STRIPE.livemode(Credential(secret)) is live
    assert STRIPE.authorization(Credential(secret)) == b"Bearer " + secret.encode()


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("pk_live_1", "publishable"),
        ("whsec_1", "webhook"),
        ("sk_org_1", "organisation"),
        ("ek_test_1", "ephemeral"),
        ("vault_key_1", "vault key"),
        ("kb_admin_1", "admin"),
        ("", "begins"),
        (" sk_live_1", "begins"),
        ("sk_live_1\n", "begins"),
        ("sk_live_", "begins"),
    ],
)
def test_bad_keys(secret: str, said: str) -> None:
    assert said in STRIPE.mistakes(Credential(secret))["secret"]
    assert STRIPE.livemode(Credential(secret)) is None


def test_a_mistake_never_repeats_the_key() -> None:
    assert "1234" not in STRIPE.mistakes(Credential("pk_live_1234"))["secret"]


def test_no_header_that_the_gateway_must_write_itself_passes() -> None:
    written = {b"authorization", b"host", b"idempotency-key", b"cookie", b"accept-encoding"}
    assert not STRIPE.request_headers & written
    assert not STRIPE.answer_headers & {b"set-cookie", b"location", b"www-authenticate"}
    assert set(STRIPE.account_headers) <= STRIPE.request_headers


@pytest.mark.parametrize(
    ("headers", "sdk"),
    [
        ({b"user-agent": b"Stripe/v1 PythonBindings/16.1.0"}, True),
        ({b"x-stripe-client-user-agent": b"{}"}, True),
        ({b"user-agent": b"curl/8 Stripe/v1"}, False),
        ({}, False),
    ],
)
def test_is_sdk(headers: dict[bytes, bytes], sdk: bool) -> None:
    assert STRIPE.is_sdk(headers) is sdk


def test_one_catalogue_for_all_hosts() -> None:
    for product in ("", *STRIPE.products):
        assert STRIPE.operation("POST", "/v1/charges", product).money is Money.PRICED


def test_which_retries_stripe_knows() -> None:
    known = {
        ("POST", "/v1/charges"): True,
        ("POST", "/v2/money_management/outbound_payments"): True,
        ("DELETE", "/v2/core/event_destinations/ed_1"): True,
        ("DELETE", "/v1/subscriptions/sub_1"): False,
        ("GET", "/v1/charges"): False,
    }
    for (method, path), knows in known.items():
        assert STRIPE.idempotent(STRIPE.operation(method, path, "")) is knows
    assert STRIPE.trace(STRIPE.read(STRIPE.operation("GET", "/v1/charges", ""), GET)) == ""


def test_a_call_through_the_door() -> None:
    operation = STRIPE.operation("POST", "/v1/charges", "")
    form = "application/x-www-form-urlencoded"
    assert STRIPE.needs_body(operation, form)
    sent = Sent("POST", "/v1/charges", "", form, b"amount=5&currency=usd")
    reading = STRIPE.read(operation, sent)
    quote = STRIPE.quote(reading, RATES, (), None)
    assert isinstance(quote, Quote)
    assert STRIPE.settle(reading, quote, Answer(500, {}, b"")).end is End.IN_DOUBT
    assert STRIPE.shown_micros(Answer(200, {}, b'{"amount": 7}'), RATES) == 70_000
    assert STRIPE.refusal(429, "daily_cap_exceeded", "no", {})["error"]["code"]


def test_objects_can_be_read_again_and_intents_cancelled() -> None:
    assert STRIPE.object_lookup("pi_1") == Lookup("/v1/payment_intents/pi_1", "what it has come to")
    charge = STRIPE.object_lookup("py_1")
    assert charge is not None
    assert charge.target == "/v1/charges/py_1"
    assert STRIPE.object_lookup("cus_1") is None
    assert STRIPE.cancellation("pi_1") == "/v1/payment_intents/pi_1/cancel"
    assert STRIPE.cancellation("ch_1") is None
    assert STRIPE.reread("pi_1", USD, 0, Answer(404, {}, b"{}")).end is End.IN_DOUBT
