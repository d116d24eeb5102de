"""`/vault/vendors`."""

from __future__ import annotations

from gateway.reconcile.crew import Account
from ledger.history import VendorHealth
from tests.unit.gateway.admin.side import Side


async def test_each_account_tells_how_it_answers_and_never_its_credential(side: Side) -> None:
    now_us = side.clock.now_us()
    queue = {"pending": 1, "in_doubt": 2, "standing": 3, "refund": 0}
    side.reconcilers.known = [
        Account("stripe", "default", queue, 1, now_us, now_us, None, 7, "HTTP 401 to a read"),
    ]
    side.history.health = [
        VendorHealth("stripe", "default", 90, 2, 3, 110, 900, now_us - 5_000_000, now_us),
        VendorHealth("stripe", "acme", 9, 0, 0, 1, 1, 0, now_us - 3_700_000_000),
    ]
    status, answer = await side.ask("GET", "/vault/vendors")
    assert status == 200
    assert [(one["vendor"], one["account"]) for one in answer["accounts"]] == [
        ("stripe", "acme"),
        ("stripe", "default"),
        ("twilio", "main"),
    ]
    quiet, busy, other = answer["accounts"]
    assert busy["last_hour"] == {
        "calls": 90,
        "failed": 2,
        "turned_down": 3,
        "p50_ms": 110,
        "p99_ms": 900,
    }
    assert (busy["open"], busy["last_error"]) == (6, "HTTP 401 to a read")
    assert quiet["last_hour"]["calls"] == 0
    assert (quiet["open"], quiet["last_look_at"]) == (None, None)
    assert (other["sandbox"], other["prices_date"]) == (True, "2026-05-25")
    assert "sk_test_1" not in str(answer)


async def test_what_was_stopped_is_said(side: Side) -> None:
    await side.ask("POST", "/vault/revoke", {"vendor": "stripe", "account": "acme"})
    _, answer = await side.ask("GET", "/vault/vendors")
    assert answer["barred"] == [{"vendor": "stripe", "account": "acme"}]
    assert [one["barred"] for one in answer["accounts"]] == [True, False, False]
