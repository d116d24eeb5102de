"""The list of keys: found, sorted and paged by its address."""

from __future__ import annotations

import re
from typing import Any

from gateway.dashboard.forms import read_form
from gateway.dashboard.keys import ROWS, ordered, read_wanted
from tests.unit.gateway.dashboard.visits import Browser

LIST = "/dashboard/keys"


async def shown(browser: Browser, query: str = "") -> list[str]:
    """The keys' ids, in order."""
    answer = await browser.get(f"{LIST}?{query}" if query else LIST)
    assert answer.status == 200, browser.page
    return re.findall(r'<tr data-key="(\w+)"', browser.page)


async def new(browser: Browser, **terms: Any) -> str:
    return (await browser.key(**terms)).terms.key_id


async def test_without_keys_it_says_what_to_do(browser: Browser) -> None:
    assert await shown(browser) == []
    assert "No keys yet." in browser.page
    assert 'href="/dashboard/keys/new"' in browser.page


async def test_keys_are_found_by_what_they_are(browser: Browser) -> None:
    one = await new(browser, name="Ann's Key")
    two = await new(browser, vendor="twilio", agent_run_label="sms/1")
    gone = await new(browser, agent_run_label="gone/1")
    await browser.side.ask("POST", f"/vault/keys/{gone}/revoke", {})
    old = await new(browser, agent_run_label="old/1", expires_in="1s")
    browser.side.clock.advance(2)
    assert await shown(browser) == [two, one]
    assert await shown(browser, "status=revoked") == [gone]
    assert await shown(browser, "status=expired") == [old]
    assert await shown(browser, "status=all") == [old, gone, two, one]
    assert await shown(browser, "vendor=twilio") == [two]
    assert await shown(browser, "q=ANN%27S") == [one]
    assert await shown(browser, "q=sms") == [two]
    assert await shown(browser, f"q={one}") == [one]
    assert await shown(browser, "status=odd&sort=odd&after=x") == [two, one]
    assert await shown(browser, "q=nobody") == []
    assert "No key is like this." in browser.page


async def test_an_issuers_keys(browser: Browser) -> None:
    issuer = await browser.side.issuer(name="per-run")
    body = {
        "vendor": "stripe",
        "daily_usd_cap": 5,
        "agent_run_label": "r/1",
        "allowed_endpoints": ["POST /v1/payment_intents"],
    }
    _, made = await browser.side.ask("POST", "/vault/keys", body, key=issuer["key"])
    await new(browser)
    assert await shown(browser, f"issuer={issuer['id']}") == [made["id"]]
    assert f'<option value="{issuer["id"]}" selected>per-run</option>' in browser.page


async def test_the_order_is_in_the_address(browser: Browser) -> None:
    short = await new(browser, expires_in="1h")
    never = await new(browser, expires_in=None)
    late = await new(browser, expires_in="9h")
    assert await shown(browser, "sort=created") == [late, never, short]
    assert await shown(browser, "sort=expiry") == [short, late, never]
    found = browser.side.registry.key(never)
    assert found is not None
    found.last_used_us = browser.side.clock.now_us()
    assert await shown(browser, "sort=used") == [never, late, short]


async def test_by_money_a_budget_decides_and_a_new_key_comes_last(browser: Browser) -> None:
    small = await new(browser, daily_usd_cap="10")
    large = await new(browser, daily_usd_cap="1000")
    none = await new(browser, daily_usd_cap="0")
    registry, ledger = browser.side.registry, browser.side.ledger
    for key_id, micros in ((small, 9_000_000), (large, 50_000_000)):
        found = registry.key(key_id)
        assert found is not None
        await ledger.hold(found.account_id, micros)
    assert await shown(browser, "sort=spent") == [large, small, none]
    assert await shown(browser, "sort=share") == [small, large, none]
    every = list(registry.all_keys())
    assert await ordered(every, "spent", (), 3) == every


async def test_fifty_to_a_page_and_the_filters_stay(browser: Browser) -> None:
    for number in range(ROWS + 3):
        await new(browser, name=f"n{number}")
    first = await shown(browser, "q=n&sort=created")
    assert len(first) == ROWS
    older = re.search(r'href="([^"]+)" rel="next"', browser.page)
    assert older is not None
    assert older[1] == f"{LIST}?q=n&amp;sort=created&amp;after={ROWS}"
    rest = await shown(browser, f"q=n&sort=created&after={ROWS}")
    assert len(rest) == 3
    assert not set(rest) & set(first)
    assert f'href="{LIST}?q=n&amp;sort=created"' in browser.page


async def test_what_people_typed_is_text(browser: Browser) -> None:
    hostile = "<img src=x onerror=alert(1)>\"'"
    await new(browser, name=hostile, agent_run_label="javascript:alert(1)/<b>")
    await shown(browser)
    assert "<img src=x" not in browser.page
    assert "<b>" not in browser.page
    assert "&lt;img src=x onerror=alert(1)&gt;" in browser.page
    await browser.get(f"{LIST}?q=%22%3E%3Cscript%3Ealert(1)")
    assert "<script>alert" not in browser.page


def test_an_address_that_cannot_be_read_is_as_if_it_were_empty() -> None:
    wanted = read_wanted(read_form("after=999999999999999999&status=&sort=&q=%20A%20"))
    assert (wanted.after, wanted.state, wanted.sort, wanted.text) == (0, "active", "created", "a")
    assert wanted.narrows
    assert not read_wanted(read_form("")).narrows
