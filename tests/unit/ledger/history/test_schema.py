"""The table, its indexes, and statements that write many rows at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from ledger.history.schema import (
    AMEND,
    BATCHES,
    CALLS_HAS,
    COLUMNS,
    FILTERS,
    GIVE_BACK,
    additions,
    creation,
    insertion,
    scenario,
)
from tests.unit.ledger.history.journals import row


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*creation(), *creation()):
        connection.execute(statement)
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [1, 8, 9, 64, 65, 256])
def test_a_batch_of_any_size_is_one_statement(db: sqlite3.Connection, count: int) -> None:
    rows = [row(n, hold_id=n, livemode=False, cost_micros=n) for n in range(count)]
    db.execute(*insertion(rows))
    assert len(rows) <= BATCHES[-1]
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    assert db.execute(f"SELECT {names} FROM calls ORDER BY n").fetchall() == [
        tuple(r) for r in rows
    ]


def test_a_row_written_again_becomes_the_new_one(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, count=1), row(2), row(1, count=7)]))
    assert db.execute('SELECT "id", "count" FROM calls').fetchall() == [
        ("call_00000001", 7),
        ("call_00000002", 1),
    ]


def test_a_table_gets_the_columns_that_it_lacks(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE calls DROP COLUMN rule")
    for expected in (["rule"], []):
        has = [name for (name,) in db.execute(CALLS_HAS)]
        for statement in additions(has):
            db.execute(statement)
        assert [name for name in COLUMNS if name not in has] == expected
    db.execute(*insertion([row(1, rule="currency")]))
    assert db.execute("SELECT rule FROM calls").fetchall() == [("currency",)]
    assert additions([]) == (), "there is no table yet"


def test_every_filter_has_an_index_that_sorts(db: sqlite3.Connection) -> None:
    for name in FILTERS:
        plan = db.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM calls INDEXED BY calls_by_{name} "
            f'WHERE "{name}" = ? AND at_us >= ? AND at_us < ? ORDER BY at_us DESC, n DESC',
            ("x", 0, 1),
        ).fetchall()
        assert len(plan) == 1, (name, plan)
        assert f"USING INDEX calls_by_{name}" in plan[0][3]


def amended(db: sqlite3.Connection, *changes: tuple[str, int | None, int]) -> tuple[object, ...]:
    for change in changes:
        for statement in AMEND:
            db.execute(statement, (*change, None))
    columns = '"state", cost_micros, own_cost_micros'
    (found,) = db.execute(f'SELECT {columns} FROM calls WHERE "id" = ?', (row(1).id,))
    return tuple(found)


def test_a_change_finds_the_row_of_its_hold(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, hold_id=7, own_hold_id=6, held_micros=50, state="open")]))
    assert amended(db, ("standing", 30, 7)) == ("standing", 30, 0)
    assert amended(db, ("settled", 9, 6)) == ("standing", 30, 9)
    assert amended(db, ("in_doubt", None, 7)) == ("in_doubt", 50, 9)
    assert amended(db, ("in_doubt", None, 6)) == ("in_doubt", 50, 9)
    assert amended(db, ("settled", 60, 7)) == ("settled", 60, 9)
    assert amended(db, ("settled", 1, 99)) == ("settled", 60, 9)


def test_a_change_may_tell_what_the_call_was_about(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, hold_id=7, own_hold_id=6, state="in_doubt")]))
    for change in (("settled", 9, 7, "pi_1"), ("settled", 9, 6, None), ("settled", 9, 7, None)):
        for statement in AMEND:
            db.execute(statement, change)
    assert db.execute("SELECT object_id FROM calls").fetchall() == [("pi_1",)]


def test_what_was_taken_over_stays_so(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, hold_id=7, held_micros=50, cost_micros=50, state="standing")]))
    assert amended(db, ("taken_over", 0, 7), ("settled", 50, 7)) == ("taken_over", 0, 0)


def test_in_doubt_never_counts_less_than_before(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, hold_id=7, held_micros=50, cost_micros=70, state="standing")]))
    assert amended(db, ("in_doubt", None, 7)) == ("in_doubt", 70, 0)


def test_a_refund_gives_back_once(db: sqlite3.Connection) -> None:
    db.execute(*insertion([row(1, hold_id=7)]))
    for refund, gives in (("re_1", 5), ("re_1", 5), ("re_2", 3), ("re_1", 0)):
        for statement in GIVE_BACK:
            db.execute(statement, (refund, gives, 7))
    assert db.execute("SELECT restored_micros, restored FROM calls").fetchall() == [
        (3, '{"re_1":0,"re_2":3}')
    ]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("a/b/c", "a/b"),
        ("make/8", "make"),
        ("alone", "alone"),
        ("/x", "/x"),
        ("", None),
        (None, None),
    ],
)
def test_scenario(run: str | None, expected: str | None) -> None:
    assert scenario(run) == expected
