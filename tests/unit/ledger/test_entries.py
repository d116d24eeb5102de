"""The journal's facts: the table of states is whole, and facts do not change."""

from __future__ import annotations

import dataclasses

import pytest

from ledger.entries import AFTER, FINAL, BudgetTerms, Ending, HoldState, Note, RetryKey, Shed


def test_every_state_can_be_reached_and_only_final_ones_stay() -> None:
    reached = {then for now, thens in AFTER.items() for then in thens if then is not now}
    assert reached | {HoldState.OPEN} == set(HoldState)
    for state in HoldState:
        leaves = AFTER[state] - {state}
        assert (not leaves) == (state in FINAL)


def test_states_are_found_in_tables_by_value_and_identity() -> None:
    assert {state: state.value for state in HoldState}[HoldState("in_doubt")] == "in_doubt"


@pytest.mark.parametrize(
    "fact",
    [
        BudgetTerms(),
        RetryKey(b"k", b"d"),
        Shed(1),
    ],
)
def test_what_callers_hand_in_is_frozen(fact: object) -> None:
    [field, *_] = dataclasses.fields(fact)  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(fact, field.name, "other")


def test_so_are_a_note_and_an_ending() -> None:
    with pytest.raises(AttributeError):
        setattr(Note("k", "n", None), "name", "other")  # noqa: B010
    with pytest.raises(AttributeError):
        setattr(Ending(1, HoldState.SETTLED), "state", HoldState.OPEN)  # noqa: B010
