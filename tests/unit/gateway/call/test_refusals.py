"""How a no is dressed: flat or in the vendor's shape, with which status and headers."""

from __future__ import annotations

import gc
from typing import Any

import orjson
import pytest

from gateway.call.refusals import dress, flat, forget_way, plain
from gateway.errors import (
    DailyCapExceeded,
    IdempotencyInProgress,
    KeyUnknown,
    RateLimited,
    Refusal,
    RequestTimeout,
    VendorTimeout,
)
from gateway.http.message import Response
from gateway.vault.allowlist import Allowlist
from gateway.vault.terms import ErrorStyle, Terms
from vendors import VENDORS

STRIPE = VENDORS["stripe"]
SDK = {b"user-agent": b"Stripe/v1 PythonBindings/16.1.0"}


def terms(**changes: Any) -> Terms:
    return Terms("vk_1", "stripe", "default", Allowlist.parse(["GET /v1/x"]), 0, 0, None, **changes)


def dressed(refusal: Refusal, headers: dict[bytes, bytes], key: Terms | None = None) -> Response:
    return dress(refusal, "call_1", STRIPE, key, headers)


def test_a_plain_caller_gets_flat_json() -> None:
    response = dressed(DailyCapExceeded(cap_usd="5.00"), {})
    assert response.status == 429
    assert orjson.loads(response.body) == {
        "error": "daily_cap_exceeded",
        "message": DailyCapExceeded.message,
        "call_id": "call_1",
        "cap_usd": "5.00",
    }
    assert flat(KeyUnknown("No."), "call_2")["message"] == "No."


def test_an_sdk_gets_its_vendors_shape_with_our_code_inside() -> None:
    error = orjson.loads(dressed(DailyCapExceeded(), SDK).body)["error"]
    assert error["code"] == "daily_cap_exceeded"


@pytest.mark.parametrize(
    ("style", "headers", "is_flat"),
    [
        (ErrorStyle.FLAT, SDK, True),
        (ErrorStyle.VENDOR, {}, False),
        (ErrorStyle.AUTO, {}, True),
        (ErrorStyle.AUTO, SDK, False),
    ],
)
def test_the_keys_style_wins(style: ErrorStyle, headers: dict[bytes, bytes], is_flat: bool) -> None:
    body = orjson.loads(dressed(KeyUnknown(), headers, terms(error_style=style)).body)
    assert isinstance(body["error"], str) is is_flat


def test_block_status_is_for_caps_and_never_for_a_stripe_sdk() -> None:
    key = terms(block_status=402)
    assert dressed(DailyCapExceeded(), {}, key).status == 402
    assert dressed(DailyCapExceeded(), SDK, key).status == 429
    assert dressed(KeyUnknown(), {}, key).status == 401
    twilio = {b"user-agent": b"twilio-python/9.13.0"}
    told = dress(DailyCapExceeded(), "call_1", VENDORS["twilio"], key, twilio)
    assert (told.status, orjson.loads(told.body)["status"]) == (402, 402)


def test_only_rate_limited_says_when_to_come_back() -> None:
    headers = dict(dressed(RateLimited(retry_after_s=7), {}).headers)
    assert headers[b"retry-after"] == b"7"
    assert headers[b"stripe-should-retry"] == b"true"
    assert b"retry-after" not in dict(dressed(DailyCapExceeded(), {}).headers)


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (DailyCapExceeded(), b"false"),
        (IdempotencyInProgress(), b"true"),
        (KeyUnknown(), b"false"),
        (VendorTimeout(), None),
    ],
)
def test_an_sdk_is_told_whether_a_retry_can_help(refusal: Refusal, says: bytes | None) -> None:
    assert dict(dressed(refusal, SDK).headers).get(b"stripe-should-retry") == says


def test_a_call_is_named_in_the_head() -> None:
    headers = dict(dressed(KeyUnknown(), {}).headers)
    assert headers[b"keybrake-call-id"] == headers[b"request-id"] == b"call_1"
    assert b"request-id" not in dict(dress(KeyUnknown(), "call_1").headers)


def test_what_never_became_a_call_has_an_id_all_the_same() -> None:
    response = plain(RequestTimeout())
    assert (response.status, response.close) == (408, True)
    call_id = orjson.loads(response.body)["call_id"]
    assert dict(response.headers)[b"keybrake-call-id"] == call_id.encode()


def test_a_refusal_whose_way_is_forgotten_leaves_nothing_for_a_collection() -> None:
    """Whoever names what he raises keeps his own frame, and all that it names."""

    def answer() -> Response:
        refusal = DailyCapExceeded()
        try:
            refusal_of_ours = refusal
            raise refusal_of_ours from KeyError("inner")
        except Refusal as exc:
            forget_way(exc)
            return dressed(exc, {})

    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            answer()
        assert gc.collect() < 100
    finally:
        gc.enable()
