"""One budget's arithmetic."""

from __future__ import annotations

import pytest

from ledger.account import Account, Sums, TopUp
from ledger.days import Calendar
from ledger.entries import BudgetTerms
from ledger.errors import Limit
from tests.ledgers import DAY_US, NOON_US

TODAY = 20_000


def account(**terms: int | None) -> Account:
    return Account(1, None, BudgetTerms(**terms), Calendar("UTC"))  # type: ignore[arg-type]


def test_without_caps_nothing_is_refused() -> None:
    unlimited = account()
    assert unlimited.exceeded(10**15, 10**9, NOON_US) is None
    standing = unlimited.standing(NOON_US)
    assert standing.cap_micros is None
    assert standing.remaining_micros is None
    assert standing.total_remaining_micros is None
    assert standing.over_cap_micros == 0


def test_a_cap_may_be_reached_and_not_passed() -> None:
    capped = account(daily_micros=100)
    capped.add(TODAY, "held", 60, 0, 1)
    assert capped.exceeded(40, 1, NOON_US) is None
    assert capped.exceeded(41, 1, NOON_US) is Limit.DAILY


@pytest.mark.parametrize("bucket", ["held", "standing", "pending", "in_doubt"])
def test_every_kind_of_money_counts(bucket: str) -> None:
    capped = account(daily_micros=100)
    capped.add(TODAY, bucket, 30, 20, 1)
    assert capped.exceeded(50, 1, NOON_US) is None
    assert capped.exceeded(51, 1, NOON_US) is Limit.DAILY


def test_yesterday_counts_against_the_total_only() -> None:
    capped = account(daily_micros=100, total_micros=150)
    capped.add(TODAY - 1, "standing", 40, 60, 1)
    assert capped.exceeded(50, 1, NOON_US) is None
    assert capped.exceeded(51, 1, NOON_US) is Limit.TOTAL
    standing = capped.standing(NOON_US)
    assert (standing.spent_micros, standing.total_spent_micros) == (0, 100)
    assert (standing.remaining_micros, standing.total_remaining_micros) == (100, 50)


def test_units_have_a_cap_of_their_own() -> None:
    capped = account(daily_units=3)
    capped.add(TODAY, "held", 5, 0, 2)
    assert capped.exceeded(10**12, 1, NOON_US) is None
    assert capped.exceeded(0, 2, NOON_US) is Limit.UNITS
    assert (capped.standing(NOON_US).units, capped.standing(NOON_US).units_cap) == (2, 3)


def test_a_top_up_belongs_to_its_day_and_ends_when_it_says() -> None:
    capped = account(daily_micros=100)
    capped.top_ups = (
        TopUp(TODAY, 50, None),
        TopUp(TODAY, 7, NOON_US + 1),
        TopUp(TODAY + 1, 1_000, None),
    )
    assert capped.exceeded(157, 1, NOON_US) is None
    assert capped.exceeded(158, 1, NOON_US) is Limit.DAILY
    assert capped.exceeded(151, 1, NOON_US + 1) is Limit.DAILY
    standing = capped.standing(NOON_US)
    assert (standing.cap_micros, standing.top_up_micros) == (157, 57)


def test_a_lowered_cap_admits_nothing_and_says_by_how_much() -> None:
    capped = account(daily_micros=100)
    capped.add(TODAY, "held", 10, 80, 1)
    capped.terms = BudgetTerms(daily_micros=30)
    assert capped.exceeded(0, 0, NOON_US) is Limit.DAILY
    standing = capped.standing(NOON_US)
    assert (standing.remaining_micros, standing.over_cap_micros) == (0, 60)


def test_a_refund_gives_back_to_the_cap_while_spent_stays_gross() -> None:
    capped = account(daily_micros=100, total_micros=100)
    capped.add(TODAY, "settled", 0, 100, 1)
    capped.restore(TODAY, 40)
    assert capped.exceeded(40, 1, NOON_US) is None
    standing = capped.standing(NOON_US)
    assert (standing.spent_micros, standing.restored_micros) == (100, 40)
    assert standing.remaining_micros == 40
    assert standing.total_remaining_micros == 40


def test_a_refund_of_a_forgotten_day_reaches_the_running_sums() -> None:
    capped = account(total_micros=100)
    capped.add(TODAY - 1, "settled", 0, 100, 1)
    capped.forget_days(NOON_US)
    capped.restore(TODAY - 1, 10)
    assert capped.days == {}
    assert capped.standing(NOON_US).total_remaining_micros == 10


def test_days_with_something_open_are_not_forgotten() -> None:
    capped = account(daily_micros=100)
    capped.top_ups = (TopUp(TODAY - 1, 5, None), TopUp(TODAY, 5, None))
    capped.add(TODAY - 2, "standing", 5, 0, 1)
    capped.add(TODAY - 1, "settled", 0, 6, 1)
    capped.add(TODAY, "settled", 0, 7, 1)
    capped.forget_days(NOON_US)
    assert sorted(capped.days) == [TODAY - 2, TODAY]
    assert list(capped.top_ups) == [TopUp(TODAY, 5, None)]
    assert capped.total.spent() == 18


def test_a_day_on_which_nothing_counts_is_forgotten_though_it_is_today() -> None:
    capped = account()
    capped.add(TODAY, "held", 5, 0, 1)
    capped.add(TODAY, "held", -5, 0, -1)
    capped.forget_days(NOON_US)
    assert capped.days == {}


def test_the_standing_of_a_day_says_what_is_what_and_when_it_ends() -> None:
    capped = account(daily_micros=1_000)
    for bucket, micros in (("held", 1), ("standing", 2), ("pending", 4), ("in_doubt", 8)):
        capped.add(TODAY, bucket, micros, 16, 1)
    standing = capped.standing(NOON_US)
    assert (standing.held_micros, standing.standing_micros) == (1, 2)
    assert (standing.pending_micros, standing.in_doubt_micros) == (4, 8)
    assert (standing.settled_micros, standing.spent_micros) == (64, 78)
    assert standing.remaining_micros == 1_000 - 79
    assert (standing.day, standing.resets_at_us) == (TODAY, (TODAY + 1) * DAY_US)


@pytest.mark.parametrize("daily_micros", [100, None])
def test_what_every_answer_tells_is_what_the_standing_says(daily_micros: int | None) -> None:
    asked = account(daily_micros=daily_micros)
    asked.top_up(TopUp(TODAY, 7, None))
    asked.add(TODAY, "held", 30, 0, 1)
    asked.add(TODAY, "standing", 20, 5, 1)
    for now_us in (NOON_US, NOON_US + DAY_US):
        standing = asked.standing(now_us)
        assert asked.today(now_us) == (standing.spent_micros, standing.remaining_micros)


def test_sums_come_back_from_their_tuple() -> None:
    sums = Sums(1, 2, 3, 4, 5, 6, 7)
    assert Sums(*sums.as_tuple()).as_tuple() == (1, 2, 3, 4, 5, 6, 7)
    assert sums.counts() == 1 + 2 + 3 + 4 + 5 - 6
