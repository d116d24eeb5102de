"""A mark moves when everything before it has its row."""

from __future__ import annotations

from ledger.entries import HoldState
from ledger.history.marks import MARK_EVERY_S, Marks
from tests.unit.ledger.history.journals import MemoryJournals, ended, held, row

DUE_S = MARK_EVERY_S


def following(journals: MemoryJournals) -> Marks:
    marks = Marks()
    marks.follow(journals, 0.0)
    return marks


def test_without_journals_there_is_nothing_to_mark() -> None:
    assert Marks().reached([], 99.0) == []


def test_nothing_in_flight_is_reached_at_once() -> None:
    journals = MemoryJournals(shards=2)
    journals.add(held(1), shard=1)
    journals.add(ended(1, HoldState.SETTLED, 1), shard=1)
    marks = following(journals)
    assert marks.reached([], DUE_S - 1) == []
    assert marks.reached([], DUE_S) == [(0, 0), (1, 2)]
    marks.wrote(DUE_S)
    assert marks.reached([], DUE_S + 1) == []


def test_calls_in_flight_are_waited_for() -> None:
    journals = MemoryJournals()
    journals.add(held(1), held(2), held(3))
    marks = following(journals)
    assert marks.reached([], DUE_S) == []
    assert marks.reached([row(1, hold_id=1)], DUE_S) == []
    journals.add(held(4))
    assert marks.reached([row(2, hold_id=2, own_hold_id=3)], DUE_S) == [(0, 1)]


def test_a_write_that_failed_is_tried_with_the_same_marks() -> None:
    journals = MemoryJournals()
    journals.add(held(1))
    marks = following(journals)
    assert marks.reached([], DUE_S) == []
    assert marks.reached([row(1, hold_id=1)], DUE_S) == [(0, 1)]
    assert marks.reached([row(1, hold_id=1)], DUE_S) == [(0, 1)]


def test_a_call_turned_away_stops_them() -> None:
    marks = following(MemoryJournals())
    marks.stopped = True
    assert marks.reached([], DUE_S) == []


def test_the_last_write_looks_again() -> None:
    journals = MemoryJournals()
    journals.add(held(1))
    marks = following(journals)
    assert marks.reached([], DUE_S) == []
    journals.add(ended(1, HoldState.SETTLED, 1))
    marks.hurry()
    assert marks.reached([], DUE_S) == [(0, 2)]
