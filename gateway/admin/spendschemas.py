"""The schemas of what was spent: by run, by group, step by step, and over all."""

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

_SPEND: Final = {
    "calls": WHOLE,
    "refused": WHOLE,
    "cost_usd": USD,
    "in_doubt_usd": USD,
    "restored_usd": USD,
    "first_at": maybe(TIME),
    "last_at": maybe(TIME),
}
_REVOKED: Final = {"revoked": FLAG, "revoked_at": maybe(TIME)}
_PARTS: Final = {
    name: {"type": "array", "items": {"type": "object"}}
    for name in ("by_operation", "by_code", "by_state", "by_key_id")
}
_COMPLETE: Final = maybe(
    TIME | {"description": "What came before is still being summed up; null: nothing is missing."}
)

SPEND_SCHEMAS: Final[dict[str, Schema]] = {
    "Spend": {
        "type": "object",
        "properties": {
            "object": {"enum": ["run", "scenario"]},
            "run": TEXT,
            "scenario": TEXT,
            **_SPEND,
            **_REVOKED,
        },
        "required": ["object", *_SPEND, *_REVOKED],
        "additionalProperties": False,
    },
    "RunList": listing(ref("Spend"), complete_since=_COMPLETE),
    "Run": record(
        {"object": {"const": "run"}, "run": TEXT, **_REVOKED, "keys": TEXTS},
        {"scenario": maybe(TEXT), "complete_since": _COMPLETE, **_SPEND, **_PARTS},
    ),
    "Group": record(
        {
            "object": {"const": "spend"},
            "by": {"enum": ["account", "vendor", "key", "operation", "scenario", "day"]},
            "id": TEXT | {"description": "For starting_after."},
            **_SPEND,
            "standing_usd": USD,
            "pending_usd": USD,
        },
        {
            **dict.fromkeys(("vendor", "account", "key_id", "operation", "scenario"), TEXT),
            "day": DAY,
        },
    ),
    "GroupList": listing(ref("Group"), complete_since=_COMPLETE),
    "SpendSeries": record(
        {
            "object": {"const": "spend_series"},
            "by": maybe({"enum": ["account", "vendor", "key", "operation", "scenario"]}),
            "step": {"enum": ["day", "hour"]},
            "steps": {"type": "array", "items": TIME},
            "complete_since": _COMPLETE,
            "lines": {
                "type": "array",
                "items": record(
                    {
                        "id": maybe(TEXT | {"description": "null: all that have no own line."}),
                        "calls": {"type": "array", "items": WHOLE},
                        "refused": {"type": "array", "items": WHOLE},
                        "cost_usd": {"type": "array", "items": USD},
                    }
                ),
            },
        }
    ),
    "SpendOverview": record(
        {
            "object": {"const": "spend_overview"},
            **_SPEND,
            "settled_usd": USD,
            "standing_usd": USD,
            "pending_usd": USD,
            "complete_since": _COMPLETE,
            "by_code": {"type": "array", "items": record({"code": TEXT, "calls": WHOLE})},
        }
    ),
}
