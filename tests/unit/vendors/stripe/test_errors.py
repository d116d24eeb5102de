"""Refusals in Stripe's shape."""

from __future__ import annotations

import pytest

from vendors.stripe.errors import refusal


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "invalid_request_error"),
        (409, "idempotency_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (504, "api_error"),
    ],
)
def test_types(status: int, kind: str) -> None:
    assert refusal(status, "some_code", "why", {})["error"]["type"] == kind


def test_facts_stand_inside_and_beside_and_hide_nothing() -> None:
    facts = {"remaining_usd": "1.00", "field": "amount", "code": "x", "error": "y"}
    body = refusal(422, "amount_unreadable", "why", facts)
    assert body["remaining_usd"] == body["error"]["remaining_usd"] == "1.00"
    assert body["error"]["code"] == "amount_unreadable"
    assert body["error"]["message"] == "why"
    assert body["error"]["param"] == "amount"
