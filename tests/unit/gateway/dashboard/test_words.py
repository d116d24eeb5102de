"""How values read to a person."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dashboard import words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.00", "$0.00"),
        ("1234567.5", "$1,234,567.50"),
        ("0.0009", "$0.0009"),
        ("-3.10", "-$3.10"),
        (None, "–"),
    ],
)
def test_money(value: str | None, shown: str) -> None:
    assert words.usd(value) == shown


@pytest.mark.parametrize("micros", [0, 1, 900, 10_000, 1_234_567_890, 10**15 + 1])
def test_micros_go_to_text_and_back(micros: int) -> None:
    assert words.micros(words.from_micros(micros)) == micros


def test_moments_say_when_in_full_and_how_long_ago() -> None:
    now_us = 1_795_420_800_000_000
    assert "just now" in words.ago(now_us, now_us)
    assert "3 min ago" in words.ago(now_us - 185_000_000, now_us)
    assert "in 2 h" in words.ago(now_us + 2 * 3_600_000_000, now_us)
    assert words.ago(None, now_us) == "–"
    shown = str(words.when("2026-11-23T08:15:03.250Z"))
    assert 'datetime="2026-11-23T08:15:03Z"' in shown
    assert "23 Nov 2026, 08:15:03" in shown
    assert words.when(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (172_800, "2 days"),
    ],
)
def test_spans(seconds: int, shown: str) -> None:
    assert words.span(seconds) == shown


def test_counts_and_names() -> None:
    assert words.count(1, "call") == "1 call"
    assert words.count(1_200, "call") == "1,200 calls"
    assert words.count(2, "entry", "entries") == "2 entries"
    assert words.spoken("in_doubt") == "in doubt"
    assert words.spoken(None) == "–"
    assert words.milliseconds(12) == "12 ms"
    assert words.milliseconds(1_500) == "1.5 s"
    assert words.milliseconds(None) == "–"


def test_an_address_cannot_be_turned_by_what_is_in_it() -> None:
    assert words.page_of("keys", "../../x?y#z") == "/dashboard/keys/..%2F..%2Fx%3Fy%23z"
    assert (
        words.with_query("/dashboard/calls", run="a&b=c", state=None)
        == "/dashboard/calls?run=a%26b%3Dc"
    )
    assert words.with_query("/dashboard/calls") == "/dashboard/calls"


def record(**changed: str | None) -> dict[str, Any]:
    names = ("settled", "standing", "pending", "in_doubt", "held", "restored")
    return {**{f"{name}_usd": "0.00" for name in names}, "cap_usd": "100.00", **changed}


def test_a_bar_is_what_counts_and_what_is_free() -> None:
    shown = words.budget(record(settled_usd="40.00", pending_usd="5.00", held_usd="5.00"))
    parts = [(part.kind, part.usd, part.x, part.width) for part in shown.parts]
    assert parts == [
        ("settled", "40.00", 0.0, 40.0),
        ("waiting", "5.00", 40.0, 5.0),
        ("held", "5.00", 45.0, 5.0),
        ("free", "50.00", 50.0, 50.0),
    ]
    assert shown.told == "settled $40.00, waiting $5.00, held $5.00, free $50.00, of $100.00"
    assert shown.percent == 50


def test_what_was_given_back_is_free_again() -> None:
    shown = words.budget(record(settled_usd="40.00", restored_usd="10.00"))
    assert [(part.kind, part.usd) for part in shown.parts] == [
        ("settled", "30.00"),
        ("free", "70.00"),
    ]


def test_a_bar_above_its_cap_is_full_and_one_without_cap_has_nothing_free() -> None:
    over = words.budget(record(settled_usd="120.00"))
    assert [(part.kind, part.width) for part in over.parts] == [("settled", 100.0)]
    endless = words.budget(record(settled_usd="1.00", cap_usd=None))
    assert [part.kind for part in endless.parts] == ["settled"]
    assert words.budget(record(cap_usd="0.00")).parts == ()
