"""Tricks with paths, methods and headers, over sockets against a live gateway.

The vendor gets what the allowlist judged, byte for byte, and only the headers it needs; what a
caller says of its run is kept, bounded and taken off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Gateway, VaultKey
from tests.speaker import Speaker

INTENTS: Final = "/v1/payment_intents"
FORM: Final = b"amount=1200&currency=usd&payment_method=pm_card_visa&confirm=true"


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.start(tmp_path_factory.mktemp("tricks"), sandbox_process.base_url) as running:
        yield running


@pytest.fixture(scope="module")
def key(house: Gateway) -> VaultKey:
    allowed = ["POST /v1/payment_intents", "GET /v1/customers/*", "POST /files/v1/files"]
    return house.make_key(allowed_endpoints=allowed)


# ── paths ───────────────────────────────────────────────────────────────────────────────────────

BENT: Final = (
    "/v1/customers/..", "/v1/customers/../payment_intents", "/v1/customers/%2e%2e/charges",
    "/v1/customers/.%2e", "/v1/customers/%252e%252e", "/v1/customers/..%2fcharges",
    "/v1/customers/%2Fcharges", "/v1/customers/%5c..", "/v1/customers/\\..", "/v1/customers/.",
    "/v1/customers/%c0%ae%c0%ae", "/v1/customers/%u002e", "/v1/customers/%ef%bc%8e",
    "/v1/customers/..;/charges", "/v1/customers/cus_1;x=y", "/v1/customers/", "/v1/customers//",
    "/v1//customers/cus_1", "//v1/customers/cus_1", "/v1/customers/cus_1/", "/v1/customers/a%00",
    "/v1/customers/cus_1%20", "/v1/customers/cus_1/sources", "/V1/customers/cus_1",
    "/v1/Customers/cus_1", "/v1/customers", "/v1/customers_evil/cus_1", "/v1/customers/%63us_1",
    "/v1/payment_intents", "/files/v1/customers/cus_1",
)  # fmt: skip


@pytest.mark.parametrize("path", BENT)
def test_a_bent_path_is_refused_and_not_straightened(
    house: Gateway, vendor: Sandbox, key: VaultKey, path: str
) -> None:
    with Speaker(house) as caller:
        answer = caller.call(key, "GET", path)
        assert (answer.status, answer.error) == (403, "endpoint_not_allowed")
        assert caller.goes_on()
    assert vendor.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("path", "sent"),
    [("cus_%2B1%40b%3Ac", "cus_+1@b:c"), ("cus_%2b1", "cus_+1"), ("a.b~c,d-e", "a.b~c,d-e")],
)
def test_three_escapes_are_matched_and_sent_as_what_they_mean(
    house: Gateway, vendor: Sandbox, key: VaultKey, path: str, sent: str
) -> None:
    house.call(key, "GET", f"/v1/customers/{path}")
    assert vendor.stats()["seen"][-1]["path"] == f"/v1/customers/{sent}"


@pytest.mark.parametrize(
    "target",
    ["/stripe/../vault/keys", "/stripe%2fv1/customers", "/stripe@evil/v1", "//evil/stripe"],
)
def test_games_with_the_prefix_lead_nowhere(house: Gateway, vendor: Sandbox, target: str) -> None:
    headers = {"Authorization": f"Bearer {house.admin_key}"}
    with Speaker(house) as caller:
        answer = caller.ask("GET", target, headers)
        assert answer.status in (401, 403, 404)
        assert b"data" not in answer.body
    assert house.request("GET", "/STRIPE/v1/customers", headers=headers).error == "route_unknown"
    assert vendor.stats()["requests"] == 0


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
def test_a_method_is_exact(house: Gateway, vendor: Sandbox, key: VaultKey, method: str) -> None:
    assert house.call(key, method, "/v1/customers/cus_1").status == 403
    assert vendor.stats()["requests"] == 0


# ── headers ─────────────────────────────────────────────────────────────────────────────────────

DROPPED: Final = {
    "X-HTTP-Method-Override": "DELETE",
    "X-Method-Override": "DELETE",
    "X-HTTP-Method": "DELETE",
    "X-Original-URL": "/v1/charges",
    "X-Rewrite-URL": "/v1/charges",
    "X-Forwarded-For": "203.0.113.1",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=203.0.113.1",
    "Cookie": "session=1",
    "TE": "trailers",
    "Trailer": "Authorization",
    "Keep-Alive": "timeout=5",
    "Proxy-Authorization": "Basic eDp5",
    "Proxy-Connection": "keep-alive",
    "Accept-Encoding": "gzip, br",
    "Referer": "https://make.example/",
    "Keybrake-Run": "7",
    "Keybrake-Step": "3",
    "Keybrake-Reason": "because",
    "Keybrake-Run-Url": "https://make.example/run/7",
    "Keybrake-Cost-Usd": "0.00",
    "Keybrake-Anything": "x",
    "Expect": "100-continue",
}
PASSED: Final = {
    "User-Agent": "agent/1",
    "Accept": "application/json",
    "Accept-Language": "de",
    "Stripe-Version": "2026-10-28.endive",
    "X-Stripe-Client-User-Agent": "{}",
    "X-Stripe-Client-Telemetry": "{}",
}


def test_only_what_the_vendor_needs_is_passed_on(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    with Speaker(house) as caller:
        bearer = {"Authorization": f"Bearer {key.secret}"}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        caller.say("POST", f"/stripe{INTENTS}", bearer | form | DROPPED | PASSED, FORM)
        assert caller.wire.answer().status == 200
    names = [name for name, _ in vendor.stats()["seen"][-1]["headers"]]
    ours = {"host", "authorization", "content-type", "content-length", "idempotency-key"}
    assert set(names) - {name.lower() for name in PASSED} <= ours | {"accept-encoding"}
    assert len(names) == len(set(names))
    seen = vendor.stats()["seen"][-1]
    assert dict(seen["headers"]).get("accept-encoding", "identity") == "identity"
    assert (seen["method"], seen["path"]) == ("POST", INTENTS)


def _told(house: Gateway, answer: Answer) -> Any:
    return house.ask(f"/vault/calls/{answer.headers['keybrake-call-id']}")


def test_what_a_caller_says_of_its_run_is_kept(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    answer = house.call(
        key,
        "GET",
        "/v1/customers/cus_1",
        keybrake_run="8f31.a:b_c-d",
        keybrake_step="Charge the customer",
        keybrake_reason=f"UTF-8'en'{quote('Rechnung fällig: 12 € <b>')}",
        keybrake_run_url="https://eu1.make.com/1/scenarios/2/logs/3?tab=a#b",
    )
    told = _told(house, answer)
    assert told["run"] == "house-of-tests/8f31.a:b_c-d"
    assert told["step"] == "Charge the customer"
    assert told["reason"] == "Rechnung fällig: 12 € <b>"
    assert told["run_url"] == "https://eu1.make.com/1/scenarios/2/logs/3?tab=a#b"


def test_what_a_caller_says_of_its_run_is_bounded(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    answer = house.call(
        key,
        "GET",
        "/v1/customers/cus_1",
        keybrake_reason=quote("é" * 2_500),
        keybrake_step="s" * 300,
        keybrake_run_url="javascript:alert(1)",
    )
    told = _told(house, answer)
    assert answer.status == 200, "never refused"
    assert told["reason"].endswith(" …[cut]")
    assert len(told["reason"].encode()) <= 4_096
    assert (len(told["step"]), told["run_url"]) == (200, None)
    for run in ("a/b", "a" * 101, "a b", "%41", ""):
        refused = house.call(key, "GET", "/v1/customers/cus_1", keybrake_run=run)
        assert (refused.status, refused.error) == (400, "request_malformed"), run
    assert "keybrake-" not in json.dumps(vendor.stats()["seen"])
