"""The answers of the admin side as JSON schemas, for the OpenAPI document.

Every answer that the tests see is checked against its schema here, and no schema lets an unknown
property pass, so that what is written down is what is sent.
"""

from __future__ import annotations

from typing import Final

from gateway.admin.schemawords import (
    DAY,
    FLAG,
    TEXT,
    TEXTS,
    TIME,
    USD,
    WHOLE,
    Schema,
    listing,
    maybe,
    record,
    ref,
)
from gateway.admin.spendschemas import SPEND_SCHEMAS
from gateway.vault.issuerreader import TEMPLATE_FIELDS

_MONEY: Final = {
    "daily_usd_cap": maybe(USD),
    "total_usd_cap": maybe(USD),
    "daily_call_cap": maybe(WHOLE),
    "day": DAY,
    "cap_usd": maybe(USD),
    "top_up_usd": USD,
    "spent_usd": USD,
    "held_usd": USD,
    "remaining_usd": maybe(USD),
    "restored_usd": USD,
    "over_cap_usd": USD,
    "settled_usd": USD,
    "standing_usd": USD,
    "pending_usd": USD,
    "in_doubt_usd": USD,
    "calls_today": WHOLE,
    "total_spent_usd": USD,
    "total_held_usd": USD,
    "total_remaining_usd": maybe(USD),
    "resets_at": TIME,
}
_OWN_KEY: Final = {
    "id": TEXT,
    "object": {"const": "key"},
    "status": {"enum": ["active", "expired", "revoked"]},
    "created_at": TIME,
    "expires_at": maybe(TIME),
    "revoked_at": maybe(TIME),
    "last_used_at": maybe(TIME),
    "vendor": TEXT,
    "account_sid": maybe(TEXT | {"description": "What to call the account in paths and SDKs."}),
    "agent_run_label": TEXT,
    "allowed_endpoints": TEXTS,
    "per_call_usd_max": maybe(USD),
    "rate_per_minute": maybe(WHOLE),
    "concurrency_max": maybe(WHOLE),
    "currencies": maybe(TEXTS),
    "countries": maybe(TEXTS),
    "params": maybe({"type": "object"}),
    "timezone": TEXT,
    "mode": {"enum": ["enforce", "shadow"]},
    "vendor_accounts": TEXTS,
    "mint_endpoints": TEXTS,
    "allow_unpriced": {"type": "object", "additionalProperties": USD},
    "refunds_restore_cap": FLAG,
    "call_time_limit_s": maybe(WHOLE),
    "idempotency_scope": maybe(TEXT),
    "sandbox": FLAG,
    "count_test_mode": FLAG,
    "error_style": {"enum": ["auto", "flat", "vendor"]},
    "block_status": {"enum": [429, 402]},
    **_MONEY,
}
_KEY: Final = {
    **_OWN_KEY,
    "name": TEXT,
    "issuer_id": maybe(TEXT),
    "account": TEXT,
    "in_flight": WHOLE,
}
_SECRET: Final = {
    "key": TEXT | {"description": "The secret. It is shown this once."},
    "base_url": TEXT | {"description": "Where this instance is reached."},
}
_ISSUER: Final = {
    "id": TEXT,
    "object": {"const": "issuer"},
    "name": TEXT,
    "status": {"enum": ["active", "revoked"]},
    "created_at": TIME,
    "revoked_at": maybe(TIME),
    "keys_per_hour": maybe(WHOLE),
    "timezone": TEXT,
    "template": record({field.name: {} for field in TEMPLATE_FIELDS}),
    **_MONEY,
}
_CALL: Final = {
    "id": TEXT,
    "object": {"const": "call"},
    "at": TIME,
    "key_id": TEXT,
    "label": maybe(TEXT),
    "run": maybe(TEXT),
    "scenario": maybe(TEXT),
    "step": maybe(TEXT),
    "reason": maybe(TEXT),
    "run_url": maybe(TEXT),
    "vendor": maybe(TEXT),
    "account": maybe(TEXT),
    "method": TEXT,
    "path": TEXT,
    "operation": maybe(TEXT),
    "decision": {"enum": ["allowed", "refused"]},
    "code": maybe(TEXT),
    "rule": maybe(TEXT | {"description": "Which said no, or whose cap; of would_refuse too."}),
    "status": maybe(WHOLE),
    "state": maybe(TEXT),
    "idempotency_key": maybe(TEXT | {"description": "A hash of it."}),
    "retry_of": maybe(TEXT),
    "vendor_request_id": maybe(TEXT),
    "object_id": maybe(TEXT),
    "livemode": maybe(FLAG),
    "duration_ms": maybe(WHOLE),
    "lookups": TEXTS,
    "would_refuse": maybe(TEXT),
    "count": WHOLE,
    "quote_usd": USD,
    "cost_usd": USD,
    "restored_usd": USD,
    "day": maybe(DAY),
}
_CUT: Final = {
    "revoked": WHOLE | {"description": "Keys that this revoked."},
    "in_flight": WHOLE | {"description": "Calls that were on their way."},
    "aborted": WHOLE | {"description": "Those of them that were ended."},
    "aborted_in_doubt": WHOLE | {"description": "Those of these whose last byte had left."},
    "keys": TEXTS,
}
_CANCELED: Final = {
    "canceled": {
        "type": "array",
        "items": {"type": "object", "additionalProperties": TEXT},
    }
}
_BARRED: Final = {"barred": {"type": "array", "items": {"type": "object"}}}
_QUOTE: Final = {
    "object": {"const": "quote"},
    "key_id": TEXT,
    "allowed": FLAG,
    "code": maybe(TEXT | {"description": "Of the refusal that the call would get."}),
    "would_refuse": maybe(TEXT | {"description": "What a key in shadow mode is spared."}),
    "operation": maybe(TEXT),
    "quote_usd": maybe(USD | {"description": "The most it can cost; null: that was not found."}),
    "how": TEXT,
    "would_hold_usd": USD,
    "units": WHOLE,
    "countries": TEXTS,
    "lookups": TEXTS | {"description": "What was asked of the vendor to find the price."},
    "remaining_now_usd": maybe(USD),
    "remaining_usd": maybe(USD | {"description": "Of the day's cap, once the call is held."}),
    "rules": {
        "type": "array",
        "items": record({"rule": TEXT, "pass": FLAG, "detail": TEXT}),
    },
}
_WATCHED: Final = {
    "counts_usd": USD,
    "age_s": WHOLE,
    "next_look_at": maybe(TIME | {"description": "null: nobody looks after it."}),
    "looks": WHOLE,
    "evidence": maybe(TEXT | {"description": "What the last look found, in words."}),
}
_VENDOR_ACCOUNT: Final = {
    "object": {"const": "vendor_account"},
    "vendor": TEXT,
    "account": TEXT,
    "sandbox": FLAG | {"description": "Calls go to a stand-in of ours."},
    "base_url": TEXT,
    "credential_from": maybe(TEXT),
    "prices_date": maybe(DAY),
    "barred": FLAG | {"description": "No keys can be made for it until it is resumed."},
    "last_hour": record(
        {
            "calls": WHOLE,
            "failed": WHOLE | {"description": "Answered with 500 or more."},
            "turned_down": WHOLE | {"description": "Answered with 400 to 499."},
            "p50_ms": maybe(WHOLE),
            "p99_ms": maybe(WHOLE),
        }
    ),
    "open": maybe(WHOLE),
    "last_look_at": maybe(TIME),
    "last_error": maybe(TEXT),
}
_RECONCILED: Final = {
    "vendor": TEXT,
    "account": TEXT,
    "queue": {"type": "object", "additionalProperties": WHOLE},
    "due": WHOLE,
    "next_due_at": maybe(TIME),
    "last_look_at": maybe(TIME),
    "backing_off_until": maybe(TIME),
    "lookups": WHOLE,
    "last_error": maybe(TEXT),
}
_COPIED: Final = {
    "shard": WHOLE,
    "file": TEXT,
    "archives": WHOLE,
    "seq": WHOLE | {"description": "The number of its last row."},
    "mac": TEXT | {"description": "Of that row. Noted elsewhere, both show a cut-off end."},
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Key": record(_KEY),
    "NewKey": record(
        {**_KEY, **_SECRET},
        {
            "warnings": TEXTS
            | {"description": "Entries that no operation of the vendor answers to."}
        },
    ),
    "OwnKey": record(_OWN_KEY),
    "KeyList": listing(ref("Key")),
    "Issuer": record(_ISSUER),
    "NewIssuer": record({**_ISSUER, **_SECRET}),
    "IssuerList": listing(ref("Issuer")),
    "Revoked": record(_CUT, _CANCELED),
    "Barred": record({**_CUT, **_BARRED}, _CANCELED),
    "Resumed": record(_BARRED),
    "Call": record(_CALL),
    "CallList": listing(ref("Call")),
    "OpenCall": {
        "type": "object",
        "properties": {**_CALL, **_WATCHED},
        "required": ["id", "object", "state", *_WATCHED],
        "additionalProperties": False,
    },
    "OpenCallList": listing(ref("OpenCall")),
    "Reconciliation": record(
        {
            "id": TEXT,
            "object": {"const": "reconciliation"},
            "state": maybe(TEXT),
            "found": TEXT | {"description": "What the vendor shows, in words."},
        }
    ),
    "Reconciler": record(
        {
            "object": {"const": "reconciler"},
            "enabled": FLAG,
            "accounts": {"type": "array", "items": record(_RECONCILED)},
        }
    ),
    "Vendors": record(
        {
            "object": {"const": "vendors"},
            "accounts": {"type": "array", "items": record(_VENDOR_ACCOUNT)},
            "rates": record({"date": DAY, "age_days": WHOLE, "stale": FLAG}),
            **_BARRED,
        }
    ),
    "Resolution": record(
        {
            "id": TEXT,
            "object": {"const": "resolution"},
            "state": {"enum": ["settled", "released"]},
            "cost_usd": maybe(USD),
            "reason": TEXT,
        }
    ),
    **SPEND_SCHEMAS,
    "Quote": record(_QUOTE),
    "Backup": record(
        {
            "object": {"const": "backup"},
            "path": TEXT,
            "bytes": WHOLE,
            "shards": {"type": "array", "items": record(_COPIED)},
            "audit": TEXT | {"description": "The audit log's file; '' if there was none."},
            "with_key": FLAG,
            "verified": {"const": True},
            "seconds": {"type": "number"},
        }
    ),
    "Health": record({"status": TEXT}),
    "Readiness": record(
        {
            "status": TEXT,
            "reasons": TEXTS,
            "vendors": TEXTS,
            "sandbox": TEXTS,
            "rates": record({"date": TEXT, "age_days": WHOLE, "stale": FLAG}),
            "prices": {
                "type": "object",
                "description": "Vendor to the day of its table of prices.",
                "additionalProperties": DAY,
            },
        }
    ),
    "Document": {"type": "object"},
    "Problem": {
        "type": "object",
        "description": "RFC 9457, with our code as `error` and the facts beside it.",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": WHOLE,
            "detail": TEXT,
            "error": TEXT,
            "errors": {"type": "array", "items": record({"field": TEXT, "problem": TEXT})},
        },
        "required": ["type", "title", "status", "detail", "error"],
    },
}
