"""One key: what it may do, how it stands, what it did last, and changing its caps.

A change names only what was changed on the page, and a top-up that is sent twice is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from gateway.dashboard.endpoints import endpoint_of, title_of
from gateway.dashboard.forms import Form
from gateway.dashboard.keyform import EXPIRIES, amendment_body, made_name, usd
from gateway.dashboard.keymaker import number, told
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.dashboard.policywords import limit_words, money_words
from gateway.dashboard.snippets import sample_of
from gateway.dashboard.whatif import filled_in
from gateway.dashboard.words import page_of
from gateway.dashboard.words import usd as usd_words
from gateway.errors import Refusal
from gateway.http.message import Response

CALLS: Final = 20
NOTHING: Final = Form(())


async def show(desk: Desk, visit: Visit) -> Response:
    return await _page(desk, visit, NOTHING, ())


async def amend(desk: Desk, visit: Visit) -> Response:
    body = amendment_body(visit.form)
    key_id = visit.path["id"]
    if body:
        try:
            await desk.api.ask("PATCH", f"/vault/keys/{key_id}", body=body)
        except Refusal as refusal:
            return await _page(desk, visit, visit.form, told(refusal), refusal.status)
        visit.session.said.append("Changed. It holds from the next call on.")
    else:
        visit.session.said.append("Nothing was changed: every field is as it was.")
    return go_to(page_of("keys", key_id))


async def top_up(desk: Desk, visit: Visit) -> Response:
    form, key_id, session = visit.form, visit.path["id"], visit.session
    more: dict[str, Any] = {"usd": usd(form.one("usd"))}
    if form.one("until"):
        more["expires_in"] = form.one("until")
    name = made_name(form, [key_id, more])
    async with session.making:
        if name not in session.made:
            try:
                await desk.api.ask("PATCH", f"/vault/keys/{key_id}", body={"top_up": more})
            except Refusal as refusal:
                return await _page(desk, visit, form, told(refusal), refusal.status)
            session.made[name] = key_id
            session.said.append(f"{usd_words(more['usd'])} more for today.")
    return go_to(page_of("keys", key_id))


async def _page(
    desk: Desk, visit: Visit, form: Form, errors: Sequence[dict[str, str]], status: int = 200
) -> Response:
    key_id = visit.path["id"]
    record = await desk.api.ask("GET", f"/vault/keys/{key_id}")
    query = urlencode({"key_id": key_id, "limit": CALLS})
    calls = await desk.api.ask("GET", "/vault/calls", query)
    vendor = desk.house.doors.vendors.get(record["vendor"])
    entries = record["allowed_endpoints"]
    sample = sample_of(vendor, record["vendor"], entries, record["account_sid"])
    issuer = desk.house.registry.issuer(record["issuer_id"] or "")
    return await desk.page(
        visit,
        "key.html",
        status=status,
        nav="keys",
        key=record,
        title=title_of(record["vendor"]),
        money_told=money_words(record),
        limits=limit_words(record),
        endpoints=[endpoint_of(vendor, record["vendor"], entry) for entry in entries],
        issuer_name=issuer.terms.name if issuer is not None else "",
        moments=moments(record, calls),
        calls=calls["data"],
        more_calls=calls["has_more"],
        asked=filled_in(sample),
        answer=None,
        form=form,
        expiries=EXPIRIES,
        errors=errors,
        wrong={error["field"]: error["problem"] for error in errors},
        number=form.one("number") or number(),
    )


def moments(record: dict[str, Any], calls: dict[str, Any]) -> Sequence[tuple[str, str | None]]:
    """What is known of a key's life, in order; None: not yet, or never. The first call is known
    where the newest calls are all there are."""
    first = calls["data"][-1]["at"] if calls["data"] and not calls["has_more"] else None
    life: list[tuple[str, str | None]] = [("Made", record["created_at"])]
    if first is not None:
        life.append(("First call", first))
    life.append(("Last used", record["last_used_at"]))
    if record["revoked_at"] is not None:
        life.append(("Revoked", record["revoked_at"]))
    elif record["status"] == "expired":
        life.append(("Expired", record["expires_at"]))
    else:
        life.append(("Expires", record["expires_at"]))
    return life


PAGES: Final = (
    Page("GET", "/keys/{id}", show),
    Page("POST", "/keys/{id}/amend", amend),
    Page("POST", "/keys/{id}/top-up", top_up),
)
