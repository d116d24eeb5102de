"""Issuers: who may make keys without the admin key, so that each run of a scenario has its own.

The list, one with its bounds and cap and what can be changed of it, the form that makes one, and
the page that shows its secret the one time, with the lines that make a key for a run.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from gateway.admin.issuers import shown
from gateway.dashboard.endpoints import endpoint_of, groups_of, title_of
from gateway.dashboard.forms import Form
from gateway.dashboard.guard import PRIVATE
from gateway.dashboard.keyform import EXPIRIES, amendment_body, issuer_body, made_name
from gateway.dashboard.keymaker import number, told
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.dashboard.takeaway import OWN_PATHS, filled, only_here
from gateway.dashboard.words import page_of
from gateway.errors import NotFound, Refusal
from gateway.http.message import Response
from gateway.vault.records import of_issuer

ROWS: Final = 50
NOTHING: Final = Form(())
ISSUER_STAND_IN: Final = "kb_issuer_…"
RUN_S: Final = 900
LIVES: Final = {span: words for span, words in EXPIRIES.items() if span != "never"}


async def show_all(desk: Desk, visit: Visit) -> Response:
    registry = desk.house.registry
    every = registry.issuers()
    after = visit.query.one("after")
    begin = int(after) if after.isascii() and after.isdecimal() and len(after) < 9 else 0
    alive: dict[str, int] = {}
    async for key in registry.walk(of_issuer(None)):
        if key.terms.issuer_id is not None and key.alive(visit.now_us):
            alive[key.terms.issuer_id] = alive.get(key.terms.issuer_id, 0) + 1
    more = begin + ROWS < len(every)
    return await desk.page(
        visit,
        "issuers.html",
        nav="keys",
        issuers=[shown(desk.house, issuer) for issuer in every[begin : begin + ROWS]],
        alive=alive,
        older=visit.turned(after=begin + ROWS) if more else None,
        newest=visit.turned() if begin else None,
    )


async def show(desk: Desk, visit: Visit) -> Response:
    return await _page(desk, visit, NOTHING, ())


async def amend(desk: Desk, visit: Visit) -> Response:
    """Its template is not on the page: for other bounds there is another issuer, or the command
    line."""
    body, issuer_id = amendment_body(visit.form), visit.path["id"]
    if body:
        try:
            await desk.api.ask("PATCH", f"/vault/issuers/{issuer_id}", body=body)
        except Refusal as refusal:
            return await _page(desk, visit, visit.form, told(refusal), refusal.status)
        visit.session.said.append("Changed. It holds from the next call on.")
    else:
        visit.session.said.append("Nothing was changed: every field is as it was.")
    return go_to(page_of("issuers", issuer_id))


async def _page(
    desk: Desk, visit: Visit, form: Form, errors: Sequence[dict[str, str]], status: int = 200
) -> Response:
    issuer = await desk.api.ask("GET", f"/vault/issuers/{visit.path['id']}")
    walk = desk.house.registry.walk(of_issuer(issuer["id"]))
    alive = [k.alive(visit.now_us) async for k in walk if k.terms.issuer_id == issuer["id"]]
    return await desk.page(
        visit,
        "issuer.html",
        status=status,
        nav="keys",
        issuer=issuer,
        endpoints=_endpoints(desk, issuer),
        titles=[title_of(name) for name in issuer["template"]["vendors"]],
        keys_made=len(alive),
        keys_alive=sum(alive),
        form=form,
        errors=errors,
        wrong={error["field"]: error["problem"] for error in errors},
    )


async def form(desk: Desk, visit: Visit) -> Response:
    return await _form(desk, visit, NOTHING, ())


async def make(desk: Desk, visit: Visit) -> Response:
    session = visit.session
    body = issuer_body(visit.form)
    name = made_name(visit.form, body)
    async with session.making:
        issuer_id = session.made.get(name)
        if issuer_id is None:
            try:
                record = await desk.api.ask("POST", "/vault/issuers", body=body)
            except Refusal as refusal:
                return await _form(desk, visit, visit.form, told(refusal), refusal.status)
            issuer_id = str(record["id"])
            session.once[issuer_id] = record["key"]
            session.made[name] = issuer_id
    return go_to(page_of("issuers", issuer_id, "made"))


async def made(desk: Desk, visit: Visit) -> Response:
    issuer_id, once = visit.path["id"], visit.session.once
    issuer = await desk.api.ask("GET", f"/vault/issuers/{issuer_id}")
    secret = once.pop(issuer_id, "") if visit.request.method == "GET" else ""
    base_url = desk.house.base_url
    return await desk.page(
        visit,
        "issuer_made.html",
        nav="keys",
        issuer=issuer,
        secret=secret,
        only_here=only_here(base_url),
        url=f"{base_url}/vault/keys",
        body=orjson.dumps(key_for_a_run(issuer), option=orjson.OPT_INDENT_2).decode(),
        curl=curl_line(issuer, base_url, secret or ISSUER_STAND_IN),
        has_blueprint=_fits_blueprint(desk, issuer),
    )


async def blueprint(desk: Desk, visit: Visit) -> Response:
    """The scenario that makes a key for each of its runs. Never with the secret in it."""
    issuer = await desk.api.ask("GET", f"/vault/issuers/{visit.path['id']}")
    if not _fits_blueprint(desk, issuer):
        raise NotFound("There is no blueprint for what its keys may call.")
    record = {"account_sid": None, "agent_run_label": scenario_of(issuer)}
    content = filled("per_run_key", record, desk.house.base_url, None, None, run_terms(issuer))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-disposition", b'attachment; filename="keybrake-per-run-key.blueprint.json"'),
        *PRIVATE,
    ]
    return Response(200, headers, content)


def key_for_a_run(issuer: Mapping[str, Any]) -> dict[str, Any]:
    """What a scenario asks of `/vault/keys`: all that it may, for a quarter of an hour. Where the
    template bounds something, a key without that bound would be refused."""
    template = issuer["template"]
    seconds = min(RUN_S, int(template["expires_in_max"].removesuffix("s")))
    bounds = {
        "per_call_usd_max": template["per_call_usd_max"],
        "total_usd_cap": template["total_usd_cap_max"],
        "daily_call_cap": template["daily_call_cap_max"],
    }
    return {
        "vendor": template["vendors"][0],
        "agent_run_label": f"{scenario_of(issuer)}/{{{{var.scenario.executionId}}}}",
        "daily_usd_cap": template["daily_usd_cap_max"],
        "allowed_endpoints": template["allowed_endpoints"],
        "expires_in": f"{seconds}s",
        **{name: most for name, most in bounds.items() if most is not None},
    }


def run_terms(issuer: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of that, for the blueprint, whose own may be more than the issuer allows."""
    asked = key_for_a_run(issuer)
    for name in ("vendor", "agent_run_label", "allowed_endpoints"):
        del asked[name]
    return {"per_call_usd_max": asked["daily_usd_cap"], **asked}


def scenario_of(issuer: Mapping[str, Any]) -> str:
    return issuer["name"] or "my-scenario"


def curl_line(issuer: Mapping[str, Any], base_url: str, secret: str) -> str:
    body = {**key_for_a_run(issuer), "agent_run_label": f"{scenario_of(issuer)}/1"}
    pieces = (
        f"curl {shlex.quote(f'{base_url}/vault/keys')}",
        f"-H {shlex.quote(f'Authorization: Bearer {secret}')}",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(orjson.dumps(body).decode())}",
    )
    return " \\\n  ".join(pieces)


def _fits_blueprint(desk: Desk, issuer: Mapping[str, Any]) -> bool:
    """May its keys do what the scenario does: charge at Stripe?"""
    found = desk.house.registry.issuer(issuer["id"])
    return (
        found is not None
        and "stripe" in found.terms.template.vendors
        and found.terms.template.allowed.allows(*OWN_PATHS["stripe"])
    )


def _endpoints(desk: Desk, issuer: Mapping[str, Any]) -> Sequence[Any]:
    """Each entry in the words of the first of its vendors that has words for it."""
    vendors = issuer["template"]["vendors"]
    modules = desk.house.doors.vendors
    found = []
    for entry in issuer["template"]["allowed_endpoints"]:
        told = [endpoint_of(modules.get(vendor), vendor, entry) for vendor in vendors]
        found.append(next((it for it in told if it.is_known), told[0]))
    return found


async def _form(
    desk: Desk, visit: Visit, form: Form, errors: Sequence[dict[str, str]], status: int = 200
) -> Response:
    known, modules = desk.house.known, desk.house.doors.vendors
    accounts = sorted({account for vendor in known.values() for account in vendor.accounts})
    return await desk.page(
        visit,
        "issuer_new.html",
        status=status,
        nav="keys",
        vendors=[(name, title_of(name), groups_of(modules[name])) for name in known],
        accounts=accounts,
        form=form,
        picked=set(form.every("endpoint")),
        picked_vendors=set(form.every("vendor")),
        lives=LIVES,
        errors=errors,
        wrong={error["field"]: error["problem"] for error in errors},
        number=form.one("number") or number(),
    )


PAGES: Final = (
    Page("GET", "/issuers", show_all),
    Page("GET", "/issuers/new", form),
    Page("POST", "/issuers/new", make),
    Page("GET", "/issuers/{id}", show),
    Page("GET", "/issuers/{id}/made", made),
    Page("POST", "/issuers/{id}/amend", amend),
    Page("POST", "/issuers/{id}/blueprint", blueprint),
)
