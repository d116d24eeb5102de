"""When what is open is looked at."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gateway.reconcile.schedule import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    Kind,
    Schedule,
)
from gateway.settings import ReconcilerSettings

SCHEDULE = Schedule.of(ReconcilerSettings())
BORN_US = 1_790_000_000_000_000


def looks(kind: Kind, count: int) -> list[int]:
    """Ages of the first looks, each made the moment it is due."""
    ages: list[int] = []
    looked_us = None
    for _ in range(count):
        looked_us = SCHEDULE.next_us(kind, BORN_US, looked_us)
        ages.append(looked_us - BORN_US)
    return ages


@pytest.mark.parametrize(
    ("kind", "ages"),
    [
        (
            Kind.PENDING,
            [10 * SECOND_US, MINUTE_US, 10 * MINUTE_US, HOUR_US, 2 * HOUR_US, 3 * HOUR_US],
        ),
        (Kind.STANDING, [10 * MINUTE_US, HOUR_US, HOUR_US + DAY_US, HOUR_US + 2 * DAY_US]),
        (Kind.IN_DOUBT, [MINUTE_US, 15 * MINUTE_US, HOUR_US, 7 * HOUR_US, 13 * HOUR_US]),
        (Kind.REFUND, [DAY_US, 2 * DAY_US, 3 * DAY_US]),
    ],
)
def test_looks_come_soon_at_first_and_then_at_a_steady_pace(kind: Kind, ages: list[int]) -> None:
    assert looks(kind, len(ages)) == ages


@given(st.sampled_from(Kind), st.integers(0, 200 * DAY_US))
def test_after_a_look_the_next_one_is_always_later(kind: Kind, age_us: int) -> None:
    looked_us = BORN_US + age_us
    next_us = SCHEDULE.next_us(kind, BORN_US, looked_us)
    assert looked_us < next_us <= looked_us + DAY_US
    assert SCHEDULE.next_us(kind, BORN_US, next_us - 1) == next_us


def test_the_second_listing_comes_as_soon_as_it_counts() -> None:
    listed_us = BORN_US + 61 * SECOND_US
    due_us = SCHEDULE.next_us(Kind.IN_DOUBT, BORN_US, listed_us, listed_us)
    assert due_us == listed_us + 15 * MINUTE_US
    assert SCHEDULE.next_us(Kind.IN_DOUBT, BORN_US, due_us, listed_us) == BORN_US + HOUR_US


def test_age_decides_about_doubts_and_prices_and_nothing_else() -> None:
    ages = {Kind.PENDING: 24 * HOUR_US, Kind.IN_DOUBT: 72 * HOUR_US}
    for kind, age_us in ages.items():
        assert not SCHEDULE.too_old(kind, BORN_US, BORN_US + age_us - 1)
        assert SCHEDULE.too_old(kind, BORN_US, BORN_US + age_us)
    for kind in set(Kind) - ages.keys():
        assert not SCHEDULE.too_old(kind, BORN_US, BORN_US + 1_000 * DAY_US)


def test_a_doubt_is_left_alone_while_it_may_still_run() -> None:
    assert SCHEDULE.too_young(BORN_US, BORN_US + MINUTE_US - 1)
    assert not SCHEDULE.too_young(BORN_US, BORN_US + MINUTE_US)


def test_a_first_look_that_is_set_late_moves_the_others() -> None:
    late = Schedule.of(ReconcilerSettings(doubt_first_look_s=3_000, listing_gap_s=0.5))
    assert late.ladders[Kind.IN_DOUBT].steps_us == (3_000 * SECOND_US, HOUR_US)
    assert late.listing_gap_us == 500_000
    steps = late.ladders[Kind.PENDING].steps_us
    assert all(one < two for one, two in pairwise(steps))
