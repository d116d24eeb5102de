"""The audit log's table of calls: its columns, its indexes, and the statements that write it.

A row is one call (or, past a minute's allowance, several alike refusals with a count). Rows are
written a few hundred to a statement: SQLite then runs a whole batch without handing the
interpreter's lock back and forth for every row, which is what a writer thread beside a busy event
loop pays for most.

Every filter has an index on (column, at_us), so a page of any filter, in any span of time, newest
first, is read from one index without sorting. Absent texts are NULL, and indexes of sparse columns
leave them out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

VERSION: Final = 4
"""Of the tables, in the file's `user_version`. 1 had no sums (`tallies.py`): they are filled in. 2
summed up each row at once. 3 had no `rule`: a column that a file lacks is added, and empty."""


class CallRow(NamedTuple):
    """One call as it is written when it ends. The field names are the columns.

    at_us: when it came in. label: its key's. run: the effective label. scenario: what precedes the
    run's last '/'. decision: 'allowed' or 'refused'. rule: which one said no, or whose cap; of a
    call that was spared a refusal, which would have. quote_micros: the most it could cost.
    held_micros: what its hold set aside. cost_micros: what its hold counts for now.
    own_cost_micros: the same of a second hold, on the key's own budget alone, when the call took
    over another key's object. state: of its hold (`open`, `standing`, `pending`, `in_doubt`,
    `settled`, `released`, `taken_over`), None when it made none. day: of its hold, days since
    1970-01-01. idempotency_key: a hash. retry_of: the call whose hold this one continued. lookups:
    JSON text. would_refuse: the code a shadow key's caller was spared. count: alike calls this row
    stands for."""

    id: str
    at_us: int
    key_id: str
    label: str | None = None
    run: str | None = None
    scenario: str | None = None
    step: str | None = None
    reason: str | None = None
    run_url: str | None = None
    vendor: str | None = None
    account: str | None = None
    method: str = ""
    path: str = ""
    operation: str | None = None
    decision: str = "allowed"
    code: str | None = None
    rule: str | None = None
    status: int | None = None
    quote_micros: int = 0
    held_micros: int = 0
    cost_micros: int = 0
    own_cost_micros: int = 0
    state: str | None = None
    day: int | None = None
    idempotency_key: str | None = None
    vendor_request_id: str | None = None
    object_id: str | None = None
    livemode: bool | None = None
    duration_ms: int | None = None
    hold_id: int | None = None
    own_hold_id: int | None = None
    retry_of: str | None = None
    lookups: str | None = None
    would_refuse: str | None = None
    count: int = 1  # type: ignore[assignment]  # shadows tuple.count, which nobody asks of a row


def scenario(run: str | None) -> str | None:
    """What precedes the last '/' of an effective label; all of it where there is none."""
    return (run.rpartition("/")[0] or run) if run else None


COLUMNS: Final = CallRow._fields
FILTERS: Final = (
    "object_id",
    "key_id",
    "run",
    "label",
    "scenario",
    "code",
    "state",
    "operation",
    "account",
    "decision",
    "vendor",
)
"""The columns that can be asked for, those that tell calls apart best first: a page of several
filters is read from the index of the first and sifted by the rest."""

_SPARSE: Final = frozenset({"object_id", "code", "state", "hold_id", "own_hold_id"})
_TYPES: Final = {
    "at_us": "INTEGER NOT NULL",
    "key_id": "TEXT NOT NULL",
    "method": "TEXT NOT NULL",
    "path": "TEXT NOT NULL",
    "decision": "TEXT NOT NULL",
    "status": "INTEGER",
    "quote_micros": "INTEGER NOT NULL",
    "held_micros": "INTEGER NOT NULL",
    "cost_micros": "INTEGER NOT NULL",
    "own_cost_micros": "INTEGER NOT NULL",
    "day": "INTEGER",
    "livemode": "INTEGER",
    "duration_ms": "INTEGER",
    "hold_id": "INTEGER",
    "own_hold_id": "INTEGER",
    "count": "INTEGER NOT NULL",
}
BATCHES: Final = (8, 64, 256)
"""Rows to a statement: a batch takes the smallest that fits and is filled up with empty rows."""


def creation() -> tuple[str, ...]:
    """The statements that make the file, harmless on one that has them."""
    columns = ", ".join(map(_column, COLUMNS[1:]))
    table = (
        "CREATE TABLE IF NOT EXISTS calls (n INTEGER PRIMARY KEY, "
        f'"id" TEXT NOT NULL UNIQUE, {columns}, '
        "restored_micros INTEGER NOT NULL DEFAULT 0, restored TEXT)"
    )
    marks = "CREATE TABLE IF NOT EXISTS marks (shard INTEGER PRIMARY KEY, seq INTEGER NOT NULL)"
    indexes = [_index(name, f'"{name}", at_us') for name in FILTERS]
    holds = [_index(name, f'"{name}"') for name in ("hold_id", "own_hold_id")]
    return (table, marks, _index("at_us", "at_us"), *indexes, *holds)


CALLS_HAS: Final = "SELECT name FROM pragma_table_info('calls')"


def additions(has: Collection[str]) -> tuple[str, ...]:
    """The statements that give the table of an older file, with these columns, the ones that it
    lacks. No row is written again for it."""
    lacks = [name for name in COLUMNS if name not in has]
    return tuple(f"ALTER TABLE calls ADD COLUMN {_column(name)}" for name in lacks if has)


def _column(name: str) -> str:
    return f'"{name}" {_TYPES.get(name, "TEXT")}'


def _index(name: str, columns: str) -> str:
    where = f' WHERE "{name}" IS NOT NULL' if name in _SPARSE else ""
    return f"CREATE INDEX IF NOT EXISTS calls_by_{name} ON calls ({columns}){where}"


def _upsert(rows: int) -> str:
    row = "(" + ", ".join("?" * len(COLUMNS)) + ")"
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    values = ", ".join([row] * rows)
    whole = ", ".join(f'"{name}" = excluded."{name}"' for name in COLUMNS[1:])
    return (
        f"INSERT INTO calls ({names}) SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL "
        f'ON CONFLICT ("id") DO UPDATE SET {whole}'
    )


_INSERTS: Final = {rows: _upsert(rows) for rows in BATCHES}
_EMPTY: Final = (None,) * len(COLUMNS)


def insertion(rows: Sequence[CallRow]) -> tuple[str, list[Any]]:
    """The statement, with its parameters, that writes up to BATCHES[-1] rows, whole: a row that is
    there already (a growing count, a call that a rebuild had found open) becomes the new one."""
    size = next(size for size in BATCHES if size >= len(rows))
    filling = _EMPTY * (size - len(rows))
    return _INSERTS[size], [*chain.from_iterable(rows), *filling]


AMEND: Final = (
    'UPDATE calls SET "state" = ?1, cost_micros = coalesce(?2, max(held_micros, cost_micros)), '
    "object_id = coalesce(?4, object_id) WHERE hold_id = ?3 AND \"state\" IS NOT 'taken_over'",
    "UPDATE calls SET own_cost_micros = coalesce(?2, own_cost_micros), "
    "object_id = coalesce(?4, object_id) WHERE own_hold_id = ?3",
)
"""A hold's new state and what it counts for now, None for all it set aside: (state, cost_micros,
hold_id, object_id), the last where it became known only now. A call whose hold was taken over stays
so: what the hold does from then on is no money of its key."""

GIVE_BACK: Final = (
    "UPDATE calls SET restored = json_patch(coalesce(restored, '{}'), json_object(?1, ?2)) "
    "WHERE hold_id = ?3",
    "UPDATE calls SET restored_micros = (SELECT sum(value) FROM json_each(restored)) "
    "WHERE hold_id = ?3",
)
"""A refund gave back: (refund id, micros it gives back now, hold_id). Saying it twice changes
nothing."""

MARK: Final = "INSERT OR REPLACE INTO marks (shard, seq) VALUES (?, ?)"
MARKS: Final = "SELECT shard, seq FROM marks"

_NAMES: Final = ", ".join(f'"{name}"' for name in COLUMNS)
CONCERNED: Final = (
    f'SELECT {_NAMES} FROM calls WHERE "id" IN (SELECT value FROM json_each(?1)) '
    f"UNION SELECT {_NAMES} FROM calls WHERE hold_id IN (SELECT value FROM json_each(?2)) "
    f"UNION SELECT {_NAMES} FROM calls WHERE own_hold_id IN (SELECT value FROM json_each(?2))"
)
"""The rows that some journal entries speak of: (JSON list of call ids, JSON list of hold ids)."""
