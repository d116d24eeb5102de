"""Who gets in, where they are led, and what a form has to carry."""

from __future__ import annotations

import pytest

from gateway.dashboard.guard import POLICY
from gateway.dashboard.site import find_page
from gateway.errors import MethodNotAllowed, NotFound
from tests.unit.gateway.dashboard.visits import Browser, header

pytestmark = pytest.mark.anyio


async def test_who_is_not_signed_in_is_led_to_it_and_on() -> None:
    browser = Browser()
    answer = await browser.get("/dashboard/settings?x=1")
    assert answer.status == 303
    where = header(answer, b"location")
    assert where == "/dashboard/sign-in?next=%2Fdashboard%2Fsettings%3Fx%3D1"
    await browser.get(where)
    answer = await browser.post(
        "/dashboard/sign-in", {"key": browser.side.admin_key, "next": "/dashboard/settings?x=1"}
    )
    assert (answer.status, header(answer, b"location")) == (303, "/dashboard/settings?x=1")
    assert (await browser.get("/dashboard/settings?x=1")).status == 200
    assert "Settings" in browser.page


async def test_the_cookie_is_strict_and_secure_where_the_person_came_by_https() -> None:
    browser = Browser()
    answer = await browser.post("/dashboard/sign-in", {"key": browser.side.admin_key})
    assert header(answer, b"set-cookie").endswith("HttpOnly; SameSite=Strict; Secure")
    plain = Browser(host="localhost")
    plain.https = False
    answer = await plain.post("/dashboard/sign-in", {"key": plain.side.admin_key})
    assert header(answer, b"set-cookie").endswith("HttpOnly; SameSite=Strict")


async def test_wrong_keys_are_told_and_then_slowed() -> None:
    browser = Browser()
    statuses = [
        (await browser.post("/dashboard/sign-in", {"key": f"wrong-{n}"})).status for n in range(4)
    ]
    assert statuses == [401, 401, 401, 429]
    right = await browser.post("/dashboard/sign-in", {"key": browser.side.admin_key})
    assert right.status == 429
    assert "Wait a minute" in browser.page
    assert browser.cookie == ""


async def test_a_page_carries_the_policy_and_is_kept_nowhere() -> None:
    browser = Browser()
    answer = await browser.get("/dashboard/sign-in")
    assert header(answer, b"content-security-policy") == POLICY
    assert header(answer, b"cache-control") == "no-store"
    assert "unsafe" not in POLICY


async def test_a_form_without_its_sessions_token_does_nothing() -> None:
    browser = Browser()
    await browser.sign_in()
    browser.page = ""
    assert (await browser.post("/dashboard/sign-out", {})).status == 403
    assert (await browser.post("/dashboard/sign-out", {"csrf": "x"})).status == 403
    await browser.get("/dashboard/settings")
    other = await browser.post("/dashboard/sign-out", {}, sec_fetch_site="cross-site")
    assert other.status == 403
    await browser.get("/dashboard/settings")
    assert (await browser.post("/dashboard/sign-out", {})).status == 303
    assert (await browser.get("/dashboard/settings")).status == 303


async def test_an_ended_session_is_led_to_sign_in_without_losing_the_page() -> None:
    browser, other = Browser(), Browser()
    await browser.sign_in()
    other.side, other.dashboard = browser.side, browser.dashboard
    await other.sign_in()
    await other.get("/dashboard/settings")
    await other.post("/dashboard/sessions/end", {"session": "all"})
    answer = await browser.get("/dashboard/settings")
    assert header(answer, b"location") == "/dashboard/sign-in?next=%2Fdashboard%2Fsettings"
    part = await browser.get(
        "/dashboard/settings",
        hx_request="true",
        hx_current_url="https://gw1.example.com/dashboard/calls?run=x",
    )
    assert part.status == 401
    assert header(part, b"hx-redirect") == "/dashboard/sign-in?next=%2Fdashboard%2Fcalls%3Frun%3Dx"
    sent = await browser.send(
        "POST", "/dashboard/sign-out", {}, referer="https://gw1.example.com/dashboard/settings"
    )
    assert header(sent, b"location") == "/dashboard/sign-in?next=%2Fdashboard%2Fsettings"


async def test_a_link_from_another_site_is_followed_once_more_from_here() -> None:
    browser = Browser()
    answer = await browser.get("/dashboard/settings", sec_fetch_site="cross-site")
    assert answer.status == 200
    assert 'http-equiv="refresh" content="0"' in browser.page


async def test_an_address_that_is_none_leads_to_the_first_page() -> None:
    browser = Browser()
    assert (await browser.get("/dashboard/sign-in?next=http://[")).status == 200
    part = await browser.get("/dashboard/keys", hx_request="true", hx_current_url="http://[")
    assert header(part, b"hx-redirect") == "/dashboard/sign-in"
    sent = await browser.send("POST", "/dashboard/sign-out", {}, referer="http://[")
    assert (sent.status, header(sent, b"location")) == (303, "/dashboard/sign-in")
    form = {"key": browser.side.admin_key}
    assert (await browser.post("/dashboard/sign-in", form, origin="http://[")).status == 403


async def test_another_cookie_of_this_name_signs_nobody_out() -> None:
    browser = Browser()
    await browser.sign_in()
    kept = browser.cookie
    for odd in (f"theirs; keybrake_session={kept}", f"{kept}; keybrake_session=theirs"):
        browser.cookie = odd
        assert (await browser.get("/dashboard/settings")).status == 200


async def test_signing_in_once_more_ends_the_session_before() -> None:
    browser = Browser()
    await browser.sign_in()
    first = browser.cookie
    await browser.sign_in()
    assert browser.cookie != first
    assert (await browser.get("/dashboard/settings")).status == 200
    browser.cookie = first
    assert (await browser.get("/dashboard/settings")).status == 303


async def test_news_are_for_who_is_signed_in() -> None:
    browser = Browser()
    assert (await browser.get("/dashboard/live")).status == 401
    await browser.sign_in()
    answer = await browser.get("/dashboard/live")
    assert header(answer, b"content-type").startswith("text/event-stream")
    other = await browser.get("/dashboard/live", sec_fetch_site="same-site")
    assert other.status == 401, "another port of this host has the cookie, and takes no place"
    browser.dashboard.close()


async def test_what_is_not_there_and_what_cannot_be_done_is_told_on_a_page() -> None:
    browser = Browser()
    assert (await browser.get("/dashboard/nowhere")).status == 404
    assert "no such page" in browser.page
    answer = await browser.send("PUT", "/dashboard/settings")
    assert (answer.status, header(answer, b"allow")) == (405, "GET")


async def test_files_are_kept_for_good_by_their_content() -> None:
    browser = Browser()
    answer = await browser.get("/dashboard/static/keybrake.css")
    assert header(answer, b"cache-control") == "no-cache"
    await browser.get("/dashboard/sign-in")
    address = browser.page.split('rel="stylesheet" href="')[-1].partition('"')[0]
    kept = await browser.get(address, accept_encoding="gzip, br")
    assert "immutable" in header(kept, b"cache-control")
    assert header(kept, b"content-encoding") == "gzip"
    assert len(kept.body) < len(answer.body)
    assert (await browser.get("/dashboard/static/../site.py")).status == 404


def test_a_path_that_is_written_out_stands_before_one_with_braces() -> None:
    assert find_page("GET", "/dashboard/")[0].path == ""
    assert find_page("HEAD", "/dashboard/open/call_1")[1] == {"id": "call_1"}
    with pytest.raises(NotFound):
        find_page("GET", "/dashboard/open//ask")
    with pytest.raises(MethodNotAllowed):
        find_page("POST", "/dashboard/open")
