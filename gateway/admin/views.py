"""Records as people and machines see them: money in USD text, times in RFC 3339, nothing secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from gateway.clock import rfc3339
from gateway.vault.issuers import Issuer, Template
from gateway.vault.keys import Key
from gateway.vault.terms import ParamRule, Terms
from gateway.vault.usd import usd_or_none
from ledger import Standing
from vendors.money import show_usd

_EPOCH: Final = date(1970, 1, 1)


def key_record(key: Key, standing: Standing, now_us: int, alias: str) -> dict[str, Any]:
    """alias: what the bearer may call the vendor's account in paths, '' where paths name none."""
    terms = key.terms
    return {
        "id": terms.key_id,
        "object": "key",
        "name": terms.name,
        "status": status(key, now_us),
        "issuer_id": terms.issuer_id,
        "created_at": rfc3339(terms.created_at_us),
        "expires_at": _time(terms.expires_at_us),
        "revoked_at": _time(key.revoked_at_us),
        "last_used_at": _time(key.last_used_us or None),
        "in_flight": len(key.in_flight),
        "account_sid": alias or None,
        **_policy(terms),
        **_money(standing),
    }


def self_record(key: Key, standing: Standing, now_us: int, alias: str) -> dict[str, Any]:
    """What the bearer may see of itself: all but who made it, its name and the account behind
    it."""
    record = key_record(key, standing, now_us, alias)
    for hidden in ("issuer_id", "name", "account", "in_flight"):
        del record[hidden]
    return record


def issuer_record(issuer: Issuer, standing: Standing) -> dict[str, Any]:
    terms = issuer.terms
    return {
        "id": terms.issuer_id,
        "object": "issuer",
        "name": terms.name,
        "status": "active" if issuer.revoked_at_us is None else "revoked",
        "created_at": rfc3339(terms.created_at_us),
        "revoked_at": _time(issuer.revoked_at_us),
        "keys_per_hour": terms.keys_per_hour,
        "timezone": terms.timezone,
        "template": _template(terms.template),
        **_money(standing),
    }


def call_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the audit log."""
    plain = {name: record[name] for name in _CALL_PLAIN}
    return {
        "id": plain.pop("id"),
        "object": "call",
        "at": moment(record["at_us"]),
        **plain,
        "quote_usd": show_usd(record["quote_micros"]),
        "cost_usd": show_usd(record["cost_micros"]),
        "restored_usd": show_usd(record["restored_micros"]),
        "day": None if record["day"] is None else day(record["day"]),
    }


_CALL_PLAIN: Final = (
    *("id", "key_id", "label", "run", "scenario", "step", "reason", "run_url", "vendor"),
    *("account", "method", "path", "operation", "decision", "code", "rule", "status"),
    *("state", "idempotency_key", "retry_of", "vendor_request_id", "object_id", "livemode"),
    *("duration_ms", "lookups", "would_refuse", "count"),
)
CALL_COLUMNS: Final = (
    *("id", "at", *_CALL_PLAIN[1:], "quote_usd", "cost_usd", "restored_usd", "day"),
)


def spend_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Totals of a run or a scenario, and of their parts: micros become USD, moments become text."""
    shown: dict[str, Any] = {}
    for name, value in record.items():
        if name.endswith("_micros"):
            shown[name.removesuffix("_micros") + "_usd"] = show_usd(value)
        elif name.endswith(("_at_us", "_since_us")):
            shown[name.removesuffix("_us")] = None if value is None else moment(value)
        elif isinstance(value, list):
            shown[name] = [spend_record(part) for part in value]
        else:
            shown[name] = value
    return shown


def page(data: Sequence[dict[str, Any]], url: str, *, has_more: bool) -> dict[str, Any]:
    return {"object": "list", "url": url, "has_more": has_more, "data": list(data)}


def moment(at_us: int) -> str:
    """To the millisecond: `2026-11-23T00:00:00.250Z`."""
    return f"{rfc3339(at_us)[:-1]}.{at_us // 1000 % 1000:03d}Z"


def complete_since(at_us: int | None) -> dict[str, str | None]:
    """What sums of the audit log say of themselves: since when they tell all; null: nothing is
    missing."""
    return {"complete_since": None if at_us is None else moment(at_us)}


def day(number: int) -> str:
    """Days since 1970-01-01 as a date."""
    return (_EPOCH + timedelta(days=number)).isoformat()


def status(key: Key, now_us: int) -> str:
    """`active`, `revoked` or `expired`."""
    if key.revoked_at_us is not None:
        return "revoked"
    return "expired" if key.expired(now_us) else "active"


def _policy(terms: Terms) -> dict[str, Any]:
    return {
        "vendor": terms.vendor,
        "account": terms.account,
        "agent_run_label": terms.label,
        "allowed_endpoints": list(terms.allowed.entries),
        "per_call_usd_max": usd_or_none(terms.per_call_micros_max),
        "rate_per_minute": terms.rate_per_minute,
        "concurrency_max": terms.concurrency_max,
        "currencies": _names(terms.currencies),
        "countries": _names(terms.countries),
        "params": {rule.name: _param(rule) for rule in terms.params} or None,
        "timezone": terms.timezone,
        "mode": terms.mode.value,
        "vendor_accounts": sorted(terms.vendor_accounts),
        "mint_endpoints": list(terms.mint_endpoints.entries) if terms.mint_endpoints else [],
        "allow_unpriced": {a.entries[0]: show_usd(held) for a, held in terms.allow_unpriced},
        "refunds_restore_cap": terms.refunds_restore_cap,
        "call_time_limit_s": terms.call_time_limit_s,
        "idempotency_scope": terms.idempotency_scope or None,
        "sandbox": terms.sandbox,
        "count_test_mode": terms.count_test_mode,
        "error_style": terms.error_style.value,
        "block_status": terms.block_status,
    }


def _param(rule: ParamRule) -> dict[str, Any]:
    shown = {
        "equals": rule.equals,
        "one_of": None if rule.one_of is None else list(rule.one_of),
        "prefix": rule.prefix,
        "max": rule.maximum,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _money(standing: Standing) -> dict[str, Any]:
    """The caps as set; cap_usd is today's in force, with top-ups."""
    daily = standing.cap_micros
    return {
        "daily_usd_cap": usd_or_none(None if daily is None else daily - standing.top_up_micros),
        "total_usd_cap": usd_or_none(standing.total_cap_micros),
        "daily_call_cap": standing.units_cap,
        "day": day(standing.day),
        "cap_usd": usd_or_none(daily),
        "top_up_usd": show_usd(standing.top_up_micros),
        "spent_usd": show_usd(standing.spent_micros),
        "held_usd": show_usd(standing.held_micros),
        "remaining_usd": usd_or_none(standing.remaining_micros),
        "restored_usd": show_usd(standing.restored_micros),
        "over_cap_usd": show_usd(standing.over_cap_micros),
        "settled_usd": show_usd(standing.settled_micros),
        "standing_usd": show_usd(standing.standing_micros),
        "pending_usd": show_usd(standing.pending_micros),
        "in_doubt_usd": show_usd(standing.in_doubt_micros),
        "calls_today": standing.units,
        "total_spent_usd": show_usd(standing.total_spent_micros),
        "total_held_usd": show_usd(standing.total_held_micros),
        "total_remaining_usd": usd_or_none(standing.total_remaining_micros),
        "resets_at": rfc3339(standing.resets_at_us),
    }


def _template(template: Template) -> dict[str, Any]:
    return {
        "vendors": sorted(template.vendors),
        "account": template.account,
        "allowed_endpoints": list(template.allowed.entries),
        "daily_usd_cap_max": show_usd(template.daily_cap_micros_max),
        "total_usd_cap_max": usd_or_none(template.total_cap_micros_max),
        "per_call_usd_max": usd_or_none(template.per_call_micros_max),
        "daily_call_cap_max": template.daily_call_cap_max,
        "expires_in_max": f"{template.expires_s_max}s",
    }


def _names(found: frozenset[str] | None) -> list[str] | None:
    return None if found is None else sorted(found)


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
