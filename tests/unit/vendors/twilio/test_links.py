"""Twilio's links become ours, and nothing else changes."""

from __future__ import annotations

import json

import pytest

from tests.unit.vendors.twilio.asking import ACCOUNT, OTHER
from vendors.contract import Links
from vendors.twilio.links import LINK_BYTES_MAX, relink

CALLED = "AC" + "ff" * 16
LINKS = Links(ACCOUNT, CALLED, "https://gw1.example.com/twilio")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '"next_page_url": "https://verify.twilio.com/v2/Services?Page=1"',
            '"next_page_url": "https://gw1.example.com/twilio/verify/v2/Services?Page=1"',
        ),
        (
            '"url":"https://api.twilio.com/2010-04-01/x"',
            '"url":"https://gw1.example.com/twilio/2010-04-01/x"',
        ),
        (
            '"first_page_url" : "https://flex-api.dublin.ie1.twilio.com/v1"',
            '"first_page_url" : "https://gw1.example.com/twilio/flex-api/v1"',
        ),
        (
            f'"uri": "/2010-04-01/Accounts/{ACCOUNT}/Messages.json", "account_sid": "{ACCOUNT}"',
            f'"uri": "/2010-04-01/Accounts/{CALLED}/Messages.json", "account_sid": "{CALLED}"',
        ),
        (f"<Uri>/2010-04-01/Accounts/{ACCOUNT}</Uri>", f"<Uri>/2010-04-01/Accounts/{CALLED}</Uri>"),
    ],
)
def test_relinked(before: str, after: str) -> None:
    assert relink(before.encode(), LINKS) == after.encode()


@pytest.mark.parametrize(
    "text",
    [
        '"voice_url": "https://handler.twilio.com/x"',
        '"status_callback": "https://verify.twilio.com/x"',
        '"url": "https://verify.twilio.com.evil.example/x"',
        '"url": "https://example.com/verify.twilio.com/"',
        '"url": "http://verify.twilio.com/x"',
        '"url": "https://a.b.c.d.twilio.com/x"',
        '"next_page_url": "https://verify.twilio.com',
        '"next_page_url": null, "sid": "x.twilio.com/"',
        f'"account_sid": "{OTHER}"',
        "",
    ],
)
def test_left_alone(text: str) -> None:
    assert relink(text.encode(), LINKS) == text.encode()


def test_a_text_that_looks_like_a_member_is_a_text() -> None:
    words = '"url": "https://verify.twilio.com/v2", "next_page_url": "https://api.twilio.com/"'
    raw = json.dumps({"body": words, 'x"url': "https://verify.twilio.com/"}).encode()
    assert relink(raw, LINKS) == raw


def test_whoever_knows_the_real_name_keeps_it() -> None:
    raw = f'"account_sid": "{ACCOUNT}"'.encode()
    assert relink(raw, Links(ACCOUNT, ACCOUNT, "https://x")) == raw
    assert relink(raw, Links(ACCOUNT, "", "https://x")) == raw


def test_the_longest_match_fits() -> None:
    name = "a" * 40 + "_page_url"
    host = f"{'b' * 40}.{'c' * 20}.{'d' * 20}.twilio.com"
    raw = f'"{name}"{" " * 8}:{" " * 8}"https://{host}/'.encode()
    assert len(raw) <= LINK_BYTES_MAX
    assert relink(raw, LINKS) != raw
