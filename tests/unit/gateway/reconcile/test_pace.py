"""A token bucket, and leaving a vendor alone that does not answer."""

from __future__ import annotations

import pytest

from gateway.reconcile.pace import BURST, LONGEST_WAIT_S, RETRY_AFTER_MAX_S, Pace, retry_after_s


def test_after_a_quiet_time_a_few_may_follow_each_other_then_one_a_second() -> None:
    pace = Pace(1, 0.0)
    for _ in range(BURST):
        assert pace.wait_s(0.0) == 0
        pace.ask(0.0)
    assert pace.wait_s(0.0) == 1.0
    assert pace.wait_s(0.25) == pytest.approx(0.75)
    assert pace.wait_s(1.0) == 0
    pace.ask(1.0)
    assert pace.wait_s(1.0) == 1.0


def test_the_bucket_is_never_fuller_than_full() -> None:
    pace = Pace(50, 0.0)
    for _ in range(50):
        pace.ask(1_000.0)
    assert pace.wait_s(1_000.0) == pytest.approx(0.02)


def test_each_failure_doubles_the_wait_up_to_a_limit_and_an_answer_ends_it() -> None:
    pace = Pace(10, 0.0)
    waits = []
    for _ in range(12):
        pace.failed(0.0)
        waits.append(pace.until_s)
    assert waits[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == LONGEST_WAIT_S
    assert pace.backing_off(LONGEST_WAIT_S - 0.1)
    assert not pace.backing_off(LONGEST_WAIT_S)
    assert pace.wait_s(0.0) == LONGEST_WAIT_S
    pace.answered()
    pace.failed(1_000.0)
    assert pace.until_s == 1_001.0


def test_the_vendor_may_ask_for_longer_but_not_for_ever() -> None:
    pace = Pace(1, 0.0)
    pace.failed(0.0, 30.0)
    assert pace.until_s == 30.0
    pace.failed(30.0, 0.0)
    assert pace.until_s == 32.0
    pace.failed(0.0, 1e9)
    assert pace.until_s == RETRY_AFTER_MAX_S


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), (b"12", 12.0), (b"0", 0.0), (b"-1", None), (b"1.5", None), (b"9" * 10, None)],
)
def test_a_retry_after_is_whole_seconds_or_nothing(
    value: bytes | None, seconds: float | None
) -> None:
    assert retry_after_s(value) == seconds
