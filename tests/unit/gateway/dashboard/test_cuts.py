"""Revoking runs: what the confirmation names, what is done, and letting them go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.gateway.dashboard.logs import browsing
from tests.unit.gateway.dashboard.visits import Browser, Flying, header

pytestmark = pytest.mark.anyio


async def test_the_confirmation_names_the_run_its_keys_and_what_is_on_its_way(
    browser: Browser,
) -> None:
    key = await browser.side.key(agent_run_label="billing/1", name="May")
    Flying(browser, await browser.key(agent_run_label="other/1"), "billing/1")
    await browser.get("/dashboard/runs/revoke?label=billing/1")
    assert "Revoke the run <bdi>billing/1</bdi>?" in browser.page
    assert f'href="/dashboard/keys/{key["id"]}">May</a>' in browser.page
    assert '<dd id="in-flight">1</dd>' in browser.page


async def test_of_a_scenario_it_says_what_it_covers(browser: Browser) -> None:
    for number in range(23):
        await browser.side.key(agent_run_label=f"billing/{number}")
    await browser.side.key(agent_run_label="billing-2/1", name="Not this one")
    await browser.get("/dashboard/runs/revoke?prefix=billing/")
    assert "also runs that begin later" in browser.page
    assert "and 3 more" in browser.page
    assert "Not this one" not in browser.page


@pytest.mark.parametrize("wish", ["finish", "abort"])
async def test_a_run_is_revoked_and_what_became_of_its_calls_is_said_once(
    browser: Browser, wish: str
) -> None:
    await browser.side.key(agent_run_label="billing/1")
    flight = Flying(browser, await browser.key(agent_run_label="other/1"), "billing/1")
    await browser.get("/dashboard/runs/revoke?label=billing/1")
    answer = await browser.post(
        "/dashboard/runs/revoke",
        {"label": "billing/1", "in_flight": wish, "cancel_open_intents": "1"},
    )
    assert answer.status == 303
    assert header(answer, b"location") == "/dashboard/runs/one?label=billing%2F1"
    assert browser.side.registry.runs.revoked("billing/1")
    assert flight.aborted == (wish == "abort")
    await browser.get("/dashboard/settings")
    said = "1 call on the way ended" if wish == "abort" else "1 call on the way may finish"
    assert "The run billing/1 is revoked, with 1 key." in browser.page
    assert said in browser.page
    assert "pi_1 canceled" in browser.page


async def test_a_run_goes_on_again_by_its_label(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        await browser.called()
        await browser.get("/dashboard/runs/revoke?label=billing/1")
        await browser.post("/dashboard/runs/revoke", {"label": "billing/1"})
        await browser.get("/dashboard/runs/one?label=billing/1")
        assert 'id="reopen"' in browser.page
        await browser.post("/dashboard/runs/reopen", {"label": "billing/1"})
        assert not browser.side.registry.runs.revoked("billing/1")
        await browser.get("/dashboard/runs/one?label=billing/1")
        assert "The run billing/1 may call again." in browser.page


async def test_a_scenario_is_stopped_and_goes_on_again_from_the_list(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        await browser.called()
        await browser.get("/dashboard/runs/revoke?prefix=billing/")
        answer = await browser.post("/dashboard/runs/revoke", {"prefix": "billing/"})
        assert header(answer, b"location") == "/dashboard/runs?by=scenario"
        assert browser.side.registry.runs.revoked("billing/77")
        await browser.get("/dashboard/runs?by=scenario")
        assert 'name="prefix" value="billing/"' in browser.page
        answer = await browser.post("/dashboard/runs/reopen", {"prefix": "billing/"})
        assert header(answer, b"location") == "/dashboard/runs?by=scenario"
        assert not browser.side.registry.runs.revoked("billing/77")


@pytest.mark.parametrize("query", ["", "?label=a&prefix=b", "?label=%20"])
async def test_one_run_or_one_prefix_is_named(browser: Browser, query: str) -> None:
    assert (await browser.get(f"/dashboard/runs/revoke{query}")).status == 400


async def test_a_wish_that_is_none_comes_back_with_the_form(browser: Browser) -> None:
    await browser.get("/dashboard/runs/revoke?label=billing/1")
    answer = await browser.post(
        "/dashboard/runs/revoke", {"label": "billing/1", "in_flight": "kill"}
    )
    assert answer.status == 400
    assert "<code>in_flight</code>" in browser.page
    assert not browser.side.registry.runs.revoked("billing/1")


async def test_labels_are_text(browser: Browser) -> None:
    await browser.send(
        "GET", "/dashboard/runs/revoke?label=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    )
    assert "<script>alert" not in browser.page
