"""Budget time never goes back, and the wall clock's steps are seen and not followed."""

from __future__ import annotations

import time

import pytest

from gateway import clock
from gateway.clock import HandClock, SystemClock, rfc3339


def test_budget_time_begins_at_the_wall_clock_and_runs_with_boot_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = SystemClock()
    assert abs(system.now_us() - time.time_ns() // 1000) < 1_000_000
    assert abs(system.wall_step_us()) < 1_000_000
    before = system.now_us()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert system.now_us() >= before, "a step of the wall clock moves nothing"
    assert system.wall_step_us() < -1_000_000_000_000


def test_it_is_never_earlier_than_what_the_books_have_seen() -> None:
    system = SystemClock()
    hour_us = 3_600_000_000
    ahead = system.now_us() + hour_us
    assert 0 < system.begin_at_us(ahead) <= hour_us
    assert system.now_us() >= ahead
    assert system.begin_at_us(0) == 0


def test_deadlines_run_on_the_monotonic_clock() -> None:
    before_s = time.monotonic()
    assert before_s <= SystemClock().monotonic_s() <= time.monotonic()
    assert clock._boot_us() <= clock._boot_us()


def test_the_hand_clock_goes_where_it_is_wound() -> None:
    hand = HandClock(1_000_000)
    hand.advance(0.5)
    assert (hand.now_us(), hand.monotonic_s()) == (1_500_000, 1.5)
    assert (hand.begin_at_us(2_000_000), hand.now_us()) == (500_000, 2_000_000)
    assert (hand.begin_at_us(0), hand.now_us()) == (0, 2_000_000)


@pytest.mark.parametrize(
    ("at_us", "text"),
    [(0, "1970-01-01T00:00:00Z"), (1_795_392_000_999_999, "2026-11-23T00:00:00Z")],
)
def test_a_moment_is_told_to_the_second(at_us: int, text: str) -> None:
    assert rfc3339(at_us) == text
