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
    TABLES,
    TRIGGERS,
    UNSUMMED,
)
from tests.unit.ledger.history.journals import AT_US, row


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*creation(), *TABLES, *TABLES, *TRIGGERS, BEGIN_EMPTY, BEGIN_EMPTY):
        connection.execute(statement)
    yield connection
    connection.close()


def keys(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return db.execute(
        "SELECT at, vendor, name, calls, cost_micros, standing_micros, first_at_us, last_at_us "
        "FROM tally_days WHERE kind = 'key' ORDER BY name"
    ).fetchall()


def test_a_batch_is_summed_up_when_it_ends(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, cost_micros=5, hold_id=1, state="standing"), row(2, count=3)]))
    assert keys(db) == []
    db.execute(SETTLE)
    day = AT_US // DAY_US
    assert keys(db) == [(day, "stripe", "vk_1", 4, 5, 5, AT_US + 1, AT_US + 2)]
    for statement in AMEND:
        db.execute(statement, ("settled", 4, 1, None))
    db.execute(SETTLE)
    assert keys(db) == [(day, "stripe", "vk_1", 4, 4, 0, AT_US + 1, AT_US + 2)]


def test_what_changes_nothing_that_is_summed_up_is_not_noted(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, hold_id=1, state="settled", cost_micros=4)]))
    db.execute(SETTLE)
    for statement in AMEND:
        db.execute(statement, ("settled", 4, 1, "pi_1"))
    db.execute(*insertion([row(1, hold_id=1, state="settled", cost_micros=4, status=200)]))
    assert db.execute("SELECT * FROM noted").fetchall() == []


def test_a_call_that_belongs_elsewhere_leaves_no_trace(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1), row(2), row(3)]))
    db.execute(SETTLE)
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
    db.execute("DELETE FROM unsummed")
    for n in range(rows):
        db.execute(*insertion([row(n, cost_micros=1)]))
        db.execute("DELETE FROM noted")
    db.execute(BEGIN_EMPTY)
    calls = []
    db.execute(*insertion([row(rows)]))
    db.execute(SETTLE)
    while db.execute(UNSUMMED).fetchall() != [(0,)]:
        calls.append(keys(db)[0][3])
        for statement in FILL:
            db.execute(statement)
        db.execute(*insertion([row(0, cost_micros=9), row(rows - 1, cost_micros=2)]))
        db.execute(SETTLE)
    assert calls == [1, 1 + FILL_ROWS]
    assert keys(db)[0][3:5] == (rows + 1, rows + 9)
