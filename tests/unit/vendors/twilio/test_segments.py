"""Segments: the vectors of Twilio's own calculator, and where a division goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vendors.twilio.segments import GSM7, UCS2, count, count_most, smart

VECTORS = Path(__file__).parents[3] / "vectors" / "twilio" / "segments.json"
CASES = json.loads(VECTORS.read_text("utf-8"))["cases"]


def test_there_are_seventy() -> None:
    assert len(CASES) == 70


@pytest.mark.parametrize("case", [pytest.param(c, id=c["name"]) for c in CASES])
def test_as_twilios_calculator(case: dict[str, Any]) -> None:
    text = smart(case["text"]) if case["smart"] else case["text"]
    assert count(text) == (case["segments"], case["encoding"])


def test_an_escape_is_not_split() -> None:
    """152 + 2 + 152: three segments although 306 septets would be two."""
    assert count("a" * 152 + "€" + "a" * 152) == (3, GSM7)


def test_the_longest_text_of_emoji() -> None:
    """A pair takes two of 67 units and one is left over: 33 to a segment."""
    assert count("😀" * 1600) == (49, UCS2)


def test_smart_encoding_counts_where_it_is_dearer() -> None:
    tabs = "\t" * 20 + "a" * 50
    assert count(tabs) == (1, UCS2)
    assert count(smart(tabs)) == (2, GSM7)
    assert count_most(tabs) == (2, GSM7)
    dots = "…" * 40 + "😀"
    assert (count(dots), count_most(dots)) == ((1, UCS2), (2, UCS2))


def test_smart_encoding_never_makes_it_cheaper_here() -> None:
    assert count_most("“hi”" + "a" * 100) == (2, UCS2)
    assert count_most("plain") == (1, GSM7)
