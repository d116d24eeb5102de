"""Refusals in Resend's own shape; both SDKs read the same body."""

from __future__ import annotations

from vendors.resend.errors import refusal


def test_one_body_serves_both() -> None:
    facts = {"remaining_usd": "0.10", "call_id": "call_1"}
    assert refusal(429, "daily_cap_exceeded", "Too much.", facts) == {
        "error": "daily_cap_exceeded",
        "name": "daily_cap_exceeded",
        "statusCode": 429,
        "message": "Too much.",
        "remaining_usd": "0.10",
        "call_id": "call_1",
    }


def test_no_fact_hides_our_code() -> None:
    body = refusal(422, "amount_unreadable", "No.", {"name": "x", "error": "y", "statusCode": 200})
    assert (body["name"], body["error"]) == ("amount_unreadable", "amount_unreadable")
    assert body["statusCode"] == 422
