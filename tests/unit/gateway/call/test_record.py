"""A record tells the same story as two memos and as one row."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.call.record import ALLOWED, REFUSED, CallRecord, hashed
from ledger.history import CallRow


def record(**facts: Any) -> CallRecord:
    plain: dict[str, Any] = {
        "id": "call_1",
        "at_us": 1_790_000_000_000_000,
        "key_id": "vk_1",
        "label": "make-billing/1",
        "run": "make-billing/8f31",
        "vendor": "stripe",
        "account": "default",
        "method": "POST",
        "path": "/v1/charges",
        "operation": "PostCharges",
    }
    return CallRecord(**(plain | facts))


FULL = {
    "step": "7",
    "reason": "The invoice is due – now",
    "run_url": "https://eu1.make.com/1",
    "idempotency_key": "ab12",
    "retry_of": "call_0",
    "would_refuse": "daily_cap_exceeded",
    "lookups": ("/v1/payment_intents/pi_1",),
    "quote_micros": 12_000_000,
    "held_micros": 11_000_000,
    "code": "vendor_timeout",
    "rule": "key_daily",
    "status": 504,
    "cost_micros": 11_000_000,
    "own_cost_micros": 1_000_000,
    "state": "in_doubt",
    "day": 20_000,
    "hold_id": 7,
    "own_hold_id": 6,
    "vendor_request_id": "req_1",
    "object_id": "pi_1",
    "livemode": False,
    "duration_ms": 312,
}


def test_every_field_reaches_its_column() -> None:
    full = record(**FULL)
    row = full.row()._asdict()
    for name in CallRecord.__slots__:
        if name != "lookups":
            assert row.pop(name) == getattr(full, name), name
    assert orjson.loads(row.pop("lookups")) == ["/v1/payment_intents/pi_1"]
    assert row == {"scenario": "make-billing", "count": 1}


def test_memos_carry_all_that_the_journal_does_not() -> None:
    full = record(**FULL)
    told = orjson.loads(full.head_memo()) | orjson.loads(full.outcome_memo())
    of_the_hold = {"state", "day", "hold_id", "own_hold_id", "held_micros"}
    of_the_hold |= {"cost_micros", "own_cost_micros"}
    assert told.keys() == set(CallRecord.__slots__) - of_the_hold
    for name in told.keys() - {"lookups"}:
        assert told[name] == getattr(full, name), name
    assert told["lookups"] == ["/v1/payment_intents/pi_1"]


def test_a_plain_call_says_no_more_than_it_must() -> None:
    plain = record()
    assert orjson.loads(plain.outcome_memo()) == {
        "decision": ALLOWED,
        "status": None,
        "duration_ms": None,
    }
    assert not orjson.loads(plain.head_memo()).keys() & {"step", "reason", "lookups", "retry_of"}
    assert plain.row().lookups is None


def test_a_key_without_label_leaves_the_columns_empty() -> None:
    row = record(label="", run="", operation="").row()
    assert (row.label, row.run, row.scenario, row.operation) == (None, None, None, None)


def test_a_refusal() -> None:
    refused = record()
    refused.refuse("endpoint_not_allowed", 403)
    row = refused.row()
    assert (row.decision, row.code, row.status) == (REFUSED, "endpoint_not_allowed", 403)
    assert row.rule is None


def test_a_refusal_by_a_rule_keeps_its_name_in_row_and_memo() -> None:
    refused = record()
    refused.refuse("policy_refused", 403, "params:currency")
    assert refused.row().rule == "params:currency"
    assert orjson.loads(refused.outcome_memo())["rule"] == "params:currency"


def test_the_hash_of_an_idempotency_key() -> None:
    assert hashed("k", "key\0vk_1") == hashed("k", "key\0vk_1")
    assert hashed("k", "key\0vk_1") != hashed("k", "key\0vk_2")
    assert "k-secret" not in hashed("k-secret", "")


def test_the_row_is_a_row() -> None:
    assert isinstance(record().row(), CallRow)
