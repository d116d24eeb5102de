"""The dashboard's calls, runs and spend, from outside: what a person reads is what the admin side
tells, and a run that goes wrong is stopped from its page."""

from __future__ import annotations

import csv
import io
import threading
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.people import Town
from tests.browser.scene import HOSTILE, REASONS, RUN, Scene, charge
from tests.house import Answer
from tests.pages import Page, Visitor

pytestmark = pytest.mark.usefixtures("scene")


def told(page: Page) -> list[str]:
    """The calls in its table, from the top."""
    return [a["data-call"] or "" for _, a in page.tags if "data-call" in a]


def told_by(place: Town, query: str) -> list[dict[str, Any]]:
    answer = place.gateway.admin("GET", f"/vault/calls?{query}&limit=100")
    return list(answer.json()["data"])


def test_the_list_has_what_the_admin_side_tells(place: Town, visitor: Visitor) -> None:
    assert told(visitor.get("/calls?vendor=stripe")) == [
        call["id"] for call in told_by(place, "vendor=stripe")
    ]
    page = visitor.get("/calls?decision=refused&vendor=stripe&range=24h")
    refused = told_by(place, "decision=refused&vendor=stripe")
    assert told(page) == [call["id"] for call in refused] != []
    assert "endpoint_not_allowed" in page.text


def test_a_file_has_the_rows_of_the_filter(place: Town, visitor: Visitor) -> None:
    page = visitor.get(f"/calls?run={quote(RUN, safe='')}&range=24h")
    target = next(link for link in page.links if "format=csv" in link)
    answer = visitor.raw("GET", target)
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert [row["id"] for row in rows] == told(page)
    known = {call["id"]: call for call in told_by(place, f"run={quote(RUN, safe='')}")}
    assert all(row["cost_usd"] == known[row["id"]]["cost_usd"] for row in rows)
    assert Visitor(place.gateway).raw("GET", target).status == 303, "nobody else gets it"


def test_a_refused_call_says_what_to_do(visitor: Visitor, scene: Scene) -> None:
    page = visitor.get(f"/calls/{scene.refused_call}")
    assert "The gateway refused this call with status 429" in page.text
    assert "wait for resets_at , or raise the cap" in page.text
    assert f"/dashboard/keys/{scene.billing_key}" in page.links


def test_a_call_in_doubt_leads_to_where_it_is_cleared_up(visitor: Visitor, scene: Scene) -> None:
    page = visitor.get(f"/calls/{scene.doubted_call}")
    assert "no answer says what happened" in page.text
    assert f"/dashboard/open/{scene.doubted_call}" in page.links


def test_a_run_is_told_with_reasons_and_its_running_total(visitor: Visitor) -> None:
    page = visitor.get(f"/runs/one?label={quote(RUN, safe='')}")
    assert REASONS[0] in page.text
    assert "$12.00" in page.text
    assert "$54.90" in page.text, "12.00 + 18.50 + 9.40 + 15.00, before what was refused"
    assert "Open at eu1.make.com" in page.text
    listed = visitor.get("/runs")
    assert RUN in listed.text


def test_what_a_caller_wrote_is_text(visitor: Visitor) -> None:
    for path in ("/calls", "/runs", "/runs?by=scenario", "/spend?by=scenario", "/spend?by=key"):
        page = visitor.get(path)
        assert page.status == 200
        assert [a for _, a in page.tags if "onerror" in a] == []
        assert "<script>alert" not in page.html
    label = f"{HOSTILE}/1"[:100]
    page = visitor.get(f"/runs/one?label={quote(label, safe='')}")
    assert HOSTILE in page.text
    assert not [link for link in page.links if link.startswith("javascript:")]


def test_spend_adds_up_however_it_is_split(visitor: Visitor) -> None:
    totals = set()
    for by in ("vendor", "account", "operation", "scenario", "key"):
        page = visitor.get(f"/spend?by={by}&range=24h")
        totals.add(page.text.partition("Show ")[2].split()[0])
    assert len(totals) == 1
    assert totals.pop().startswith("$")


@pytest.mark.parametrize("wish", ["finish", "abort"])
def test_a_run_is_stopped_from_its_page_while_it_calls(
    place: Town, visitor: Visitor, wish: str
) -> None:
    key = place.gateway.make_key(agent_run_label=f"runaway/{wish}", daily_usd_cap=50)
    place.stripe.behave(path="/v1/payment_intents", hold_answer=True)
    sent = place.stripe.stats()["requests"]
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(charge(place.gateway, key, 500)))
    caller.start()
    while place.stripe.stats()["requests"] == sent:
        pass
    page = visitor.get(f"/runs/revoke?label={quote(f'runaway/{wish}', safe='')}")
    assert "on their way now 1 " in page.text
    page = visitor.post("/runs/revoke", {"label": f"runaway/{wish}", "in_flight": wish})
    said = (
        "1 call on the way ended; 1 of them had left in full, and may have happened."
        if wish == "abort"
        else "1 call on the way may finish."
    )
    assert f"The run runaway/{wish} is revoked, with 1 key. {said}" in page.text
    if wish == "finish":
        place.stripe.calm()
    caller.join()
    place.stripe.calm()
    assert answers[0].status == (401 if wish == "abort" else 200)
    assert charge(place.gateway, key, 500).error == "key_revoked"
    page = visitor.post("/runs/reopen", {"label": f"runaway/{wish}"})
    assert f"The run runaway/{wish} may call again." in page.text
    fresh = place.gateway.make_key(agent_run_label=f"runaway/{wish}", daily_usd_cap=50)
    assert charge(place.gateway, fresh, 500).status == 200
