"""A span from an address: ranges, typed days, what is too wide and what cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dashboard.forms import Form, read_form
from gateway.dashboard.spans import (
    DAY_US,
    DAYS,
    HOUR_US,
    SPAN_DAYS_MAX,
    Span,
    between,
    moment_text,
    read_span,
)

NOW_US = 1_795_422_903_250_000  # 2026-11-23T08:35:03.25Z
TODAY_US = NOW_US - NOW_US % DAY_US


def span(query: str, default: str = "7d") -> Span:
    return read_span(read_form(query), NOW_US, default)


def test_a_range_of_days_is_today_and_the_days_before() -> None:
    found = span("range=7d")
    assert (found.since_us, found.until_us) == (TODAY_US - 6 * DAY_US, NOW_US + 1)
    assert (found.words, found.step, found.told) == ("17 Nov 2026 – 23 Nov 2026", "day", "")
    assert found.query == {"range": "7d"}
    assert found.is_live


def test_24_hours_begin_with_a_whole_one() -> None:
    found = span("range=24h")
    assert found.since_us == NOW_US - NOW_US % HOUR_US - DAY_US
    assert (found.words, found.step) == ("22 Nov 2026, 08:00 – 23 Nov 2026, 08:35", "hour")


@pytest.mark.parametrize("query", ["", "range=", "range=%20"])
def test_without_a_range_it_is_the_default(query: str) -> None:
    assert span(query, "30d").name == "30d"


def test_a_day_at_the_end_is_in_it_whole() -> None:
    found = span("from=2026-11-01&to=2026-11-02&range=24h")
    assert found.until_us - found.since_us == 2 * DAY_US
    assert (found.words, found.name, found.is_live) == ("1 Nov 2026 – 2 Nov 2026", "", False)
    assert found.query == {"from": "2026-11-01", "to": "2026-11-02"}
    assert span("from=2026-11-01&to=2026-11-01").words == "1 Nov 2026"


def test_moments_are_exact_and_in_utc() -> None:
    found = span("from=2026-11-01T12:00&to=2026-11-01T15:30%2B02:00")
    assert found.until_us - found.since_us == 90 * 60_000_000
    assert found.query == {"from": "2026-11-01T12:00", "to": "2026-11-01T13:30"}
    assert found.words == "1 Nov 2026, 12:00 – 1 Nov 2026, 13:29"


def test_one_end_is_enough() -> None:
    assert span("from=2026-11-20").until_us == NOW_US + 1
    assert span("from=2026-11-20").is_live
    assert span("to=2026-10-31").since_text == "2026-10-02"


def test_the_future_is_left_out() -> None:
    assert span("from=2026-11-20&to=2199-01-01").until_us == TODAY_US + DAY_US


def test_what_is_too_wide_is_narrowed_and_leads_to_the_rest() -> None:
    found = span("from=2020-01-01&to=2026-11-22")
    assert found.until_us - found.since_us == SPAN_DAYS_MAX * DAY_US
    assert "400 days" in found.told
    assert found.query == {"from": "2025-10-19", "to": "2026-11-22"}
    assert found.earlier == {"from": "2020-01-01", "to": "2025-10-18"}


@pytest.mark.parametrize(
    "query",
    [
        "range=1y",
        "from=yesterday",
        "to=<script>",
        "from=2026-11-05&to=2026-11-01",
        "from=2199-01-01",
        "from=0001-01-01",
        "from=9999-12-31T23:59:59-12:00",
    ],
)
def test_what_cannot_be_read_is_told_and_the_default_taken(query: str) -> None:
    found = span(query)
    assert found.told.endswith(".")
    assert found.name == "7d"


@given(st.text(max_size=50), st.text(max_size=50), st.sampled_from(["7d", "24h", "x"]))
def test_no_text_makes_a_span_that_a_page_cannot_show(since: str, until: str, name: str) -> None:
    found = read_span(Form([("from", since), ("to", until), ("range", name)]), NOW_US)
    assert 0 <= found.since_us < found.until_us
    assert found.until_us - found.since_us <= SPAN_DAYS_MAX * DAY_US
    assert found.words


@given(st.integers(0, NOW_US // 1_000), st.integers(1, 10**11))
def test_an_address_leads_to_the_span_it_was_made_of(since_ms: int, width_ms: int) -> None:
    since_us = since_ms * 1_000
    until_us = min(since_us + width_ms * 1_000, TODAY_US)
    if since_us >= until_us or until_us - since_us > (SPAN_DAYS_MAX - 1) * DAY_US:
        return
    found = read_span(Form(list(between(since_us, until_us).items())), NOW_US)
    assert (found.since_us, found.until_us) == (since_us, until_us)


def test_a_moment_is_as_short_as_is_exact() -> None:
    texts = [moment_text(TODAY_US + us) for us in (0, HOUR_US, 1_000_000, 1_000, 1)]
    assert texts == [
        "2026-11-23",
        "2026-11-23T01:00",
        "2026-11-23T00:00:01",
        "2026-11-23T00:00:00.001",
        "2026-11-23T00:00:00.000001",
    ]


def test_every_range_has_its_days() -> None:
    for name, days in DAYS.items():
        assert (
            days * DAY_US - DAY_US
            <= NOW_US - span(f"range={name}").since_us
            <= 25 / 24 * days * DAY_US
        )
