"""The life of one hold: every pair of states, and what it counts for in each."""

from __future__ import annotations

import pytest

from ledger.entries import AFTER, Ended, Held, HoldState
from ledger.errors import ImpossibleEntry
from ledger.hold import Hold, must_allow

S = HoldState
POSSIBLE = {
    S.OPEN: {S.STANDING, S.PENDING, S.IN_DOUBT, S.SETTLED, S.RELEASED},
    S.STANDING: {S.STANDING, S.SETTLED, S.RELEASED, S.IN_DOUBT},
    S.PENDING: {S.PENDING, S.SETTLED, S.RELEASED},
    S.IN_DOUBT: {S.STANDING, S.PENDING, S.SETTLED, S.RELEASED},
    S.SETTLED: {S.SETTLED},
    S.RELEASED: set[HoldState](),
}


def held(amount: int = 100) -> Held:
    return Held(1, 2, None, 3, None, 4, amount, 1, False, "call_1", "tag", "remark", b"", None)


def ended(state: HoldState, settled: int = 0, standing: int = 0, tag: str = "") -> Ended:
    return Ended(1, state, settled, standing, 5, tag, b"")


def hold_in(state: HoldState, settled: int = 0) -> Hold:
    hold = Hold(held())
    hold.state, hold.settled_micros = state, settled
    return hold


@pytest.mark.parametrize("now", HoldState)
@pytest.mark.parametrize("then", HoldState)
def test_only_these_steps_exist(now: HoldState, then: HoldState) -> None:
    if then in POSSIBLE[now]:
        must_allow(hold_in(now), ended(then))
    else:
        with pytest.raises(ImpossibleEntry, match="cannot go from"):
            must_allow(hold_in(now), ended(then))


def test_the_table_covers_every_state() -> None:
    assert set(AFTER) == set(HoldState)


@pytest.mark.parametrize(("settled", "standing"), [(-1, 0), (0, -1)])
def test_a_negative_figure_is_impossible(settled: int, standing: int) -> None:
    with pytest.raises(ImpossibleEntry, match="negative"):
        must_allow(hold_in(S.OPEN), ended(S.STANDING, settled, standing))


def test_nothing_stands_of_a_settled_hold() -> None:
    with pytest.raises(ImpossibleEntry, match="a part of it stands"):
        must_allow(hold_in(S.OPEN), ended(S.SETTLED, 5, 1))


def test_a_settled_hold_can_only_turn_out_dearer() -> None:
    must_allow(hold_in(S.SETTLED, 10), ended(S.SETTLED, 10))
    must_allow(hold_in(S.SETTLED, 10), ended(S.SETTLED, 11))
    with pytest.raises(ImpossibleEntry, match="dearer"):
        must_allow(hold_in(S.SETTLED, 10), ended(S.SETTLED, 9))


def test_a_call_may_turn_out_to_be_fewer_units_and_never_more() -> None:
    hold = hold_in(S.OPEN)
    for units in (-1, 2):
        with pytest.raises(ImpossibleEntry, match="units"):
            must_allow(hold, ended(S.SETTLED, 5)._replace(units=units))
    none_at_all = ended(S.SETTLED, 5)._replace(units=0)
    must_allow(hold, none_at_all)
    hold.go_on(none_at_all)
    assert hold.counted_units == 0


def test_a_new_hold_is_open_and_counts_in_full() -> None:
    hold = Hold(held())
    assert (hold.state, hold.open_micros, hold.settled_micros) == (S.OPEN, 100, 0)
    assert (hold.memo_ref, hold.tag, hold.remark) == ("call_1", "tag", "remark")
    assert not hold.final
    assert repr(hold) == "<Hold 1 open 100>"


def test_a_part_may_be_settled_while_a_part_stands() -> None:
    hold = Hold(held())
    hold.go_on(ended(S.STANDING, 30, 50, "pi_1"))
    assert (hold.settled_micros, hold.open_micros, hold.tag) == (30, 50, "pi_1")


@pytest.mark.parametrize(
    ("settled", "standing", "counts"), [(0, 0, 100), (30, 50, 70), (30, 90, 90), (120, 0, 0)]
)
def test_in_doubt_counts_in_full(settled: int, standing: int, counts: int) -> None:
    hold = Hold(held())
    hold.go_on(ended(S.STANDING, settled, standing))
    hold.go_on(ended(S.IN_DOUBT, 7, 7))
    assert (hold.settled_micros, hold.open_micros) == (settled, counts)


def test_a_released_hold_counts_for_nothing_and_gives_its_units_back() -> None:
    hold = Hold(held())
    hold.go_on(ended(S.STANDING, 30, 50))
    hold.go_on(ended(S.RELEASED, 9, 9))
    assert (hold.settled_micros, hold.open_micros, hold.counted_units) == (0, 0, 0)
    assert hold.final


def test_drift_is_booked_in_full() -> None:
    hold = Hold(held())
    hold.go_on(ended(S.SETTLED, 250))
    assert (hold.settled_micros, hold.open_micros, hold.counted_units) == (250, 0, 1)
