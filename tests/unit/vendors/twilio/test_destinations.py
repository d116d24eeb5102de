"""Where numbers lead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vendors.twilio.destinations import UNKNOWN, area_of, countries_of, is_e164, is_toll_free

CASES = json.loads(
    (Path(__file__).parents[3] / "vectors" / "twilio" / "prefixes.json").read_text("utf-8")
)["cases"]


@pytest.mark.parametrize(("number", "countries"), CASES, ids=[case[0] for case in CASES])
def test_countries_of(number: str, countries: list[str]) -> None:
    assert is_e164(number)
    assert countries_of(number) == tuple(countries)


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "+0123", "+1", "14155552671", "0044", "+1415555267１", "+1 415", "+1415\n"),
        *("+1234567890123456", "++1415", "+1415,+1416", "whatsapp:+14155552671"),
    ],
)
def test_what_is_no_e164(text: str) -> None:
    assert not is_e164(text)


def test_area_codes() -> None:
    assert area_of("415") == ("US",)
    assert area_of("416") == ("CA",)
    assert area_of("876") == ("JM",)
    assert area_of("800") == area_of("900") == area_of("115") == area_of("41") == UNKNOWN
    assert is_toll_free("833")
    assert not is_toll_free("415")
