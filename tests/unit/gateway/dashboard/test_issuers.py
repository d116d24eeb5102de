"""Issuers on pages: made, shown, and what makes a key for a run."""

from __future__ import annotations

import re
import shlex
from typing import Any

import orjson
import pytest

from gateway.dashboard.issuers import curl_line, key_for_a_run, run_terms
from tests.unit.gateway.dashboard.visits import Browser, header

FIELDS = {
    "name": "per-run",
    "daily_usd_cap": "100",
    "daily_usd_cap_max": "25",
    "vendor": "stripe",
    "endpoint": "POST /v1/payment_intents",
    "expires_in": "24h",
    "number": "form-1",
}
HOSTILE = "'\"><script>alert(1)</script>"


@pytest.fixture
async def browser(browser: Browser) -> Browser:
    """On the form."""
    await browser.get("/dashboard/issuers/new")
    return browser


async def test_without_issuers_it_says_what_one_is_for(browser: Browser) -> None:
    await browser.get("/dashboard/issuers")
    assert "No issuers yet." in browser.page


async def test_an_issuer_is_made_once_and_its_secret_shown_once(browser: Browser) -> None:
    first = await browser.post("/dashboard/issuers/new", FIELDS)
    await browser.get("/dashboard/issuers/new")
    again = await browser.post("/dashboard/issuers/new", FIELDS)
    page = header(first, b"location")
    assert page == header(again, b"location")
    (issuer,) = browser.side.registry.issuers()
    await browser.get(page)
    secret = re.search(r'id="secret">(\w+)<', browser.page)
    assert secret is not None
    assert browser.side.registry.find_issuer(secret[1].encode()) is issuer
    await browser.get(page)
    assert secret[1] not in browser.page
    assert "was shown already" in browser.page


async def test_the_body_that_is_shown_makes_a_key(browser: Browser) -> None:
    issuer = await browser.side.issuer(name="per-run")
    status, made = await browser.side.ask(
        "POST", "/vault/keys", key_for_a_run(issuer), key=issuer["key"]
    )
    assert status == 201
    assert made["agent_run_label"].startswith("per-run/")
    short = {**issuer["template"], "expires_in_max": "60s"}
    assert key_for_a_run({**issuer, "template": short})["expires_in"] == "60s"


async def test_a_key_for_a_run_has_every_bound_that_the_template_has(browser: Browser) -> None:
    """Without one of them it would be refused: none is more than any bound."""
    bounds = {"per_call_usd_max": 1, "total_usd_cap_max": 50, "daily_call_cap_max": 7}
    template = {
        "vendors": ["stripe"],
        "allowed_endpoints": ["POST /v1/payment_intents"],
        "daily_usd_cap_max": 5,
        **bounds,
    }
    issuer = await browser.side.issuer(name="bounded", template=template)
    asked = key_for_a_run(issuer)
    status, _ = await browser.side.ask("POST", "/vault/keys", asked, key=issuer["key"])
    assert status == 201
    assert run_terms(issuer) == {
        "daily_usd_cap": "5.00",
        "per_call_usd_max": "1.00",
        "total_usd_cap": "50.00",
        "daily_call_cap": 7,
        "expires_in": "900s",
    }
    await browser.get(f"/dashboard/issuers/{issuer['id']}/made")
    answer = await browser.post(f"/dashboard/issuers/{issuer['id']}/blueprint", {})
    scenario = orjson.loads(answer.body)
    body = orjson.loads(scenario["flow"][1]["mapper"]["jsonStringBodyContent"])
    body["agent_run_label"] = "bounded/1"
    status, _ = await browser.side.ask("POST", "/vault/keys", body, key=issuer["key"])
    assert status == 201


async def test_mistakes_keep_what_was_typed(browser: Browser) -> None:
    wrong = {**FIELDS, "name": HOSTILE, "daily_usd_cap": "", "daily_usd_cap_max": "x", "vendor": ""}
    answer = await browser.post("/dashboard/issuers/new", wrong)
    assert answer.status == 400
    assert "3 things are not right yet" in browser.page
    assert "A key&#39;s daily cap at most" in browser.page
    assert "<script>alert" not in browser.page
    assert re.search(r'value="POST /v1/payment_intents" checked', browser.page)
    assert list(browser.side.registry.issuers()) == []


async def test_the_list_and_one_of_it(browser: Browser) -> None:
    issuer = await browser.side.issuer(name=HOSTILE)
    body = {
        "vendor": "stripe",
        "daily_usd_cap": 5,
        "agent_run_label": "r/1",
        "allowed_endpoints": ["POST /v1/payment_intents"],
    }
    await browser.side.ask("POST", "/vault/keys", body, key=issuer["key"])
    await browser.get("/dashboard/issuers?after=x")
    assert f'data-issuer="{issuer["id"]}"' in browser.page
    assert '<td class="number wide">1</td>' in browser.page
    assert "<script>alert" not in browser.page
    await browser.get(f"/dashboard/issuers/{issuer['id']}")
    assert (
        "Keys for Stripe, each with a daily cap of $500.00 at most, for 4 h at most."
        in browser.page
    )
    assert "Charge a customer" in browser.page
    assert f'href="/dashboard/keys?issuer={issuer["id"]}&amp;status=all"' in browser.page
    assert (await browser.get("/dashboard/issuers/iss_nobody")).status == 404


async def test_fifty_to_a_page(browser: Browser) -> None:
    for _ in range(52):
        await browser.side.issuer()
    await browser.get("/dashboard/issuers")
    assert browser.page.count("data-issuer") == 50
    await browser.get("/dashboard/issuers?after=50")
    assert browser.page.count("data-issuer") == 2
    assert "« Newest" in browser.page


async def test_words_of_whichever_vendor_has_them(browser: Browser) -> None:
    template = {
        "vendors": ["stripe", "twilio"],
        "allowed_endpoints": ["POST /2010-04-01/Accounts/*/Messages.json", "POST /v1/odd"],
        "daily_usd_cap_max": 5,
        "per_call_usd_max": 1,
        "total_usd_cap_max": 50,
        "daily_call_cap_max": 7,
        "account": None,
    }
    issuer = await browser.side.issuer(template=template, keys_per_hour=9)
    await browser.get(f"/dashboard/issuers/{issuer['id']}")
    assert "Send an SMS or WhatsApp message" in browser.page
    assert "and 9 keys an hour" in browser.page
    assert "a day: 7 at most" in browser.page


async def test_a_scenario_that_makes_a_key_for_each_run(browser: Browser) -> None:
    issuer = await browser.side.issuer(name="per-run")
    await browser.get(f"/dashboard/issuers/{issuer['id']}/made")
    path = f"/dashboard/issuers/{issuer['id']}/blueprint"
    answer = await browser.post(path, {})
    assert answer.status == 200
    assert b"https://gw1.example.com/vault/keys" in answer.body
    assert issuer["key"].encode() not in answer.body
    scenario = orjson.loads(answer.body)
    assert scenario["name"] == "per-run"
    asked = orjson.loads(scenario["flow"][1]["mapper"]["jsonStringBodyContent"])
    most = issuer["template"]["daily_usd_cap_max"]
    assert (asked["daily_usd_cap"], asked["per_call_usd_max"]) == (most, most)
    assert asked["expires_in"] == "900s"


@pytest.mark.parametrize(
    ("vendors", "entries", "is_offered"),
    [
        (["twilio"], ["POST /2010-04-01/Accounts/*/Messages.json"], False),
        (["stripe"], ["POST /v1/refunds", "GET /v1/payment_intents"], False),
        (["stripe"], ["POST /v1/payment_intents/*"], False),
        (["stripe"], ["POST /v1/**"], True),
        (["stripe", "twilio"], ["GET /v1/customers", "POST /v1/payment_intents"], True),
        (["twilio"], ["POST /v1/payment_intents"], False),
    ],
)
async def test_a_scenario_that_charges_is_for_issuers_whose_keys_may(
    browser: Browser, vendors: list[str], entries: list[str], is_offered: bool
) -> None:
    template: Any = {"vendors": vendors, "allowed_endpoints": entries, "daily_usd_cap_max": 5}
    issuer = await browser.side.issuer(template=template)
    await browser.get(f"/dashboard/issuers/{issuer['id']}/made")
    assert ("Download a scenario" in browser.page) is is_offered
    answer = await browser.post(f"/dashboard/issuers/{issuer['id']}/blueprint", {})
    assert answer.status == (200 if is_offered else 404)


async def test_a_change_holds_is_said_and_takes_nothing_back(browser: Browser) -> None:
    issuer = await browser.side.issuer(name="per-run", keys_per_hour=9)
    path = f"/dashboard/issuers/{issuer['id']}"
    await browser.get(path)
    await browser.side.ask("PATCH", f"/vault/issuers/{issuer['id']}", {"daily_usd_cap": 7})
    fields = {
        "daily_usd_cap": "1000.00", "was_daily_usd_cap": "1000.00",
        "keys_per_hour": "", "was_keys_per_hour": "9", "name": "New", "was_name": "per-run",
    }  # fmt: skip
    answer = await browser.post(f"{path}/amend", fields)
    assert (answer.status, header(answer, b"location")) == (303, path)
    _, told = await browser.side.ask("GET", f"/vault/issuers/{issuer['id']}")
    assert (told["daily_usd_cap"], told["keys_per_hour"]) == ("7.00", None)
    assert (told["name"], told["template"]) == ("New", issuer["template"])
    await browser.get(path)
    assert "Changed. It holds from the next call on." in browser.page
    await browser.post(f"{path}/amend", {"name": "New", "was_name": "New"})
    await browser.get(path)
    assert "Nothing was changed" in browser.page


async def test_mistakes_of_a_change_keep_what_was_typed_and_the_revoked_stay(
    browser: Browser,
) -> None:
    issuer = await browser.side.issuer(name="per-run")
    path = f"/dashboard/issuers/{issuer['id']}"
    await browser.get(path)
    wrong = {
        "daily_usd_cap": "", "was_daily_usd_cap": "1000.00",
        "keys_per_hour": HOSTILE, "was_keys_per_hour": "", "name": "Kept", "was_name": "per-run",
    }  # fmt: skip
    answer = await browser.post(f"{path}/amend", wrong)
    assert answer.status == 400
    assert "2 things are not right yet" in browser.page
    assert 'value="Kept"' in browser.page
    assert 'name="was_name" value="per-run"' in browser.page
    assert f'hx-get="{path}"' in browser.page
    assert re.search(r"<details open>\s*<summary>Change its cap", browser.page)
    assert "<script>alert" not in browser.page
    await browser.side.ask("POST", f"/vault/issuers/{issuer['id']}/revoke", {})
    answer = await browser.post(f"{path}/amend", {"name": "x", "was_name": "per-run"})
    assert answer.status == 400
    assert "is revoked" in browser.page
    assert "Change its cap" not in browser.page


def test_the_curl_line_is_quoted() -> None:
    issuer = {
        "name": 'it\'s "mine" $HOME',
        "template": {
            "vendors": ["stripe"],
            "daily_usd_cap_max": "5.00",
            "allowed_endpoints": ["POST /v1/x"],
            "expires_in_max": "3600s",
            "per_call_usd_max": None,
            "total_usd_cap_max": None,
            "daily_call_cap_max": None,
        },
    }
    words = shlex.split(curl_line(issuer, "https://gw", "kb_issuer_x").replace("\\\n", " "))
    assert words[1] == "https://gw/vault/keys"
    assert orjson.loads(words[-1])["agent_run_label"] == 'it\'s "mine" $HOME/1'
