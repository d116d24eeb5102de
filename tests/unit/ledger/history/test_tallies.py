"""The sums keep step with the calls; `tests/property/test_history_sums.py` tries it at random."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.history.schema import AMEND, creation, insertion
from ledger.history.tallies import (
    BEGIN_EMPTY,
    DAY_US,
    FILL,
    FILL_ROWS,
    SETTLE,
    SUM,
    SUM_ROWS,
    TABLES,
    TRIGGERS,
    UNSUMMED,
)
from tests.unit.ledger.history.journals import AT_US, row


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*creation(), *TABLES, *TABLES, *TRIGGERS, *BEGIN_EMPTY, *BEGIN_EMPTY):
        connection.execute(statement)
    yield connection
    connection.close()


def sum_up(db: sqlite3.Connection) -> None:
    for statement in (SUM, SETTLE):
        db.execute(statement)


def keys(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return db.execute(
        "SELECT at, vendor, name, calls, cost_micros, standing_micros, first_at_us, last_at_us "
        "FROM tally_days WHERE kind = 'key' ORDER BY name"
    ).fetchall()


def test_rows_are_summed_up_once_they_are_many(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(n) for n in range(10)]))
    db.execute(f"UPDATE calls SET n = n + {SUM_ROWS - 11}")
    db.execute(SETTLE)
    assert keys(db) == []
    db.execute(*insertion([row(10)]))
    db.execute(SETTLE)
    assert keys(db)[0][3] == 11
    assert db.execute("SELECT upto FROM summed").fetchall() == [(SUM_ROWS,)]
    db.execute(*insertion([row(11)]))
    db.execute(SETTLE)
    assert keys(db)[0][3] == 11


def test_what_changes_before_it_is_summed_up_is_not_noted(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, cost_micros=5, hold_id=1, state="standing")]))
    for statement in AMEND:
        db.execute(statement, ("settled", 4, 1, None))
    assert db.execute("SELECT * FROM noted").fetchall() == []
    sum_up(db)
    assert keys(db)[0][3:6] == (1, 4, 0)


def test_a_change_is_booked_when_its_batch_ends(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, cost_micros=5, hold_id=1, state="standing"), row(2, count=3)]))
    sum_up(db)
    day = AT_US // DAY_US
    assert keys(db) == [(day, "stripe", "vk_1", 4, 5, 5, AT_US + 1, AT_US + 2)]
    for statement in AMEND:
        db.execute(statement, ("settled", 4, 1, None))
    db.execute(SETTLE)
    assert keys(db) == [(day, "stripe", "vk_1", 4, 4, 0, AT_US + 1, AT_US + 2)]


def test_what_changes_nothing_that_is_summed_up_is_not_noted(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, hold_id=1, state="settled", cost_micros=4)]))
    sum_up(db)
    for statement in AMEND:
        db.execute(statement, ("settled", 4, 1, "pi_1"))
    db.execute(*insertion([row(1, hold_id=1, state="settled", cost_micros=4, status=200)]))
    assert db.execute("SELECT * FROM noted").fetchall() == []


def test_a_call_that_belongs_elsewhere_leaves_no_trace(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1), row(2), row(3)]))
    sum_up(db)
    db.execute(*insertion([row(1, key_id="vk_2"), row(3, vendor=None)]))
    db.execute(SETTLE)
    day = AT_US // DAY_US
    assert sorted(keys(db)) == [
        (day, "", "vk_1", 1, 0, 0, AT_US + 3, AT_US + 3),
        (day, "stripe", "vk_1", 1, 0, 0, AT_US + 2, AT_US + 2),
        (day, "stripe", "vk_2", 1, 0, 0, AT_US + 1, AT_US + 1),
    ]


def test_the_rows_of_an_older_file_are_filled_in_from_the_newest(db: sqlite3.Connection) -> None:
    rows = FILL_ROWS + 10
    for table in ("unsummed", "summed"):
        db.execute(f"DELETE FROM {table}")
    for n in range(rows):
        db.execute(*insertion([row(n, cost_micros=1)]))
    for statement in BEGIN_EMPTY:
        db.execute(statement)
    calls, since = [], []
    db.execute(*insertion([row(rows)]))
    sum_up(db)
    while db.execute(UNSUMMED).fetchall() != [(0,)]:
        calls.append(keys(db)[0][3])
        since += db.execute("SELECT complete_since_us FROM summed").fetchone()
        for statement in FILL:
            db.execute(statement)
        db.execute(*insertion([row(0, cost_micros=9), row(rows - 1, cost_micros=2)]))
        db.execute(SETTLE)
    assert calls == [1, 1 + FILL_ROWS]
    assert since == [AT_US + rows, AT_US + 10]
    assert keys(db)[0][3:5] == (rows + 1, rows + 9)


def test_a_waiting_row_that_turns_out_to_be_later(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1), row(2)]))
    db.execute("UPDATE unsummed SET upto = 2")
    db.execute("UPDATE summed SET upto = 2, complete_since_us = ?", (AT_US + 3,))
    db.execute(*insertion([row(1, at_us=AT_US + 9)]))
    assert db.execute("SELECT complete_since_us FROM summed").fetchone() == (AT_US + 10,)
