"""Refusals in Twilio's shape."""

from __future__ import annotations

import pytest

from vendors.twilio.errors import refusal


@pytest.mark.parametrize(
    ("status", "code", "number"),
    [
        (401, "key_missing", 20003),
        (402, "daily_cap_exceeded", 20429),
        (403, "endpoint_not_allowed", 20403),
        (404, "route_unknown", 20404),
        (429, "daily_cap_exceeded", 20429),
        (422, "amount_unreadable", 20001),
        (409, "idempotency_conflict", 20001),
        (503, "ledger_unavailable", 20500),
    ],
)
def test_both_shapes_in_one_body(status: int, code: str, number: int) -> None:
    assert refusal(status, code, "no", {"call_id": "c1"}) == {
        "error": code,
        "code": number,
        "message": "no",
        "more_info": f"https://www.twilio.com/docs/errors/{number}",
        "status": status,
        "details": {"error": code, "call_id": "c1"},
        "call_id": "c1",
    }


def test_no_fact_hides_what_sdks_read() -> None:
    facts = {"code": "x", "status": "x", "error": "x", "message": "x", "more_info": "x"}
    body = refusal(429, "daily_cap_exceeded", "no", facts)
    assert (body["code"], body["status"], body["error"]) == (20429, 429, "daily_cap_exceeded")
