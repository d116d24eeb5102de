"""Dates of the 2010 API."""

from __future__ import annotations

import pytest

from vendors.twilio.mailtime import read_mail_time


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("Thu, 01 Jan 1970 00:00:00 +0000", 0),
        ("Thu, 24 Aug 2023 05:01:45 +0000", 1_692_853_305_000_000),
        ("Thu, 24 Aug 2023 07:01:45 +0200", 1_692_853_305_000_000),
        ("Thu, 24 Aug 2023 05:01:45 -0000", 1_692_853_305_000_000),
    ],
)
def test_read(text: str, at_us: int) -> None:
    assert read_mail_time(text) == at_us


@pytest.mark.parametrize(
    "value",
    [
        *(None, 5, "", "yesterday", "2023-08-24T05:01:45Z", "Thu, 99 Aug 2023 05:01:45 +0000"),
        *("x" * 41, "Thu, 24 Aug 2023 99:01:45 +0000", "1, 1 Jan 0 0:0:0 +9999999999"),
    ],
)
def test_what_is_no_date(value: object) -> None:
    assert read_mail_time(value) is None
