"""What `POST /vault/keys` refuses, and the ways in which a key that it made is worn."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

import pytest

from tests.house import Gateway
from tests.speaker import Speaker

GOOD: Final = {
    "vendor": "stripe",
    "daily_usd_cap": 500,
    "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/customers/*"],
    "agent_run_label": "make-billing-scenario/8f31",
}


@pytest.mark.parametrize(
    ("change", "field"),
    [({name: None}, name) for name in ("vendor", "daily_usd_cap", "allowed_endpoints")]
    + [
        ({"agent_run_label": None}, "agent_run_label"),
        ({"agent_run_label": "two\nlines"}, "agent_run_label"),
        ({"allowed_endpoints": []}, "allowed_endpoints"),
        ({"daily_usd_cap": "0.0000001"}, "daily_usd_cap"),
        ({"daily_usd_cap": -1}, "daily_usd_cap"),
        ({"expires_in": "2 hours"}, "expires_in"),
        ({"base_url": "http://evil.example"}, "base_url"),
        ({"countries": ["US"]}, "countries"),
        ({"call_time_limit_s": 60}, "call_time_limit_s"),
        ({"vendor": "twilio"}, "vendor"),
        ({"account": "nobody"}, "account"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"mode": "off"}, "mode"),
        ({"block_status": 403}, "block_status"),
        ({"params": {"currency": {"like": "usd"}}}, "params"),
    ],
)
def test_a_body_with_a_mistake_is_told_which(
    gateway: Gateway, change: dict[str, Any], field: str
) -> None:
    told = gateway.admin("POST", "/vault/keys", GOOD | change)
    assert (told.status, told.error) == (400, "invalid_request")
    assert field in [mistake["field"].partition(".")[0] for mistake in told.json()["errors"]]


def test_all_mistakes_are_told_at_once(gateway: Gateway) -> None:
    told = gateway.admin("POST", "/vault/keys", {"vendor": "stripe", "surprise": 1, "name": 7})
    named = {mistake["field"] for mistake in told.json()["errors"]}
    required = {"daily_usd_cap", "allowed_endpoints", "agent_run_label"}
    assert named == required | {"surprise", "name"}


def test_a_key_works_in_every_dress(gateway: Gateway) -> None:
    """Bearer; the user name of Basic, with and without a colon; Basic, raw; under /v1 alone."""
    secret = gateway.make_key().secret
    dresses = [f"Bearer {secret}", f"bearer {secret}", f"Basic {secret}"]
    dresses += [
        "Basic " + b64encode(text.encode()).decode()
        for text in (f"{secret}:", secret, f"{secret}:x", f"anyone:{secret}")
    ]
    with Speaker(gateway) as caller:
        for dress in dresses:
            for target in ("/stripe/v1/customers/cus_1", "/v1/customers/cus_1"):
                assert caller.ask("GET", target, {"Authorization": dress}).status == 200, dress
        for naked in (f"Token {secret}", secret, f"Bearer  {secret}", f"Bearer {secret} x"):
            answer = caller.ask("GET", "/v1/customers", {"Authorization": naked})
            assert (answer.status, answer.error) == (401, "key_unknown"), naked
