"""Stripe's door without a socket: keys, idempotency step by step, and bytes that make no sense."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.stripe.api import StripeApi, credential
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.routes import ENDPOINTS, route
from bench.sandbox.wire import Answer, Request

KEY = "sk_test_unit"
PAY = {"amount": "1200", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"}


def make_api(*secrets: str, keep: int = 100) -> StripeApi:
    return StripeApi(frozenset(secrets), keep=keep, log=lambda kind, subject, amount: None)


def post(path: str, body: bytes, key: bytes | None = None) -> Request:
    headers = [
        (b"authorization", f"Bearer {KEY}".encode()),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    if key is not None:
        headers.append((b"idempotency-key", key))
    return Request("POST", path, "", headers, body)


def answered(api: StripeApi, request: Request) -> Answer:
    begun = api.begin(request)
    return begun if isinstance(begun, Answer) else begun.execute()


def pay(key: bytes | None = None, **form: str) -> Request:
    return post("/v1/payment_intents", urlencode({**PAY, **form}).encode(), key)


def test_a_key_is_in_use_until_its_operation_ends() -> None:
    api = make_api()
    first = api.begin(pay(b"k"))
    assert not isinstance(first, Answer)
    second = api.begin(pay(b"k"))
    assert isinstance(second, Answer)
    assert second.status == 409
    done = first.execute()
    assert answered(api, pay(b"k")).body == done.body
    assert answered(api, pay(b"k", amount="1300")).status == 400


def test_an_abandoned_key_is_free_again() -> None:
    api = make_api()
    first = api.begin(pay(b"k"))
    assert not isinstance(first, Answer)
    first.abandon()
    assert answered(api, pay(b"k")).status == 200


@pytest.mark.parametrize(("stored", "status"), [(True, 500), (False, 200)])
def test_a_substituted_answer_is_replayed_when_stored(stored: bool, status: int) -> None:
    api = make_api()
    first = api.begin(pay(b"k"))
    assert not isinstance(first, Answer)
    first.substitute(Answer(500, b"{}"), stored=stored)
    assert answered(api, pay(b"k")).status == status


def test_key_lengths() -> None:
    assert answered(make_api(), pay(b"k" * 255)).status == 200
    assert answered(make_api(), pay(b"k" * 256)).status == 400
    assert answered(make_api(), pay(b"")).status == 400


def test_only_the_secrets_given_have_an_account() -> None:
    assert answered(make_api(KEY), pay()).status == 200
    assert answered(make_api("sk_test_other"), pay()).status == 401


def test_credentials_that_are_none() -> None:
    for value in (b"", b"Bearer", b"Basic", b"Basic %%%", b"Digest x"):
        with pytest.raises(StripeError):
            credential(Request("GET", "/v1/balance", "", [(b"authorization", value)], b""))


def test_a_product_host_may_be_a_first_segment() -> None:
    api = make_api()
    request = post("/files/v1/customers", b"name=Jo")
    assert answered(api, request).status == 200
    content_type = [(b"content-type", b"multipart/form-data; boundary=x")]
    assert api.sink("POST", "/files/v1/files", content_type) is not None
    assert api.sink("POST", "/v1/files", [(b"content-type", b"multipart/form-data")]) is None
    assert api.sink("POST", "/v1/customers", content_type) is None


def test_each_account_header_is_an_account_of_its_own() -> None:
    api = make_api()
    request = pay()
    answered(api, request)
    answered(
        api,
        Request("POST", request.path, "", [*request.headers, (b"stripe-account", b"acct_1")],
                request.body),
    )  # fmt: skip
    assert [world.charged for world in api.worlds] == [{"usd": 1200}, {"usd": 1200}]


PIECES = """
    amount currency usd [] [0] [x] = & %5B 1 jpy confirm true metadata expand customer cus_1 data .
    payment_method pm_card_visa
"""
WORDS = st.sampled_from(PIECES.split())
PATHS = st.sampled_from([name.replace("*", "cus_1") for name in ENDPOINTS])


@given(PATHS, st.lists(WORDS | st.text(max_size=3), max_size=14).map("".join), st.booleans())
def test_no_parameters_break_the_sandbox(name: str, form: str, in_query: bool) -> None:
    """Whatever is sent, the answer is JSON in Stripe's shape, and only a 200 has charged."""
    method, _, path = name.partition(" ")
    made = post(f"/v1/{path}", b"" if in_query else form.encode("utf-8", "replace"))
    query = form.encode("ascii", "replace").decode() if in_query else ""
    api = make_api()
    answer = answered(api, Request(method, made.path, query, made.headers, made.body))
    body: Any = orjson.loads(answer.body)
    assert ("error" in body) is (answer.status != 200)
    if answer.status != 200:
        assert all(world.charged == {} for world in api.worlds)


@given(st.text("/v1*abc.", max_size=20))
def test_unknown_paths_are_404(path: str) -> None:
    with pytest.raises(StripeError) as caught:
        route("PATCH", path)
    assert caught.value.status == 404
