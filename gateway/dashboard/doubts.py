"""What is still open: calls in doubt, pending and standing, with their age and evidence; asking the
vendor now, and a person's own word on what became of one."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from gateway.dashboard.forms import Form
from gateway.dashboard.guard import ROOT
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.dashboard.words import from_micros, page_of
from gateway.errors import InvalidRequest
from gateway.http.message import Response
from ledger import HoldState

SHOWN: Final = 50
SOURCES: Final = {
    "in_doubt": ("/vault/in-doubt", {}),
    "pending": ("/vault/pending", {"state": "pending"}),
    "standing": ("/vault/pending", {"state": "standing"}),
}
"""State -> the admin side's call, and its query."""


async def show(desk: Desk, visit: Visit) -> Response:
    reconciler = await desk.api.ask("GET", "/vault/reconciler")
    await desk.budgets.lines()
    counts = counted(desk)
    wanted = visit.query.one("state")
    state = wanted if wanted in SOURCES else next((s for s in SOURCES if counts[s]), "in_doubt")
    path, query = SOURCES[state]
    after = {"starting_after": after} if (after := visit.query.one("after")) else {}
    page = await desk.api.ask("GET", path, urlencode({**query, **after, "limit": SHOWN}))
    return await desk.page(
        visit,
        "open.html",
        nav="open",
        state=state,
        counts=counts,
        calls=page["data"],
        has_more=page["has_more"],
        reconciler=reconciler,
        hours=desk.house.doors.settings.reconciler.resolve_after_h,
    )


def counted(desk: Desk) -> dict[str, int]:
    """How many calls are in each state, as of the latest look at the budgets."""
    return {state: desk.budgets.open[HoldState(state)] for state in SOURCES}


async def one(desk: Desk, visit: Visit) -> Response:
    return await _one(desk, visit, Form(()), [])


async def look_now(desk: Desk, visit: Visit) -> Response:
    call_id = visit.path["id"]
    answer = await desk.api.ask("POST", f"/vault/calls/{call_id}/reconcile", body={})
    state = answer["state"].replace("_", " ") if answer["state"] else "not known"
    visit.session.said.append(f"Asked the vendor: {answer['found']}. The call is {state}.")
    return go_to(page_of("open", call_id))


async def resolve(desk: Desk, visit: Visit) -> Response:
    call_id, form = visit.path["id"], visit.form
    settled = form.one("outcome") == "settled"
    body = {
        "outcome": form.one("outcome") or None,
        "cost_usd": form.one("cost_usd") if settled else None,
        "reason": form.one("reason"),
    }
    given = {name: value for name, value in body.items() if value}
    try:
        answer = await desk.api.ask("POST", f"/vault/calls/{call_id}/resolve", body=given)
    except InvalidRequest as refusal:
        return await _one(desk, visit, form, refusal.facts.get("errors", []))
    cost = f" at {answer['cost_usd']} USD" if answer["cost_usd"] else ""
    visit.session.said.append(f"{call_id} is {answer['state']}{cost}, on your word.")
    return go_to(f"{ROOT}/open")


async def _one(desk: Desk, visit: Visit, form: Form, errors: list[dict[str, str]]) -> Response:
    call_id = visit.path["id"]
    call = await desk.api.ask("GET", f"/vault/calls/{call_id}")
    return await desk.page(
        visit,
        "open_one.html",
        status=400 if errors else 200,
        nav="open",
        call=call,
        watched=_looked_after(desk, call_id, visit.now_us),
        form=form,
        errors=errors,
    )


def _looked_after(desk: Desk, call_id: str, now_us: int) -> dict[str, Any] | None:
    """What the lists tell of an open call beyond its record; None once it is closed."""
    states = (HoldState.IN_DOUBT, HoldState.PENDING, HoldState.STANDING)
    holds = [h for h in desk.house.ledger.open_holds(*states) if h.memo_ref == call_id]
    if not holds:
        return None
    watched = desk.house.reconcilers.watched(holds[-1])
    counts_micros = sum(hold.settled_micros + hold.standing_micros for hold in holds)
    return {
        "state": holds[-1].state.value,
        "counts_usd": from_micros(counts_micros),
        "age_s": max(0, now_us - holds[-1].at_us) // 1_000_000,
        "next_look_us": watched.next_look_us,
        "looks": watched.looks,
        "evidence": watched.found,
    }


PAGES: Final = (
    Page("GET", "/open", show),
    Page("GET", "/open/{id}", one),
    Page("POST", "/open/{id}/ask", look_now),
    Page("POST", "/open/{id}/resolve", resolve),
)
