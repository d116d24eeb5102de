"""What `POST /vault/keys` and `PATCH /vault/keys/{id}` say, read into a key's terms.

The tables are the whole list of what a body may hold. A mistake is never passed over: all of them
are told at once, and a field that means nothing for the key's vendor is one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.vault import fields as f
from gateway.vault.allowlist import Allowlist
from gateway.vault.fields import Field, look_over, mistake, read_text, refuse
from gateway.vault.issuers import Issuer, Template, judge_template
from gateway.vault.known import Known, home
from gateway.vault.terms import ErrorStyle, Mode, ParamRule, Terms

DAY_S: Final = 86_400
LABEL: Final = "agent_run_label"
_PARAMS_MAX: Final = 50
_WHOLE_MAX: Final = 10**18


def _read_params(value: Any) -> tuple[ParamRule, ...]:
    if type(value) is not dict or not value:
        raise ValueError("must be an object of fields, and not an empty one")
    if len(value) > _PARAMS_MAX:
        raise ValueError(f"must name at most {_PARAMS_MAX} fields")
    return tuple(_read_param(read_text(name), rule) for name, rule in value.items())


def _read_param(name: str, rule: Any) -> ParamRule:
    if type(rule) is not dict or not rule:
        raise ValueError(f"must say for {name} what it must be, such as {{'equals': …}}")
    found, mistakes = look_over(rule, PARAM_FIELDS)
    if mistakes:
        raise ValueError("; ".join(f"{name}: {m['field']} {m['problem']}" for m in mistakes))
    found["maximum"] = found.pop("max", None)
    return ParamRule(name, **found)


def _read_one_of(value: Any) -> tuple[str, ...]:
    return tuple(read_text(item, 500) for item in f.read_list(value, items_max=100))


def _read_unpriced(value: Any) -> tuple[tuple[Allowlist, int], ...]:
    if type(value) is not dict or not value:
        raise ValueError("must be an object of endpoints with their holds, and not an empty one")
    return tuple((Allowlist.parse([entry]), f.positive_usd(hold)) for entry, hold in value.items())


PARAM_FIELDS: Final = (
    f.text("equals", "The field's only value.", chars_max=500, null="refused"),
    Field(
        "one_of",
        _read_one_of,
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
        "The field's only values.",
        null="refused",
    ),
    f.text("prefix", "How the field's value begins.", chars_max=500, null="refused"),
    f.whole(
        "max",
        "The field's largest value, as a whole number.",
        least=-_WHOLE_MAX,
        most=_WHOLE_MAX,
        null="refused",
    ),
)
_PARAMS_SCHEMA: Final = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": _PARAMS_MAX,
    "additionalProperties": f.object_schema(PARAM_FIELDS) | {"minProperties": 1},
}
_UNPRICED_SCHEMA: Final = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": f.USD_SCHEMA,
}

_CAPS: Final = (
    f.usd("total_usd_cap", "All that the budget may ever spend."),
    f.usd("per_call_usd_max", "The most that one call may cost."),
    f.whole(
        "daily_call_cap",
        "Metered calls a day (Twilio messages, Resend recipients), held and released like money.",
    ),
    f.whole("rate_per_minute", "Calls in any 60 seconds.", least=1, most=60_000),
    f.whole("concurrency_max", "Calls at the same time.", least=1, most=10_000),
    f.text("name", "For people."),
)
_MODE: Final = f.choice(
    "mode",
    "shadow: only report, in Keybrake-Would-Refuse, what its caps, rate and policy refuse.",
    [mode.value for mode in Mode],
)
_DAILY: Final = "What may be spent in a day of the budget's zone; 0: nothing."

KEY_FIELDS: Final[tuple[Field, ...]] = (
    f.matching("vendor", "stripe, …", "[a-z][a-z0-9_]{0,31}", "a vendor's name", required=True),
    f.usd("daily_usd_cap", _DAILY, required=True),
    f.endpoints("allowed_endpoints", "METHOD and path; * is one segment.", required=True),
    f.text(LABEL, "The run, such as make-billing-scenario/8f31.", required=True),
    f.duration("expires_in", "Default 24h; null: never (admin only).", null="value"),
    f.matching("account", "Which real credentials.", "[A-Za-z0-9_.-]{1,64}", "an account's name"),
    *_CAPS,
    f.names(
        "currencies",
        "The only currencies of priced calls.",
        "[a-z]{3}",
        "three-letter currency codes",
        fold=True,
        special=True,
    ),
    f.names(
        "countries",
        "The only countries that are called or written to.",
        "[A-Z]{2}",
        "two-letter country codes in capitals",
        special=True,
    ),
    Field("params", _read_params, _PARAMS_SCHEMA, "Rules on named fields of a request."),
    f.zone("timezone", "Where the budget's day begins; fixed. Default UTC."),
    _MODE,
    f.names(
        "vendor_accounts",
        "Accounts beside its own that Stripe-Account, Stripe-Context or a path may name.",
        "[A-Za-z0-9_/]{1,128}",
        "account ids",
        special=True,
    ),
    f.endpoints("mint_endpoints", "Operations that hand out credentials, named one by one."),
    Field(
        "allow_unpriced",
        _read_unpriced,
        _UNPRICED_SCHEMA,
        "Endpoint to the fixed USD hold of an operation that nobody can price.",
    ),
    f.flag(
        "refunds_restore_cap",
        "A refund of the key's own charge on the same day gives back to its cap.",
        special=True,
    ),
    f.whole(
        "call_time_limit_s",
        "The longest phone call, in seconds.",
        least=1,
        most=14_400,
        special=True,
    ),
    f.matching(
        "idempotency_scope",
        "Keys with one scope share the namespace of their Idempotency-Keys.",
        "[A-Za-z0-9._:/-]{1,100}",
        "1 to 100 of the characters A-Z a-z 0-9 . _ : / -",
    ),
    f.flag("count_test_mode", "Do calls that move no real money count? Default true."),
    f.choice("error_style", "The shape of refusals.", [style.value for style in ErrorStyle]),
    f.choice("block_status", "The status of cap refusals. Default 429.", [429, 402]),
)

_PLAIN: Final = frozenset(
    {
        *("daily_call_cap", "rate_per_minute", "concurrency_max", "name", "currencies"),
        *("countries", "params", "timezone", "vendor_accounts", "mint_endpoints"),
        *("allow_unpriced", "refunds_restore_cap", "call_time_limit_s", "idempotency_scope"),
        *("count_test_mode", "block_status"),
    }
)
"""Fields whose value is the term of the same name."""


def read_terms(
    body: Mapping[str, Any], known: Known, key_id: str, now_us: int, issuer: Issuer | None = None
) -> Terms:
    """The terms of a new key. For an issuer the template fills what the body leaves out and bounds
    what it says. Raises InvalidRequest with all mistakes, PolicyRefused."""
    values, mistakes = look_over(body, KEY_FIELDS)
    template = None if issuer is None else issuer.terms.template
    vendor = values.get("vendor")
    if vendor is not None:
        mistakes += _misplaced(values, vendor, known)
        values["account"] = _account(values, known, template, mistakes)
    refuse(mistakes)
    if template is not None:
        _fill_in(values, template)
    terms = Terms(
        key_id=key_id,
        vendor=vendor or "",
        account=values["account"],
        allowed=values["allowed_endpoints"],
        daily_cap_micros=values["daily_usd_cap"],
        created_at_us=now_us,
        expires_at_us=_end_us(values.get("expires_in", DAY_S), now_us),
        label=values[LABEL],
        issuer_id=None if issuer is None else issuer.terms.issuer_id,
        total_cap_micros=values.get("total_usd_cap"),
        per_call_micros_max=values.get("per_call_usd_max"),
        mode=Mode(values.get("mode", Mode.ENFORCE)),
        error_style=ErrorStyle(values.get("error_style", ErrorStyle.AUTO)),
        **{name: value for name, value in values.items() if name in _PLAIN},
    )
    if template is not None:
        judge_template(terms, template, home(known[terms.vendor].accounts))
    return terms


def _misplaced(values: Mapping[str, Any], vendor: str, known: Known) -> list[dict[str, str]]:
    """Terms that mean nothing to the key's vendor."""
    if vendor not in known:
        return []
    misplaced = [
        row.name
        for row in KEY_FIELDS
        if row.special and row.name in values and row.name not in known[vendor].key_terms
    ]
    return [mistake(name, _where_else(name, vendor, known)) for name in misplaced]


def _where_else(name: str, vendor: str, known: Known) -> str:
    others = ", ".join(sorted(other for other in known if name in known[other].key_terms))
    return f"does not apply to {vendor}{f', only to {others}' if others else ''}"


def _account(
    values: Mapping[str, Any],
    known: Known,
    template: Template | None,
    mistakes: list[dict[str, str]],
) -> str:
    """The account that a key uses: the one that is named, the template's, `default`, or the only
    one."""
    vendor = values["vendor"]
    if vendor not in known:
        here = ", ".join(sorted(known)) or "none"
        mistakes.append(mistake("vendor", f"{vendor} is not set up here; there is {here}"))
        return ""
    accounts = known[vendor].accounts
    asked = values.get("account") or (template and template.account)
    if asked is not None:
        if asked not in accounts:
            told = f"{asked} is no account of {vendor}; there is {', '.join(sorted(accounts))}"
            mistakes.append(mistake("account", told))
        return str(asked)
    usual = home(accounts)
    if usual is None:
        told = f"is required: {vendor} has {', '.join(sorted(accounts))}"
        mistakes.append(mistake("account", told))
    return usual or ""


def _fill_in(values: dict[str, Any], template: Template) -> None:
    """Where the request is silent the template speaks."""
    values.setdefault("expires_in", min(DAY_S, template.expires_s_max))
    if template.total_cap_micros_max is not None:
        values.setdefault("total_usd_cap", template.total_cap_micros_max)
    if template.per_call_micros_max is not None:
        values.setdefault("per_call_usd_max", template.per_call_micros_max)
    if template.daily_call_cap_max is not None:
        values.setdefault("daily_call_cap", template.daily_call_cap_max)


def _end_us(seconds: int | None, now_us: int) -> int | None:
    return None if seconds is None else now_us + seconds * 1_000_000


# Amending


@dataclass(frozen=True, slots=True)
class TopUp:
    """More for the day that it is made on. until_us: or only until then."""

    amount_micros: int
    until_us: int | None


TOP_UP_FIELDS: Final = (
    f.usd("usd", "How much more.", positive=True, required=True),
    f.duration("expires_in", "It ends then, or with the day."),
    f.moment("expires_at", "It ends then, or with the day."),
)


def _nullable(row: Field) -> Field:
    return replace(row, null="value")


AMEND_FIELDS: Final[tuple[Field, ...]] = (
    f.usd("daily_usd_cap", _DAILY, null="refused"),
    *map(_nullable, _CAPS),
    f.duration("expires_in", "Counted from now; null: never.", null="value"),
    replace(_MODE, null="refused"),
    f.nested("top_up", "More for today, once.", TOP_UP_FIELDS, dict, null="refused"),
)
_FIXED: Final = {row.name for row in KEY_FIELDS} - {row.name for row in AMEND_FIELDS}


def read_amendment(
    body: Mapping[str, Any], terms: Terms, now_us: int
) -> tuple[Terms, TopUp | None]:
    """A key's terms as they are to be, and a top-up of its budget. Raises InvalidRequest."""
    open_fields = {name: value for name, value in body.items() if name not in _FIXED}
    values, mistakes = look_over(open_fields, AMEND_FIELDS)
    fixed = [name for name in body if name in _FIXED]
    mistakes += [mistake(name, "is fixed when the key is made") for name in fixed]
    if not body:
        mistakes.append(mistake("body", "must name at least one field"))
    if values.get("mode") == Mode.SHADOW.value and terms.issuer_id is not None:
        mistakes.append(mistake("mode", "must be enforce for an issuer's key"))
    top_up = _top_up(values.pop("top_up", None), now_us, mistakes)
    refuse(mistakes)
    changes: dict[str, Any] = {
        _TERM_OF.get(name, name): value for name, value in values.items() if name in _TERMS
    }
    if "name" in values:
        changes["name"] = values["name"] or ""
    if "mode" in values:
        changes["mode"] = Mode(values["mode"])
    if "expires_in" in values:
        changes["expires_at_us"] = _end_us(values["expires_in"], now_us)
    return replace(terms, **changes), top_up


_TERM_OF: Final = {
    "daily_usd_cap": "daily_cap_micros",
    "total_usd_cap": "total_cap_micros",
    "per_call_usd_max": "per_call_micros_max",
}
_TERMS: Final = {*_TERM_OF, "daily_call_cap", "rate_per_minute", "concurrency_max"}


def _top_up(
    values: Mapping[str, Any] | None, now_us: int, mistakes: list[dict[str, str]]
) -> TopUp | None:
    if values is None:
        return None
    if "expires_in" in values and "expires_at" in values:
        mistakes.append(mistake("top_up", "must have expires_in or expires_at, not both"))
    until_us = values.get("expires_at", _end_us(values.get("expires_in"), now_us))
    if until_us is not None and until_us <= now_us:
        mistakes.append(mistake("top_up.expires_at", "must be in the future"))
    return TopUp(values["usd"], until_us)
