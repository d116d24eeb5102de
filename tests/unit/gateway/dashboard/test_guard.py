"""Where a person may be led, and what a browser's own word on a form is worth."""

from __future__ import annotations

import pytest

from gateway.dashboard.guard import (
    came_from_elsewhere,
    cookies_of,
    is_genuine,
    page_within,
    set_cookie,
)
from gateway.dashboard.sessions import Sessions
from gateway.http.message import Request
from gateway.settings import DashboardSettings
from tests.unit.gateway.admin.side import WholeBody


def request(**headers: str) -> Request:
    sent = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    return Request(
        "POST", "/dashboard", "/dashboard", "", sent, "gw1.example.com", WholeBody(b""), "", 0.0
    )


@pytest.mark.parametrize(
    "target",
    ["/dashboard", "/dashboard/keys", "/dashboard/calls?run=a%2Fb&state=in_doubt"],
)
def test_a_page_of_ours_is_gone_on_to(target: str) -> None:
    assert page_within(target) == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "https://evil.example/dashboard",
        "//evil.example/dashboard",
        "/\\evil.example/dashboard",
        "/dashboard\\..\\x",
        "/dashboardx",
        "/vault/keys",
        "javascript:alert(1)",
        "/dashboard/sign-in?next=/dashboard",
        "/dashboard\r\nset-cookie: a=b",
        "/dashboard/kéys",
        "http://[",
        "//[/dashboard",
        "//a\u2100/dashboard",
    ],
)
def test_anything_else_leads_to_the_first_page(target: str) -> None:
    assert page_within(target) == "/dashboard"


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({}, False),
        ({"sec_fetch_site": "same-origin"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": "cross-site"}, True),
        ({"sec_fetch_site": "same-site"}, True),
        ({"origin": "https://gw1.example.com"}, False),
        ({"origin": "https://gw1.example.com:8443"}, False),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": "http://["}, True),
    ],
)
def test_a_form_from_another_site_is_seen(headers: dict[str, str], elsewhere: bool) -> None:
    assert came_from_elsewhere(request(**headers)) is elsewhere


def test_the_cookie_is_found_among_others_and_garbage_is_none() -> None:
    assert cookies_of(request(cookie="a=1; keybrake_session=abc; b=2")) == ["abc"]
    assert cookies_of(request(cookie="a=1")) == []
    assert cookies_of(request(cookie="\x01=;;;keybrake_session")) == []
    assert cookies_of(request()) == []


@pytest.mark.parametrize("other", ['flags={"a":1}', "a[0]=x", "x", "expires=1", "a=b c", '"', ""])
def test_odd_cookies_of_others_on_this_host_hide_none(other: str) -> None:
    assert cookies_of(request(cookie=f"{other}; keybrake_session=abc")) == ["abc"]
    assert cookies_of(request(cookie=f"keybrake_session=abc; {other}")) == ["abc"]


def test_a_cookie_of_our_name_that_another_set_hides_none() -> None:
    twice = "keybrake_session=theirs; keybrake_session=abc"
    assert cookies_of(request(cookie=twice)) == ["theirs", "abc"]


def test_the_cookie_stays_on_this_site_and_away_from_scripts() -> None:
    name, value = set_cookie("abc", 60, secure=True)
    assert name == b"set-cookie"
    assert value == (
        b"keybrake_session=abc; Path=/dashboard; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
    )
    assert b"Secure" not in set_cookie("abc", 60, secure=False)[1]


def test_only_its_own_token_makes_a_form_genuine() -> None:
    session, _ = Sessions(DashboardSettings, bytes).open("", "", 0)
    assert is_genuine(session, session.csrf)
    assert not is_genuine(session, "")
    assert not is_genuine(session, "é")
