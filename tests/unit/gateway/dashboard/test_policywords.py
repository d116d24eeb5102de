"""A key's policy reads as sentences, each bound of it once."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dashboard.policywords import limit_words, money_words

RECORD: dict[str, Any] = {
    "vendor": "stripe",
    "daily_usd_cap": "500.00",
    "total_usd_cap": None,
    "per_call_usd_max": None,
    "timezone": "UTC",
    "daily_call_cap": None,
    "rate_per_minute": None,
    "concurrency_max": None,
    "call_time_limit_s": None,
    "countries": None,
    "currencies": None,
    "params": None,
    "vendor_accounts": [],
    "mode": "enforce",
    "allow_unpriced": {},
    "mint_endpoints": [],
    "refunds_restore_cap": False,
    "count_test_mode": True,
    "sandbox": False,
    "idempotency_scope": None,
    "block_status": 429,
    "error_style": "auto",
}


def test_money() -> None:
    told = money_words({**RECORD, "total_usd_cap": "2000.00", "per_call_usd_max": "20.00"})
    assert told == (
        "May spend up to $500.00 a day, $2,000.00 in its whole life, $20.00 in one call. "
        "Its day begins at midnight, UTC."
    )
    nothing = money_words({**RECORD, "daily_usd_cap": "0.00"})
    assert nothing == "May not spend anything: it can only read."


def test_a_plain_key_has_no_other_bounds() -> None:
    assert limit_words(RECORD) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"daily_call_cap": 1000}, "Calls that cost a day: 1,000 at most."),
        ({"daily_call_cap": 9, "vendor": "twilio"}, "Messages a day: 9 at most."),
        ({"daily_call_cap": 9, "vendor": "resend"}, "Recipients a day: 9 at most."),
        ({"rate_per_minute": 1}, "At most 1 call in any minute."),
        ({"concurrency_max": 2}, "At most 2 calls at the same time."),
        ({"call_time_limit_s": 60}, "A phone call lasts 60 s at most."),
        ({"countries": ["DE", "US"]}, "Only to DE, US."),
        ({"currencies": ["eur", "usd"]}, "Only in EUR, USD."),
        ({"params": {"amount": {"max": 5000}}}, "The field amount must be at most 5000."),
        (
            {"params": {"From": {"prefix": "+1", "equals": "x", "one_of": ["a", "b"]}}},
            "The field From must be x and be one of a, b and begin with +1.",
        ),
        ({"vendor_accounts": ["acct_1"]}, "May also act for acct_1."),
        (
            {"mode": "shadow"},
            "Shadow: what its caps and rules would refuse goes out, and is only reported.",
        ),
        (
            {"allow_unpriced": {"POST /x": "0.50"}},
            "POST /x has no price and passes at a fixed $0.50 each time.",
        ),
        ({"mint_endpoints": ["POST /k"]}, "May be handed access by POST /k."),
        (
            {"refunds_restore_cap": True},
            "A refund of its own charge on the same day gives back to its cap.",
        ),
        ({"count_test_mode": False}, "Calls that move no real money do not count."),
        ({"sandbox": True}, "Made for the sandbox: it never works on real credentials."),
        (
            {"idempotency_scope": "all"},
            "Shares the namespace of its Idempotency-Keys with keys of the scope all.",
        ),
        ({"block_status": 402}, "A refusal for a cap has the status 402."),
        ({"error_style": "flat"}, "Refusals are always Keybrake's own flat JSON."),
        ({"error_style": "vendor"}, "Refusals always have the vendor's own shape."),
    ],
)
def test_each_bound_is_a_sentence(changes: dict[str, Any], told: str) -> None:
    assert limit_words({**RECORD, **changes}) == [told]
