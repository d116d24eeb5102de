"""What is taken from a new key: its secret once, and blueprints without it unless it is sent."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from gateway.dashboard.takeaway import filled, offers, only_here
from tests.unit.gateway.dashboard.visits import Browser, header


async def made(browser: Browser, **terms: Any) -> dict[str, Any]:
    """Its record with the secret; its page is the one that was read last."""
    record = await browser.side.key(**terms)
    await browser.get(f"/dashboard/keys/{record['id']}/made")
    return record


def urls(content: bytes) -> list[str]:
    return re.findall(r'"url": "([^"]*)"', content.decode())


async def test_lines_of_a_key_whose_secret_nobody_knows_have_a_stand_in(browser: Browser) -> None:
    record = await made(browser)
    assert record["key"] not in browser.page
    assert "Bearer vault_key_…" in browser.page
    assert "https://gw1.example.com/stripe/v1/payment_intents" in browser.page
    assert 'name="with_secret"' not in browser.page


async def test_a_look_at_the_head_alone_does_not_spend_the_secret(browser: Browser) -> None:
    fields = {
        "vendor": "stripe",
        "agent_run_label": "a/1",
        "daily_usd_cap": "5",
        "endpoint": "POST /v1/refunds",
    }
    await browser.get("/dashboard/keys/new")
    page = header(await browser.post("/dashboard/keys/new", fields), b"location")
    await browser.send("HEAD", page)
    await browser.get(page)
    assert re.search(r'id="secret">vault_key_', browser.page)
    assert 'name="with_secret"' in browser.page


async def test_another_session_is_not_shown_the_secret(browser: Browser) -> None:
    fields = {
        "vendor": "stripe",
        "agent_run_label": "a/1",
        "daily_usd_cap": "5",
        "endpoint": "POST /v1/refunds",
    }
    await browser.get("/dashboard/keys/new")
    page = header(await browser.post("/dashboard/keys/new", fields), b"location")
    first = browser.cookie
    browser.cookie = ""
    await browser.get("/dashboard/sign-in")
    await browser.sign_in()
    assert browser.cookie != first
    await browser.get(page)
    assert "was shown already" in browser.page
    browser.cookie = first
    await browser.get(page)
    assert 'id="secret"' in browser.page


async def test_a_blueprint_is_for_this_gateway_and_has_no_secret(browser: Browser) -> None:
    record = await made(browser)
    answer = await browser.post(
        f"/dashboard/keys/{record['id']}/blueprint",
        {"blueprint": "per_scenario_key", "secret": record["key"]},
    )
    assert answer.status == 200
    assert header(answer, b"content-disposition").endswith('per-scenario-key.blueprint.json"')
    assert header(answer, b"cache-control") == "no-store"
    tree = orjson.loads(answer.body)
    assert tree["name"] == "make-billing-scenario"
    assert "https://gw1.example.com/stripe/v1/payment_intents" in urls(answer.body)
    assert record["key"].encode() not in answer.body


async def test_who_holds_the_secret_may_have_it_in_the_file(browser: Browser) -> None:
    record, other = await browser.side.key(), await browser.side.key()
    await browser.get(f"/dashboard/keys/{record['id']}/made")
    path = f"/dashboard/keys/{record['id']}/blueprint"
    fields = {"blueprint": "per_scenario_key", "with_secret": "yes", "secret": record["key"]}
    answer = await browser.post(path, fields)
    assert answer.body.count(f"Bearer {record['key']}".encode()) == 1
    for wrong in (other["key"], "vault_key_nobody", "\u2026"):
        await browser.get(f"/dashboard/keys/{record['id']}/made")
        answer = await browser.post(path, {**fields, "secret": wrong})
        assert answer.status == 403
        assert "not the secret of this key" in browser.page


async def test_a_key_that_may_not_do_what_the_blueprint_does_gets_its_own_path(
    browser: Browser,
) -> None:
    record = await made(browser, allowed_endpoints=["POST /v1/refunds"])
    path = f"/dashboard/keys/{record['id']}/blueprint"
    answer = await browser.post(path, {"blueprint": "per_scenario_key"})
    assert "https://gw1.example.com/stripe/v1/refunds" in urls(answer.body)
    gaps = await made(browser, allowed_endpoints=["GET /v1/customers/*"])
    path = f"/dashboard/keys/{gaps['id']}/blueprint"
    answer = await browser.post(path, {"blueprint": "per_scenario_key"})
    assert answer.status == 200


@pytest.mark.parametrize("name", ["kill_switch", "per_run_key", "../fill", "mail_with_cap", ""])
async def test_only_what_fits_the_key_is_given_out(browser: Browser, name: str) -> None:
    record = await made(browser)
    path = f"/dashboard/keys/{record['id']}/blueprint"
    assert (await browser.post(path, {"blueprint": name})).status == 404


def test_what_make_would_take_for_an_expression_is_left_out() -> None:
    key = {"account_sid": None, "agent_run_label": "{{1.evil}}/1"}
    content = filled("per_scenario_key", key, "https://gw1.example.com", None, None)
    assert b"1.evil" not in content


def test_each_vendor_has_something_to_import() -> None:
    for vendor in ("stripe", "twilio", "resend"):
        assert offers(vendor)
    assert offers("acme") == []


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://[::1]:8080", "::1"),
        ("http://localhost:8080", "localhost"),
        ("https://gw1.example.com", ""),
        ("http://10.0.0.7:8080", ""),
        ("", ""),
    ],
)
def test_an_address_that_make_cannot_reach_is_named(base_url: str, host: str) -> None:
    assert only_here(base_url) == host


async def test_the_fields_of_a_first_try_and_the_switches_stand_there(browser: Browser) -> None:
    await made(browser)
    assert "<li><code>amount</code> 1200</li>" in browser.page
    assert "Return error if HTTP request fails</dt><dd><strong>no</strong>" in browser.page
    assert "Make cannot reach" not in browser.page
