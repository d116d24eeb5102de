"""Making a key on a page: mistakes keep what was typed, and a form sent twice makes one key."""

from __future__ import annotations

import asyncio
import re

import pytest

from gateway.dashboard.keymaker import told
from gateway.errors import InvalidRequest, PolicyRefused
from tests.unit.gateway.dashboard.visits import Browser, header

FIELDS = {
    "vendor": "stripe",
    "agent_run_label": "billing/1",
    "daily_usd_cap": "50",
    "endpoint": "POST /v1/payment_intents",
    "more_endpoints": "GET /v1/customers/*",
    "expires_in": "8h",
    "number": "form-1",
}
HOSTILE = "\"><script>alert('x')</script>\u202eevil"


@pytest.fixture
async def browser(browser: Browser) -> Browser:
    """On the form."""
    await browser.get("/dashboard/keys/new")
    return browser


def keys(browser: Browser) -> int:
    return len(list(browser.side.registry.all_keys()))


async def test_the_form_is_for_one_vendor_and_leads_to_the_others(browser: Browser) -> None:
    assert "Charge a customer" in browser.page
    assert 'href="/dashboard/keys/new?vendor=twilio"' in browser.page
    assert 'name="currencies"' not in browser.page or 'name="countries"' not in browser.page
    answer = await browser.get("/dashboard/keys/new?vendor=twilio")
    assert answer.status == 200
    assert "Send an SMS" in browser.page
    assert 'name="countries"' in browser.page
    answer = await browser.get("/dashboard/keys/new?vendor=acme")
    assert answer.status == 404


async def test_a_link_can_offer_a_key(browser: Browser) -> None:
    query = "vendor=stripe&agent_run_label=billing&endpoint=POST%20/v1/refunds"
    await browser.get(f"/dashboard/keys/new?{query}")
    assert 'value="billing"' in browser.page
    assert re.search(r'value="POST /v1/refunds" checked', browser.page)


async def test_a_link_offers_nothing_that_is_folded_away(browser: Browser) -> None:
    await browser.get("/dashboard/keys/new?vendor=stripe&mode=shadow&total_usd_cap=9&number=n")
    assert 'value="shadow" selected' not in browser.page
    assert 'name="total_usd_cap" aria-describedby="h-total_usd_cap" value=""' in browser.page
    assert 'name="number" value="n"' not in browser.page


async def test_two_at_the_same_moment_make_one_key(browser: Browser) -> None:
    token = re.search(r'name="csrf" value="([^"]*)"', browser.page)
    assert token is not None
    both = {**FIELDS, "csrf": token[1]}
    first, second = await asyncio.gather(
        browser.send("POST", "/dashboard/keys/new", both),
        browser.send("POST", "/dashboard/keys/new", both),
    )
    assert header(first, b"location") == header(second, b"location")
    assert keys(browser) == 1


async def test_a_key_is_made_and_its_secret_shown_once(browser: Browser) -> None:
    answer = await browser.post("/dashboard/keys/new", FIELDS)
    assert answer.status == 303
    (key,) = browser.side.registry.all_keys()
    assert key.terms.allowed.entries == ("POST /v1/payment_intents", "GET /v1/customers/*")
    page = header(answer, b"location")
    assert page == f"/dashboard/keys/{key.terms.key_id}/made"
    await browser.get(page)
    secret = re.search(r'id="secret">(vault_key_\w+)<', browser.page)
    assert secret is not None
    assert browser.side.registry.find(secret[1].encode()) is key
    await browser.get(page)
    assert secret[1] not in browser.page
    assert "was shown already" in browser.page


async def test_what_the_maker_is_warned_of_stands_on_the_next_page_once(browser: Browser) -> None:
    await browser.side.registry.revoke_run(label="billing/1", abort=False)
    answer = await browser.post("/dashboard/keys/new", FIELDS)
    location = header(answer, b"location")
    await browser.get(location)
    assert "was revoked. A key of the admin" in browser.page
    await browser.get(location)
    assert "was revoked. A key of the admin" not in browser.page


async def test_a_form_sent_twice_makes_one_key(browser: Browser) -> None:
    first = await browser.post("/dashboard/keys/new", FIELDS)
    page = browser.page
    await browser.get("/dashboard/keys/new")
    again = await browser.post("/dashboard/keys/new", FIELDS)
    assert header(first, b"location") == header(again, b"location")
    assert keys(browser) == 1
    await browser.get("/dashboard/keys/new")
    await browser.post("/dashboard/keys/new", {**FIELDS, "daily_usd_cap": "51"})
    assert keys(browser) == 2
    assert page == ""


async def test_mistakes_are_told_at_once_and_what_was_typed_is_kept(browser: Browser) -> None:
    wrong = {
        **FIELDS,
        "agent_run_label": "",
        "daily_usd_cap": HOSTILE,
        "name": HOSTILE,
        "total_usd_cap": "1,5",
        "params": HOSTILE,
        "more_endpoints": HOSTILE,
    }
    answer = await browser.post("/dashboard/keys/new", wrong)
    assert answer.status == 400
    assert keys(browser) == 0
    assert "6 things are not right yet" in browser.page
    assert "<script>alert" not in browser.page
    assert browser.page.count("&lt;script&gt;") >= 4
    assert 'value="1,5"' in browser.page
    assert re.search(r'value="POST /v1/payment_intents" checked', browser.page)
    assert 'value="form-1"' in browser.page
    assert 'id="f-total_usd_cap" name="total_usd_cap" aria-invalid="true"' in browser.page
    assert re.search(r"<details open>\s*<summary>More bounds", browser.page)


async def test_nothing_ticked_is_a_mistake(browser: Browser) -> None:
    nothing = {**FIELDS, "endpoint": "", "more_endpoints": ""}
    answer = await browser.post("/dashboard/keys/new", nothing)
    assert answer.status == 400
    assert '<a href="#f-allowed_endpoints">What it may call</a> is required' in browser.page


async def test_a_vendor_that_is_not_set_up_is_a_mistake(browser: Browser) -> None:
    answer = await browser.post("/dashboard/keys/new", {**FIELDS, "vendor": "acme"})
    assert answer.status == 400
    assert keys(browser) == 0


async def test_what_was_stopped_makes_no_key_and_says_so(browser: Browser) -> None:
    await browser.side.ask("POST", "/vault/revoke", {"vendor": "stripe"})
    answer = await browser.post("/dashboard/keys/new", FIELDS)
    assert answer.status == 403
    assert "No key is made for what was revoked" in browser.page
    assert 'value="billing/1"' in browser.page


async def test_a_form_from_elsewhere_makes_nothing(browser: Browser) -> None:
    answer = await browser.send("POST", "/dashboard/keys/new", FIELDS)
    assert answer.status == 403
    assert keys(browser) == 0


def test_a_refusal_without_mistakes_is_told_in_its_own_words() -> None:
    (line,) = told(PolicyRefused("No."))
    assert (line["label"], line["problem"]) == ("", "No.")
    (line,) = told(InvalidRequest(errors=[{"field": "name", "problem": "is odd"}]))
    assert (line["label"], line["problem"]) == ("Name", "is odd")
