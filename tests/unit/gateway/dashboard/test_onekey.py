"""One key's page: its policy, standing, life and calls; changing it, and a top-up."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.dashboard.onekey import moments
from tests.unit.gateway.dashboard.visits import Browser, header

HOSTILE = "<script>alert(1)</script>\"'\u202e"


async def opened(browser: Browser, **terms: Any) -> str:
    """Its id; its page is the one that was read last."""
    made: str = (await browser.side.key(**terms))["id"]
    await browser.get(f"/dashboard/keys/{made}")
    return made


async def record(browser: Browser, key_id: str) -> Any:
    _, answer = await browser.side.ask("GET", f"/vault/keys/{key_id}")
    return answer


async def test_the_page_says_what_it_may_do(browser: Browser) -> None:
    key_id = await opened(browser, name="Billing", per_call_usd_max="20", concurrency_max=2)
    assert "May spend up to $500.00 a day, $20.00 in one call." in browser.page
    assert "At most 2 calls at the same time." in browser.page
    assert "Charge a customer <code>POST /v1/payment_intents</code>" in browser.page
    assert "the admin key" in browser.page
    assert 'href="/dashboard/runs/one?label=make-billing-scenario%2F8f31"' in browser.page
    assert f'href="/dashboard/keys/{key_id}/revoke"' in browser.page
    assert "No calls yet." in browser.page


async def test_its_calls_stand_on_it(browser: Browser) -> None:
    key_id = await opened(browser)
    browser.side.history.add(id="call_7", key_id=key_id, operation="PostRefunds", at_us=2_000_000)
    await browser.get(f"/dashboard/keys/{key_id}")
    assert 'data-call="call_7"' in browser.page
    assert "First call" in browser.page
    assert re.search(r'href="/dashboard/calls\?key_id=vk_\w+&amp;range=90d"', browser.page)


async def test_who_made_it(browser: Browser) -> None:
    issuer = await browser.side.issuer(name=HOSTILE.replace("\u202e", ""))
    body = {
        "vendor": "stripe",
        "daily_usd_cap": 5,
        "agent_run_label": "r/1",
        "allowed_endpoints": ["POST /v1/payment_intents"],
    }
    _, made = await browser.side.ask("POST", "/vault/keys", body, key=issuer["key"])
    await browser.get(f"/dashboard/keys/{made['id']}")
    assert f'href="/dashboard/issuers/{issuer["id"]}"' in browser.page
    assert "<script>alert" not in browser.page
    assert 'name="was_mode"' not in browser.page  # shadow is not for an issuer's key


async def test_a_change_holds_and_is_said(browser: Browser) -> None:
    key_id = await opened(browser)
    fields = {
        "daily_usd_cap": "40",
        "was_daily_usd_cap": "500.00",
        "name": "New",
        "was_name": "",
        "expires_in": "7d",
    }
    answer = await browser.post(f"/dashboard/keys/{key_id}/amend", fields)
    assert (answer.status, header(answer, b"location")) == (303, f"/dashboard/keys/{key_id}")
    told = await record(browser, key_id)
    assert (told["daily_usd_cap"], told["name"]) == ("40.00", "New")
    await browser.get(f"/dashboard/keys/{key_id}")
    assert "Changed. It holds from the next call on." in browser.page
    await browser.post(f"/dashboard/keys/{key_id}/amend", {"name": "New", "was_name": "New"})
    await browser.get(f"/dashboard/keys/{key_id}")
    assert "Nothing was changed" in browser.page


async def test_a_page_that_is_out_of_date_takes_nothing_back(browser: Browser) -> None:
    key_id = await opened(browser)
    await browser.side.ask("PATCH", f"/vault/keys/{key_id}", {"daily_usd_cap": 3})
    fields = {"daily_usd_cap": "500.00", "was_daily_usd_cap": "500.00", "name": "x", "was_name": ""}
    await browser.post(f"/dashboard/keys/{key_id}/amend", fields)
    assert (await record(browser, key_id))["daily_usd_cap"] == "3.00"


async def test_mistakes_of_a_change_keep_what_was_typed(browser: Browser) -> None:
    key_id = await opened(browser)
    fields = {
        "daily_usd_cap": "",
        "was_daily_usd_cap": "500.00",
        "rate_per_minute": HOSTILE,
        "was_rate_per_minute": "",
        "name": "Kept",
        "was_name": "",
    }
    answer = await browser.post(f"/dashboard/keys/{key_id}/amend", fields)
    assert answer.status == 400
    assert "2 things are not right yet" in browser.page
    assert 'value="Kept"' in browser.page
    assert 'name="was_daily_usd_cap" value="500.00"' in browser.page
    assert "<script>alert" not in browser.page
    assert re.search(r"<details open>\s*<summary>Change caps", browser.page)
    assert (await record(browser, key_id))["name"] == ""


async def test_a_top_up_that_is_sent_twice_is_made_once(browser: Browser) -> None:
    key_id = await opened(browser)
    fields = {"usd": "$7", "until": "1h", "number": "n1"}
    for _ in range(2):
        answer = await browser.post(f"/dashboard/keys/{key_id}/top-up", fields)
        assert answer.status == 303
        await browser.get(f"/dashboard/keys/{key_id}")
    assert (await record(browser, key_id))["top_up_usd"] == "7.00"
    assert browser.page.count("more for today.") == 0  # said once, on the page before
    await browser.post(f"/dashboard/keys/{key_id}/top-up", {**fields, "number": "n2"})
    assert (await record(browser, key_id))["top_up_usd"] == "14.00"
    await browser.get(f"/dashboard/keys/{key_id}")
    assert "$7.00 more for today." in browser.page


@pytest.mark.parametrize("wrong", ["", "0", "-1", "1e9", "seven"])
async def test_a_top_up_has_to_be_money(browser: Browser, wrong: str) -> None:
    key_id = await opened(browser)
    answer = await browser.post(f"/dashboard/keys/{key_id}/top-up", {"usd": wrong, "number": "n"})
    assert answer.status == 400
    assert '<a href="#f-top_up.usd">Top-up</a>' in browser.page
    assert (await record(browser, key_id))["top_up_usd"] == "0.00"


async def test_a_key_that_is_over_is_not_changed(browser: Browser) -> None:
    key_id = await opened(browser)
    await browser.side.ask("POST", f"/vault/keys/{key_id}/revoke", {})
    fields = {"name": "x", "was_name": ""}
    answer = await browser.post(f"/dashboard/keys/{key_id}/amend", fields)
    assert answer.status == 400
    assert "is revoked or expired" in browser.page
    assert "More for today" not in browser.page


async def test_there_is_no_such_key(browser: Browser) -> None:
    assert (await browser.get("/dashboard/keys/vk_nobody")).status == 404
    assert (await browser.get("/dashboard/keys/%3Cscript%3E")).status == 404
    assert "<script>" not in browser.page.replace("<script src", "")


def test_a_life_in_order() -> None:
    key = {
        "created_at": "2026-11-23T00:00:00Z",
        "last_used_at": None,
        "revoked_at": None,
        "expires_at": None,
        "status": "active",
    }
    calls: dict[str, Any] = {"data": [], "has_more": False}
    assert [words for words, _ in moments(key, calls)] == ["Made", "Last used", "Expires"]
    some = {"data": [{"at": "2026-11-23T02:00:00Z"}], "has_more": False}
    assert ("First call", "2026-11-23T02:00:00Z") in moments(key, some)
    assert len(moments(key, {**some, "has_more": True})) == 3
    revoked = {**key, "revoked_at": "2026-11-23T03:00:00Z", "status": "revoked"}
    assert moments(revoked, calls)[-1] == ("Revoked", "2026-11-23T03:00:00Z")
    over = {**key, "expires_at": "2026-11-23T03:00:00Z", "status": "expired"}
    assert moments(over, calls)[-1] == ("Expired", "2026-11-23T03:00:00Z")
