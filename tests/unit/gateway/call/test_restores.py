"""A refund gives its cap back once, to the key's own charge of the same day."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.call.restores import give_back
from ledger import Hold, HoldState, Ledger
from ledger.entries import Held
from ledger.history import History
from vendors.contract import GivesBack

BACK = GivesBack(("pi_1", "ch_1"), "re_1", 40)


class Books:
    """One charge, and what was given back to it."""

    def __init__(self, charge: Hold) -> None:
        self.charge = charge
        self.gave: list[tuple[int, int, str]] = []

    def tagged(self, tag: str) -> list[Hold]:
        return [self.charge] if tag == "stripe/default/ch_1" else []

    def restore(self, hold_id: int, amount_micros: int, refund_id: str) -> None:
        self.gave.append((hold_id, amount_micros, refund_id))

    def give_back(self, hold_id: int, refund_id: str, gives: int) -> None:
        assert self.gave[-1] == (hold_id, gives, refund_id)


def hold(hold_id: int, account_id: int = 1, day: int = 7, *, restorable: bool = True) -> Hold:
    held = Held(
        hold_id, account_id, None, day, None, 0, 100, 1, restorable, "call_1", "", "", b"", None
    )
    made = Hold(held)
    made.state, made.settled_micros = HoldState.SETTLED, 100
    return made


def given(charge: Hold, refund: Hold, back: GivesBack | None = BACK) -> list[Any]:
    books = Books(charge)
    give_back(
        cast("Ledger", books), cast("History", books), back, refund, lambda x: f"stripe/default/{x}"
    )
    return books.gave


def test_it_gives_what_it_sent_back() -> None:
    assert given(hold(1), hold(2)) == [(1, 40, "re_1")]


@pytest.mark.parametrize(("restored", "gives"), [(70, [(1, 30, "re_1")]), (100, [])])
def test_never_more_than_the_charge_was(restored: int, gives: list[Any]) -> None:
    charge = hold(1)
    charge.restored_micros = restored
    assert given(charge, hold(2)) == gives


def test_only_where_the_key_says_so_and_for_its_own_charge_of_the_day() -> None:
    assert given(hold(1), hold(2, restorable=False)) == []
    assert given(hold(1), hold(2), None) == []
    assert given(hold(1, account_id=9), hold(2)) == []
    assert given(hold(1, day=6), hold(2)) == []
    standing = hold(1)
    standing.state = HoldState.STANDING
    assert given(standing, hold(2)) == []


def test_nothing_to_a_charge_that_another_key_carries_now() -> None:
    charge = hold(1)
    charge.shed = True
    assert given(charge, hold(2)) == []
