"""A mark moves when everything before it has its row on file."""

from __future__ import annotations

from ledger.entries import HoldState
from ledger.history.marks import Marks
from tests.unit.ledger.history.journals import MemoryJournals, ended, held, row


def following(journals: MemoryJournals) -> Marks:
    marks = Marks()
    marks.follow(journals, dict.fromkeys(journals.shards(), 0))
    return marks


def test_without_journals_there_is_nothing_to_mark() -> None:
    marks = Marks()
    marks.look()
    assert marks.due() == []


def test_with_nothing_in_flight_they_move_at_the_next_look() -> None:
    journals = MemoryJournals(shards=2)
    journals.add(held(1), shard=1)
    journals.add(ended(1, HoldState.SETTLED, 1), shard=1)
    marks = following(journals)
    assert marks.due() == []
    marks.look()
    assert marks.due() == [(1, 2)]
    marks.look()
    assert marks.due() == []


def test_calls_in_flight_are_waited_for() -> None:
    journals = MemoryJournals()
    journals.add(held(1), held(2), held(3))
    marks = following(journals)
    marks.look()
    assert marks.due() == []
    marks.wrote([row(1, hold_id=1)])
    assert marks.due() == []
    journals.add(held(4))
    marks.look()
    marks.wrote([row(2, hold_id=2, own_hold_id=3)])
    assert marks.due() == [(0, 1)]
    marks.wrote([row(4, hold_id=4)])


def test_a_call_turned_away_stops_them() -> None:
    journals = MemoryJournals()
    journals.add(held(1), ended(1, HoldState.SETTLED, 1))
    marks = following(journals)
    marks.look()
    marks.stopped = True
    assert marks.due() == []
