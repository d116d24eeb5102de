"""What would become of a call of this key, without making it: its price and every rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.dashboard.endpoints import endpoint_of, title_of
from gateway.dashboard.forms import Form
from gateway.dashboard.keymaker import told
from gateway.dashboard.pages import Desk, Page, Visit
from gateway.dashboard.snippets import Sample, sample_of
from gateway.errors import Refusal
from gateway.http.message import Response
from gateway.vault.allowlist import METHODS

RULES: Final = {
    "vendor": "It is for this vendor",
    "key": "The key is alive",
    "sandbox": "Sandbox and real are not mixed",
    "path": "The path is plain",
    "account": "The account is its own",
    "endpoint": "It is on the key's list",
    "mint_endpoints": "It hands out no access",
    "headers": "The headers are harmless",
    "concurrency_max": "Calls at the same time",
    "rate_per_minute": "Calls a minute",
    "body": "The request can be read",
    "idempotency": "It is no conflicting repeat",
    "price": "Its price can be told",
    "per_call_usd_max": "Most per call",
    "currency": "Currency",
    "country": "Country",
    "call_time_limit_s": "Longest phone call",
    "destination_unpriced": "The destination has a price",
    "rates_age": "The exchange rates are fresh",
    "params": "Rules on fields",
    "key_daily": "Today's cap",
    "key_total": "Total cap",
    "key_calls": "Messages or calls a day",
    "issuer_daily": "The issuer's cap",
}
"""A rule of `/vault/quote`, as people call it; of `params:amount` what precedes the colon."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form asks about."""

    method: str
    path: str
    body: str


async def show(desk: Desk, visit: Visit) -> Response:
    """`?entry=POST /v1/refunds`: fills the form in with one of the key's own."""
    key = await desk.api.ask("GET", f"/vault/keys/{visit.path['id']}")
    entry = visit.query.one("entry")
    entries = [entry] if entry in key["allowed_endpoints"] else key["allowed_endpoints"]
    vendor = desk.house.doors.vendors.get(key["vendor"])
    sample = sample_of(vendor, key["vendor"], entries, key["account_sid"])
    return await _page(desk, visit, key, filled_in(sample), None, ())


async def ask(desk: Desk, visit: Visit) -> Response:
    key = await desk.api.ask("GET", f"/vault/keys/{visit.path['id']}")
    typed = read_typed(visit.form)
    try:
        answer = await desk.api.ask("POST", "/vault/quote", body=quote_body(key["id"], typed))
    except Refusal as refusal:
        return await _page(desk, visit, key, typed, None, told(refusal), refusal.status)
    return await _page(desk, visit, key, typed, answer, ())


def read_typed(form: Form) -> Typed:
    body = next((text for name, text in form.items() if name == "body"), "")
    return Typed(form.one("method"), form.one("path"), body.strip())


def quote_body(key_id: str, typed: Typed) -> dict[str, Any]:
    """A body that begins as JSON does is sent as JSON, any other as a form."""
    body: dict[str, Any] = {"key": key_id, "method": typed.method, "path": typed.path}
    if typed.body:
        is_json = typed.body.startswith(("{", "["))
        kind = "application/json" if is_json else "application/x-www-form-urlencoded"
        body |= {"body": typed.body, "headers": {"Content-Type": kind}}
    return body


def filled_in(sample: Sample) -> Typed:
    return Typed(sample.method, sample.target, sample.text)


async def _page(
    desk: Desk,
    visit: Visit,
    key: dict[str, Any],
    typed: Typed,
    answer: dict[str, Any] | None,
    errors: Sequence[dict[str, str]],
    status: int = 200,
) -> Response:
    vendor = desk.house.doors.vendors.get(key["vendor"])
    return await desk.page(
        visit,
        "what_if.html",
        status=status,
        nav="keys",
        key=key,
        title=title_of(key["vendor"]),
        endpoints=[endpoint_of(vendor, key["vendor"], e) for e in key["allowed_endpoints"]],
        methods=sorted(METHODS),
        asked=typed,
        answer=answer,
        rules=RULES,
        errors=errors,
        wrong={error["field"]: error["problem"] for error in errors},
    )


PAGES: Final = (
    Page("GET", "/keys/{id}/what-if", show),
    Page("POST", "/keys/{id}/what-if", ask),
)
