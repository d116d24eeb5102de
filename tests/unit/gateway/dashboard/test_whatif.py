"""What a call would come to, asked on a page."""

from __future__ import annotations

import re
from typing import Any

from gateway.call.verdicts import Explanation, Verdict
from gateway.dashboard.forms import read_form
from gateway.dashboard.whatif import RULES, quote_body, read_typed
from tests.unit.gateway.dashboard.visits import Browser

REFUSED = Explanation(
    (
        Verdict("endpoint", True, "The key's allowed_endpoints have it."),
        Verdict("key_daily", False, "5.00 USD are left <b>", "daily_cap_exceeded"),
        Verdict("odd_rule", True, "Fine."),
    ),
    "PostPaymentIntents",
    "a payment intent of 12 USD",
    12_000_000,
    12_000_000,
    5_000_000,
    units=2,
    countries=("US",),
    lookups=("GET /v1/prices/price_1",),
)


async def opened(browser: Browser, **terms: Any) -> str:
    """The address of its what-if page, which is the one that was read last."""
    record = await browser.side.key(**terms)
    page = f"/dashboard/keys/{record['id']}/what-if"
    await browser.get(page)
    return page


async def test_the_form_is_filled_in_with_one_of_its_own(browser: Browser) -> None:
    page = await opened(browser)
    assert 'name="path" value="/v1/payment_intents"' in browser.page
    assert "amount=1200&amp;currency=usd" in browser.page
    await browser.get(f"{page}?entry=GET%20/v1/customers/*")
    assert 'name="path" value="/v1/customers/ID"' in browser.page
    assert re.search(r"<option selected>GET</option>", browser.page)
    await browser.get(f"{page}?entry=POST%20/v1/not_its_own")
    assert 'name="path" value="/v1/payment_intents"' in browser.page


async def test_a_refusal_is_told_with_every_rule(browser: Browser) -> None:
    page = await opened(browser)
    browser.side.explainer.says = REFUSED
    fields = {"method": "POST", "path": "/v1/payment_intents", "body": "amount=1200&currency=usd"}
    answer = await browser.post(page, fields)
    assert answer.status == 200
    ((_, asked),) = browser.side.explainer.asked
    assert (asked.method, asked.path, asked.body) == (
        "POST",
        "/v1/payment_intents",
        b"amount=1200&currency=usd",
    )
    assert asked.headers[b"content-type"] == b"application/x-www-form-urlencoded"
    assert "It would be refused" in browser.page
    assert "daily_cap_exceeded" in browser.page
    assert "5.00 USD are left &lt;b&gt;" in browser.page
    assert "$12.00" in browser.page
    assert RULES["key_daily"].replace("'", "&#39;") in browser.page
    assert "odd rule" in browser.page
    assert "GET /v1/prices/price_1" in browser.page


async def test_a_call_that_would_go_out(browser: Browser) -> None:
    page = await opened(browser)
    answer = await browser.post(page, {"method": "GET", "path": "/v1/customers/x?limit=1"})
    assert answer.status == 200
    assert "It would go out" in browser.page
    ((_, asked),) = browser.side.explainer.asked
    assert (asked.query, asked.body) == ("limit=1", b"")


async def test_what_was_typed_is_kept_and_is_text(browser: Browser) -> None:
    page = await opened(browser)
    hostile = "</textarea><script>alert(1)</script>"
    answer = await browser.post(page, {"method": "POST", "path": "no path", "body": hostile})
    assert answer.status == 400
    assert "must be a path such as" in browser.page
    assert "<script>alert" not in browser.page
    assert "&lt;/textarea&gt;" in browser.page
    assert 'value="no path"' in browser.page
    answer = await browser.post(page, {"method": "BREW", "path": "/x"})
    assert answer.status == 400


def test_a_body_is_json_where_it_begins_so() -> None:
    for text, kind in (("{", "application/json"), ("[1]", "application/json"), ("a=1", "form")):
        typed = read_typed(read_form(f"method=POST&path=/x&body={text}"))
        told = quote_body("vk_1", typed)
        assert kind in told["headers"]["Content-Type"]
    assert "body" not in quote_body("vk_1", read_typed(read_form("method=GET&path=/x")))
