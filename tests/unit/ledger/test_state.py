"""The books of a shard, entry by entry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.entries import (
    Amended,
    BudgetTerms,
    Ended,
    Entry,
    Held,
    HoldState,
    Note,
    Noted,
    Opened,
    Parted,
    RetryKey,
    ToppedUp,
)
from ledger.errors import ImpossibleEntry
from ledger.hold import Hold
from ledger.memory import REFUND_MEMORY_US
from ledger.snapshot import dump
from ledger.state import State
from tests.ledgers import DAY_US, NOON_US

S = HoldState
TODAY = 20_000
TERMS = BudgetTerms(daily_micros=1_000)
KEY = RetryKey(b"k" * 16, b"d" * 16)
HOUR_US = 3_600_000_000


def books() -> State:
    """Account 1 is nobody's; 2 is an issuer and 3 its child."""
    state = State(0)
    for account_id, parent_id in ((1, None), (2, None), (3, 2)):
        state.apply(Opened(account_id, parent_id, TERMS, NOON_US))
    return state


def held(hold_id: int = 1, account_id: int = 1, amount: int = 100, **others: Any) -> Held:
    plain = Held(
        hold_id, account_id, None, TODAY, None, NOON_US, amount, 1, False, "c", "", "", b"", None
    )
    return plain._replace(**others)


def ended(state: HoldState, settled: int = 0, standing: int = 0, hold_id: int = 1) -> Ended:
    return Ended(hold_id, state, settled, standing, NOON_US + 1, "", b"")


def counts(state: State, account_id: int) -> tuple[int, int, int]:
    """Settled, open, units."""
    total = state.accounts[account_id].total
    return total.settled, total.counts() - total.settled, total.units


def test_a_hold_counts_and_its_ending_counts_instead() -> None:
    state = books()
    hold = state.apply_held(held())
    assert counts(state, 1) == (0, 100, 1)
    state.apply(ended(S.STANDING, 30, 50))
    assert counts(state, 1) == (30, 50, 1)
    state.apply(ended(S.IN_DOUBT))
    assert counts(state, 1) == (30, 70, 1)
    state.apply(ended(S.SETTLED, 120))
    assert counts(state, 1) == (120, 0, 1)
    assert hold.final
    assert state.holds == {}


def test_a_released_hold_leaves_nothing() -> None:
    state = books()
    state.apply(held(tag="pi_1", retry=KEY))
    state.apply(ended(S.RELEASED))
    assert counts(state, 1) == (0, 0, 0)
    assert (state.tagged("pi_1"), state.retried(KEY.key)) == ((), None)


def test_a_child_s_hold_has_two_legs_and_the_own_one_can_leave() -> None:
    state = books()
    state.apply(held(account_id=3, parent_id=2, parent_day=TODAY + 1))
    assert counts(state, 3) == counts(state, 2) == (0, 100, 1)
    assert sorted(state.accounts[2].days) == [TODAY + 1]
    state.apply(Parted(1, NOON_US))
    assert (counts(state, 3), counts(state, 2)) == ((0, 0, 0), (0, 100, 1))
    state.apply(ended(S.SETTLED, 80))
    assert (counts(state, 3), counts(state, 2)) == ((0, 0, 0), (80, 0, 1))


@pytest.mark.parametrize(
    "entry",
    [
        held(account_id=9),
        held(account_id=3, parent_id=9, parent_day=TODAY),
        held(hold_id=7),
        ended(S.SETTLED, hold_id=9),
        ended(S.OPEN, hold_id=7),
        Parted(9, 1),
        Parted(7, 1),
        Opened(1, None, TERMS, 1),
        Opened(9, 8, TERMS, 1),
        Opened(9, 3, TERMS, 1),
        Opened(9, None, BudgetTerms("Mars/Olympus"), 1),
        Amended(9, TERMS, 1),
        Amended(1, BudgetTerms("Asia/Tokyo"), 1),
        ToppedUp(1, -1, TODAY, None, 1),
        ToppedUp(9, 1, TODAY, None, 1),
    ],
)
def test_an_impossible_entry_changes_nothing(entry: Entry) -> None:
    state = books()
    state.apply(held(hold_id=7))
    before = dump(state)
    with pytest.raises(ImpossibleEntry):
        state.apply(entry)
    assert dump(state) == before


def test_a_hold_sheds_its_leg_once() -> None:
    state = books()
    state.apply(held(account_id=3, parent_id=2, parent_day=TODAY))
    state.apply(Parted(1, NOON_US))
    with pytest.raises(ImpossibleEntry, match="two legs"):
        state.apply(Parted(1, NOON_US))


def test_what_was_given_back_to_a_leg_leaves_with_it() -> None:
    state = books()
    state.apply(
        held(account_id=3, parent_id=2, parent_day=TODAY, amount_micros=900, restorable=True)
    )
    state.apply(ended(S.SETTLED, 900))
    restored = state.restoring(1, 400, "re_1", NOON_US)
    assert restored is not None
    state.apply(restored)
    state.apply(Parted(1, NOON_US))
    assert state.accounts[3].total.counts() == state.accounts[3].days[TODAY].counts() == 0
    assert state.restoring(1, 500, "re_2", NOON_US) is None
    assert state.restoring(1, -400, "re_1", NOON_US) is None


def test_a_group_is_looked_at_as_a_whole() -> None:
    state = books()
    for hold_id in (1, 2):
        state.apply(held(hold_id, account_id=3, parent_id=2, parent_day=TODAY))
    state.must_allow([Parted(1, 1), ended(S.SETTLED, 5), ended(S.RELEASED, hold_id=2)])
    groups: tuple[list[Ended | Parted], ...] = (
        [ended(S.SETTLED, 5), Parted(1, 1)],
        [ended(S.SETTLED, 5), ended(S.SETTLED, 6)],
        [Parted(1, 1), Parted(1, 1)],
        [ended(S.RELEASED, hold_id=2), ended(S.OPEN)],
    )
    for group in groups:
        with pytest.raises(ImpossibleEntry):
            state.must_allow(group)


def test_terms_change_and_days_are_topped_up() -> None:
    state = books()
    state.apply(Amended(1, replace(TERMS, daily_micros=5), 1))
    state.apply(ToppedUp(1, 3, TODAY, None, 2))
    assert state.account(1).standing(NOON_US).cap_micros == 8


def test_notes_are_kept_by_kind_and_name() -> None:
    state = books()
    for note in (("key", "a", b"1"), ("key", "b", b"2"), ("run", "a", b"3"), ("key", "a", b"4")):
        state.apply(Noted(*note, 1))
    state.apply(Noted("key", "b", None, 2))
    state.apply(Noted("key", "never", None, 2))
    state.apply(Noted("nothing", "never", None, 2))
    assert list(state.all_notes("key")) == [Note("key", "a", b"4")]
    assert list(state.all_notes("other")) == []


def test_holds_are_found_by_their_object() -> None:
    state = books()
    state.apply(held(1, tag="pi_1"))
    state.apply(held(2))
    assert [hold.hold_id for hold in state.tagged("pi_1")] == [1]
    state.apply(ended(S.STANDING, 0, 100, hold_id=2)._replace(tag="pi_1"))
    assert [hold.hold_id for hold in state.tagged("pi_1")] == [1, 2]
    state.apply(ended(S.STANDING, 0, 100)._replace(tag="pi_2"))
    assert [hold.hold_id for hold in state.tagged("pi_1")] == [2]


def test_a_settled_hold_is_remembered_by_its_retry_key_for_a_while() -> None:
    state = books()
    hold = state.apply_held(held(retry=KEY))
    found = state.retried(KEY.key)
    assert found is not None
    assert (found.hold, found.state, found.digest) == (hold, S.OPEN, KEY.digest)
    state.apply(ended(S.SETTLED, 5))
    found = state.retried(KEY.key)
    assert found is not None
    assert (found.hold, found.hold_id, found.state, found.account_id) == (None, 1, S.SETTLED, 1)
    state.forget(NOON_US + HOUR_US - 1, HOUR_US)
    assert state.retried(KEY.key) is not None
    state.forget(NOON_US + HOUR_US, HOUR_US)
    assert state.retried(KEY.key) is None


def found_under_key(state: State) -> int | None:
    found = state.retried(KEY.key)
    return None if found is None else found.hold_id


def test_a_key_used_anew_belongs_to_the_newest_hold_that_was_not_released() -> None:
    state = books()
    for hold_id in (1, 2, 3):
        state.apply(held(hold_id, retry=KEY))
    state.apply(ended(S.SETTLED, 5, hold_id=2))
    assert found_under_key(state) == 3
    state.apply(ended(S.RELEASED, hold_id=3))
    assert found_under_key(state) == 2
    state.apply(ended(S.SETTLED, 5))  # the oldest ends last
    assert found_under_key(state) == 2


def test_a_restorable_hold_stays_until_its_day_is_over() -> None:
    state = books()
    hold = state.apply_held(held(restorable=True, retry=KEY, tag="pi_1"))
    state.apply(ended(S.SETTLED, 90))
    state.forget(NOON_US, HOUR_US)
    assert state.tagged("pi_1") == (hold,)
    state.apply(ended(S.SETTLED, 95))
    assert counts(state, 1) == (95, 0, 1)
    state.forget(NOON_US + DAY_US, 100 * DAY_US)
    assert state.holds == {}
    found = state.retried(KEY.key)
    assert found is not None
    assert (found.hold, found.hold_id) == (None, 1)


def test_a_refund_restores_once_and_can_be_undone_once() -> None:
    state = books()
    hold = state.apply_held(held(restorable=True))
    state.apply(ended(S.SETTLED, 90))
    entry = state.restoring(1, 60, "re_1", NOON_US)
    assert entry is not None
    state.apply(entry)
    assert state.restoring(1, 60, "re_1", NOON_US) is None
    more = state.restoring(1, 60, "re_2", NOON_US)
    assert more is not None
    assert more.amount_micros == 30  # never more than what was settled
    assert (hold.restored_micros, state.account(1).total.restored) == (60, 60)
    undo = state.restoring(1, -1, "re_1", NOON_US)
    assert undo is not None
    state.apply(undo)
    assert (hold.restored_micros, state.account(1).total.restored) == (0, 0)
    assert state.restoring(1, -1, "re_1", NOON_US) is None
    assert state.restoring(1, 60, "re_1", NOON_US) is None
    assert state.restoring(1, -1, "re_unknown", NOON_US) is None


def test_a_refund_that_fails_after_the_hold_is_forgotten_is_undone_all_the_same() -> None:
    state = books()
    state.apply(held(restorable=True))
    state.apply(ended(S.SETTLED, 90))
    entry = state.restoring(1, 60, "re_1", NOON_US)
    assert entry is not None
    state.apply(entry)
    state.forget(NOON_US + 2 * DAY_US, HOUR_US)
    undo = state.restoring(1, -60, "re_1", NOON_US + 2 * DAY_US)
    assert undo is not None
    state.apply(undo)
    assert state.account(1).total.restored == 0
    state.forget(NOON_US + 2 * DAY_US + REFUND_MEMORY_US, HOUR_US)
    assert not len(state.refunds)


def test_a_refund_of_an_unknown_hold_is_impossible() -> None:
    with pytest.raises(ImpossibleEntry):
        books().restoring(9, 5, "re_1", NOON_US)


@pytest.mark.parametrize("state", [None, S.STANDING, S.PENDING, S.IN_DOUBT])
def test_a_refund_gives_back_what_is_settled_and_nothing_that_may_yet_be_released(
    state: S | None,
) -> None:
    books_ = books()
    books_.apply(held(restorable=True))
    if state is not None:
        books_.apply(ended(state, 60, 30))
    with pytest.raises(ImpossibleEntry, match="nothing to give back"):
        books_.restoring(1, 60, "re_1", NOON_US)
    books_.apply(ended(S.RELEASED))
    assert books_.account(1).total.counts() == 0


def test_holds_that_are_taken_back_were_never_there() -> None:
    state = books()
    state.apply(held(1))
    before = dump(state)
    taken: list[Hold] = [
        state.apply_held(held(2, tag="pi_1", retry=KEY)),
        state.apply_held(held(3, account_id=3, parent_id=2, parent_day=TODAY)),
    ]
    state.take_back(taken)
    assert dump(state) == before
    assert state.retried(KEY.key) is None
    assert [hold.state for hold in taken] == [S.RELEASED, S.RELEASED]


def test_a_hold_that_ended_before_it_was_taken_back_is_gone_all_the_same() -> None:
    state = books()
    before = dump(state)
    hold = state.apply_held(held())
    state.apply(ended(S.SETTLED, 50))
    state.take_back([hold])
    assert dump(state) == before


def test_the_last_moment_and_ids_are_those_of_the_entries() -> None:
    state = books()
    state.apply(held(5, at_us=NOON_US + 9))
    state.apply(Noted("k", "n", b"", NOON_US + 3))
    assert (state.at_us, state.last_hold, state.last_account) == (NOON_US + 9, 5, 3)
