"""A form that makes or changes a key or an issuer, turned into the body that the admin side takes.

Nothing is judged here: what cannot be turned into a number or an object goes on as the text that
was typed, and the admin side tells what it must be, together with every other mistake. Mistakes
come back under the names that the form shows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from gateway.dashboard.forms import Form

_TEXTS: Final = (
    *("vendor", "account", "agent_run_label", "name", "timezone", "mode"),
    *("error_style", "idempotency_scope"),
)
_USD: Final = ("daily_usd_cap", "total_usd_cap", "per_call_usd_max")
_WHOLE: Final = (
    *("daily_call_cap", "rate_per_minute", "concurrency_max", "call_time_limit_s"),
    "block_status",
)
_NAMES: Final = ("currencies", "countries", "vendor_accounts")
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_BETWEEN: Final = re.compile(r"[\s,;]+")

EXPIRIES: Final = {
    "1h": "in an hour",
    "8h": "in 8 hours",
    "24h": "in 24 hours",
    "7d": "in 7 days",
    "30d": "in 30 days",
    "90d": "in 90 days",
    "365d": "in a year",
    "never": "never",
}
LABELS: Final = {
    "vendor": "Vendor",
    "account": "Account",
    "agent_run_label": "Run label",
    "name": "Name",
    "daily_usd_cap": "Daily cap",
    "total_usd_cap": "Total cap",
    "per_call_usd_max": "Most per call",
    "daily_call_cap": "Messages or calls a day",
    "rate_per_minute": "Calls a minute",
    "concurrency_max": "Calls at the same time",
    "call_time_limit_s": "Longest phone call",
    "allowed_endpoints": "What it may call",
    "expires_in": "Expiry",
    "countries": "Countries",
    "currencies": "Currencies",
    "timezone": "Time zone",
    "mode": "Mode",
    "params": "Rules on fields",
    "vendor_accounts": "Other accounts",
    "mint_endpoints": "Endpoints that hand out access",
    "allow_unpriced": "Endpoints without a price",
    "idempotency_scope": "Idempotency scope",
    "error_style": "Shape of refusals",
    "block_status": "Status of cap refusals",
    "keys_per_hour": "Keys an hour",
    "top_up": "Top-up",
    "top_up.usd": "Top-up",
    "template.vendors": "Vendors",
    "template.account": "Account",
    "template.allowed_endpoints": "What its keys may call",
    "template.daily_usd_cap_max": "A key's daily cap at most",
    "template.total_usd_cap_max": "A key's total cap at most",
    "template.per_call_usd_max": "A key's most per call",
    "template.daily_call_cap_max": "A key's messages or calls a day at most",
    "template.expires_in_max": "A key lives at most",
}
"""A field of the API -> what the form calls it."""


def key_body(form: Form) -> dict[str, Any]:
    """For POST /vault/keys. What was left empty is left out."""
    body: dict[str, Any] = {name: form.one(name) for name in _TEXTS}
    body |= {name: usd(form.one(name)) for name in _USD}
    body |= {name: whole(form.one(name)) for name in _WHOLE}
    body |= {name: _BETWEEN.split(form.one(name)) for name in _NAMES if form.one(name)}
    body["allowed_endpoints"] = endpoints(form)
    body["mint_endpoints"] = lines(form.one("mint_endpoints"))
    body["allow_unpriced"] = _holds(form.one("allow_unpriced"))
    body["params"] = _object(form.one("params"))
    body["refunds_restore_cap"] = True if form.one("refunds_restore_cap") else None
    body["count_test_mode"] = False if form.one("free_test_mode") else None
    return _given(body) | expiry(form)


def issuer_body(form: Form) -> dict[str, Any]:
    """For POST /vault/issuers."""
    template: dict[str, Any] = {
        "vendors": form.every("vendor"),
        "account": form.one("account"),
        "allowed_endpoints": endpoints(form),
        "daily_usd_cap_max": usd(form.one("daily_usd_cap_max")),
        "total_usd_cap_max": usd(form.one("total_usd_cap_max")),
        "per_call_usd_max": usd(form.one("per_call_usd_max")),
        "daily_call_cap_max": whole(form.one("daily_call_cap_max")),
        "expires_in_max": form.one("expires_other") or form.one("expires_in"),
    }
    body = {
        "name": form.one("name"),
        "daily_usd_cap": usd(form.one("daily_usd_cap")),
        "keys_per_hour": whole(form.one("keys_per_hour")),
        "timezone": form.one("timezone"),
    }
    return _given(body) | {"template": _given(template)}


def amendment_body(form: Form) -> dict[str, Any]:
    """For PATCH: what was typed, where it differs from what the page showed (`was_…`), so that a
    page that is out of date takes nothing back. An emptied field becomes null."""
    body: dict[str, Any] = {}
    for name, read in _AMENDED.items():
        typed, was = form.one(name), form.one(f"was_{name}")
        if typed != was:
            body[name] = read(typed) if typed else None
    return body | (expiry(form) if form.one("expires_in") or form.one("expires_other") else {})


def expiry(form: Form) -> dict[str, Any]:
    """A span that was typed goes before one that was picked."""
    span = form.one("expires_other") or form.one("expires_in")
    return {"expires_in": None if span == "never" else span} if span else {}


def endpoints(form: Form) -> list[str]:
    """Those that were ticked, then those that were typed, each once."""
    return list(dict.fromkeys([*form.every("endpoint"), *lines(form.one("more_endpoints"))]))


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def usd(text: str) -> str:
    """`$ 500` is `500`. Without a thousands mark: `1,5` is one and a half to many."""
    return text.removeprefix("$").strip()


def whole(text: str) -> int | str:
    return int(text) if _DIGITS.fullmatch(text) else text


def made_name(form: Form, body: Any) -> str:
    """What names the thing that a form makes: its own number and all that was filled in. Sent
    twice it is the same; changed and sent again it is another."""
    told = orjson.dumps([form.one("number"), body], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(told).hexdigest()


def in_words(errors: Iterable[dict[str, str]]) -> Sequence[dict[str, str]]:
    """The admin side's mistakes, each with what the form calls its field."""
    return [{**error, "label": LABELS.get(error["field"], error["field"])} for error in errors]


_AMENDED: Final[Mapping[str, Callable[[str], Any]]] = {
    "name": str,
    **dict.fromkeys(_USD, usd),
    **dict.fromkeys(("daily_call_cap", "rate_per_minute", "concurrency_max"), whole),
    "keys_per_hour": whole,
    "mode": str,
}


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in (None, "", [], {})}


def _object(text: str) -> Any:
    """JSON; what is none goes on as it was typed."""
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return text


def _holds(text: str) -> dict[str, str]:
    """A line each: `POST /v1/things = 0.50`."""
    pairs = [line.rpartition("=") for line in lines(text)]
    return {
        (entry if mark else rest).strip(): usd(rest.strip()) if mark else ""
        for entry, mark, rest in pairs
    }
