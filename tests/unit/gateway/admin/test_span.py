"""A question that ends now never asks the log to stop at a moment of the day that goes on."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.admin.span import DAY_US, bounded_span_of, day_end_us, span_of
from gateway.errors import InvalidRequest

TODAY_US = 20_780 * DAY_US
NOW_US = TODAY_US + 30_903_250_000


@pytest.mark.parametrize(
    ("query", "span"),
    [
        ({}, (NOW_US + 1 - 30 * DAY_US, TODAY_US + DAY_US)),
        ({"since": TODAY_US}, (TODAY_US, TODAY_US + DAY_US)),
        ({"until": NOW_US}, (NOW_US - 30 * DAY_US, NOW_US)),
        ({"since": 5, "until": 7}, (5, 7)),
    ],
)
def test_without_an_end_it_is_all_of_today(query: dict[str, Any], span: tuple[int, int]) -> None:
    assert span_of(query, NOW_US) == span


def test_400_days_are_counted_up_to_now() -> None:
    longest = {"since": NOW_US + 1 - 400 * DAY_US}
    assert bounded_span_of(longest, NOW_US) == (longest["since"], TODAY_US + DAY_US)
    with pytest.raises(InvalidRequest):
        bounded_span_of({"since": longest["since"] - 1}, NOW_US)
    with pytest.raises(InvalidRequest):
        bounded_span_of({"since": 0, "until": 400 * DAY_US + 1}, NOW_US)


def test_a_day_ends_after_its_last_moment() -> None:
    assert day_end_us(TODAY_US) == day_end_us(TODAY_US + DAY_US - 1) == TODAY_US + DAY_US
