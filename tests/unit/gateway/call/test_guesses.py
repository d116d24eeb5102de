"""Guessing is slow: a count per address and minute, and a memory with an end."""

from __future__ import annotations

import pytest

from gateway.call import guesses
from gateway.call.guesses import Guesses
from gateway.errors import KeyUnknown, RateLimited

NOON_US = 43_200_000_000


def test_a_few_guesses_a_minute_are_told_that_the_key_is_unknown() -> None:
    counts = Guesses(2)
    assert [type(counts.wrong("a", NOON_US)) for _ in range(3)] == [
        KeyUnknown, KeyUnknown, RateLimited,
    ]  # fmt: skip
    assert isinstance(counts.wrong("b", NOON_US), KeyUnknown), "addresses are counted apart"


def test_the_wait_is_to_the_end_of_the_minute() -> None:
    counts = Guesses(0)
    refusal = counts.wrong("a", NOON_US + 45_500_000)
    assert refusal.facts["retry_after_s"] == 15
    assert counts.wrong("a", NOON_US + 59_999_999).facts["retry_after_s"] == 1


def test_the_next_minute_begins_anew() -> None:
    counts = Guesses(1)
    counts.wrong("a", NOON_US)
    assert isinstance(counts.wrong("a", NOON_US + 60_000_000), KeyUnknown)


def test_many_addresses_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "_ADDRESSES_MAX", 3)
    counts = Guesses(1)
    for number in range(10):
        counts.wrong(str(number), NOON_US)
    assert len(counts._counts) <= 3


def test_the_limit_may_change_within_a_minute() -> None:
    counts = Guesses(0)
    assert isinstance(counts.wrong("192.0.2.1", 0), RateLimited)
    counts.per_minute = 2
    assert isinstance(counts.wrong("192.0.2.1", 0), KeyUnknown)


def test_a_door_for_people_makes_even_a_right_key_wait() -> None:
    counts = Guesses(2)
    counts.wrong("a", NOON_US)
    counts.wrong("a", NOON_US)
    assert counts.must_wait("a", NOON_US, "sign-in ") is None, "doors are counted apart"
    counts.wrong("a", NOON_US, "sign-in ")
    assert counts.must_wait("a", NOON_US, "sign-in ") is None
    counts.wrong("a", NOON_US, "sign-in ")
    refusal = counts.must_wait("a", NOON_US + 50_000_000, "sign-in ")
    assert refusal is not None
    assert refusal.facts["retry_after_s"] == 11
    assert counts.must_wait("b", NOON_US, "sign-in ") is None
    assert counts.must_wait("a", NOON_US + 60_000_000, "sign-in ") is None


def test_a_network_of_one_owner_counts_as_one_address() -> None:
    counts = Guesses(1)
    counts.wrong("2001:db8::1", NOON_US)
    assert isinstance(counts.wrong("2001:db8::ffff:2", NOON_US), RateLimited)
    assert isinstance(counts.wrong("2001:db8:0:1::1", NOON_US), KeyUnknown)
    assert isinstance(counts.wrong("no:address", NOON_US), KeyUnknown)
