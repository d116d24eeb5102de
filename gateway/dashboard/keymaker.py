"""Making a key: the form, and its answer.

All that is wrong is told at once and what was typed is kept. A form carries a number of its own, so
that sent twice it makes one key. The secret waits in the session for the one page that shows it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from gateway.dashboard.endpoints import groups_of, title_of
from gateway.dashboard.forms import Form
from gateway.dashboard.keyform import EXPIRIES, in_words, key_body, made_name
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.dashboard.words import page_of
from gateway.errors import NotFound, Refusal
from gateway.http.message import Response
from gateway.vault.known import home

OFFERED: Final = frozenset(
    {
        *("vendor", "account", "agent_run_label", "name", "daily_usd_cap", "per_call_usd_max"),
        *("expires_in", "expires_other", "endpoint", "more_endpoints"),
    }
)
"""What an address may fill in: fields that stand in the open. Nobody is led into making a key with
bounds that are folded away."""


async def show(desk: Desk, visit: Visit) -> Response:
    """A link can offer a key."""
    known = desk.house.known
    vendor = visit.query.one("vendor") or next(iter(known), "")
    if vendor and vendor not in known:
        raise NotFound(f"{vendor[:64]} is not set up here.")
    offered = Form([(name, text) for name, text in visit.query.items() if name in OFFERED])
    return await _page(desk, visit, vendor, offered, ())


async def make(desk: Desk, visit: Visit) -> Response:
    form, session = visit.form, visit.session
    body = key_body(form)
    name = made_name(form, body)
    async with session.making:
        key_id = session.made.get(name)
        if key_id is None:
            try:
                record = await desk.api.ask("POST", "/vault/keys", body=body)
            except Refusal as refusal:
                return await _page(
                    desk, visit, form.one("vendor"), form, told(refusal), refusal.status
                )
            key_id = str(record["id"])
            session.once[key_id] = record["key"]
            session.said += record.get("warnings", ())
            session.made[name] = key_id
    return go_to(page_of("keys", key_id, "made"))


def told(refusal: Refusal) -> Sequence[dict[str, str]]:
    """What to say above a form that did not go through."""
    errors = refusal.facts.get("errors")
    if errors:
        return in_words(errors)
    return [{"field": "", "label": "", "problem": refusal.text}]


def number() -> str:
    """A form's own."""
    return secrets.token_urlsafe(12)


async def _page(
    desk: Desk,
    visit: Visit,
    vendor: str,
    form: Form,
    errors: Sequence[dict[str, str]],
    status: int = 200,
) -> Response:
    known, modules = desk.house.known, desk.house.doors.vendors
    groups = groups_of(modules[vendor]) if vendor in known else ()
    facts: dict[str, Any] = {
        "vendors": [(name, title_of(name)) for name in known],
        "vendor": vendor,
        "title": title_of(vendor),
        "accounts": list(known[vendor].accounts) if vendor in known else [],
        "home": home(known[vendor].accounts) if vendor in known else None,
        "special": known[vendor].key_terms if vendor in known else (),
        "groups": groups,
        "form": form,
        "picked": set(form.every("endpoint")),
        "expiries": EXPIRIES,
        "errors": errors,
        "wrong": {error["field"]: error["problem"] for error in errors},
        "number": form.one("number") or number(),
    }
    return await desk.page(visit, "key_new.html", status=status, nav="keys", **facts)


PAGES: Final = (
    Page("GET", "/keys/new", show),
    Page("POST", "/keys/new", make),
)
