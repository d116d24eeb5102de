"""Each no is a type, and carries what its reader needs."""

from __future__ import annotations

import pytest

from ledger import errors
from ledger.account import Account
from ledger.days import Calendar
from ledger.entries import BudgetTerms
from tests.ledgers import NOON_US


def test_a_passed_cap_says_whose_and_how_it_stands() -> None:
    standing = Account(7, None, BudgetTerms(daily_micros=5), Calendar("UTC")).standing(NOON_US)
    no = errors.CapExceeded(errors.Limit.DAILY, 7, standing)
    assert (no.limit, no.account_id, no.standing) == (errors.Limit.DAILY, 7, standing)
    assert str(no) == "the daily cap of account 7 would be passed"


@pytest.mark.parametrize(
    "kind",
    [
        errors.ImpossibleEntry,
        errors.JournalFull,
        errors.JournalUnavailable,
        errors.LedgerRefused,
    ],
)
def test_all_are_the_ledger_s_own(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.LedgerError)


def test_both_ways_of_not_recording_are_caught_as_one() -> None:
    assert issubclass(errors.JournalFull, errors.CannotRecord)
    assert issubclass(errors.JournalUnavailable, errors.CannotRecord)
