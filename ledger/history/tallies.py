"""The daily and hourly sums of `calls`, kept in step with it in the same transaction as the rows.

`tally_days` and `tally_hours` have a row per day (hour, both of UTC, by a call's `at_us`), vendor,
account and name of each kind: a key, an operation, a scenario, a code, a hold's day. `tally_runs`
has one per run and day. None is the product of all of these, so that a day has as many rows as it
had keys, runs and scenarios. What a run is made of is read from its calls while they are few; from
RUN_CALLS_MAX calls on (somebody's label without a run in it) `tally_parts` tells it, with a row per
run, key, operation, code and state.

How they keep step. Whatever changes a row of `calls`, a trigger on the writing connection notes in
a table in memory what the row was (taken away) and what it is (added): `noted`. Before each
transaction's end all that was noted is summed up once per group and booked (`SETTLE`, one statement
that sets off the others). So a batch pays by its groups, not by its rows, no way of writing can
forget them, and a row that did not change in anything summed costs nothing.

A sum can be taken back, a first and last moment cannot: where a call turned out to belong
elsewhere (`moved`, a rebuild's draft that its live row corrects), those of the group that it left
are looked up again in `calls`, and a group without a call is removed.

A file from before has rows that nobody summed up: those with `n` up to `unsummed.upto`. They are
brought in from the newest down (`FILL`), while calls go on; until then whoever asks reads `calls`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US

_COST: Final = "({0}cost_micros + {0}own_cost_micros)"
MEASURES: Final[Mapping[str, str]] = {
    "calls": '{0}"count"',
    "refused": """CASE {0}decision WHEN 'refused' THEN {0}"count" ELSE 0 END""",
    "cost_micros": _COST,
    **{
        f"{state}_micros": f"""CASE {{0}}"state" WHEN '{state}' THEN {_COST} ELSE 0 END"""
        for state in ("standing", "pending", "in_doubt")
    },
    "restored_micros": "{0}restored_micros",
}
"""What is summed up, of a row of `calls` named {0}."""

KINDS: Final[Mapping[str, str]] = {
    "day": f'coalesce({{0}}"day", {{0}}at_us / {DAY_US})',
    "code": "{0}code",
    "key": "{0}key_id",
    "operation": "{0}operation",
    "scenario": "{0}scenario",
}
"""The name that a row of `calls` named {0} has in each kind. NULL: it is in none of that kind.
`day` is the day of the call's hold, in the zone of its budget, or that of UTC: every call has one,
so that this kind holds the sums over all as well."""


class Unit(NamedTuple):
    table: str
    length_us: int


DAYS: Final = Unit("tally_days", DAY_US)
HOURS: Final = Unit("tally_hours", HOUR_US)
UNITS: Final = (DAYS, HOURS)

_SUMS: Final = tuple(MEASURES)
_PLACE: Final = ("vendor", "account")
_TEXTS: Final = ("key_id", "operation", "scenario", "run", "code", "state")
_GROUP: Final = ("kind", "at", *_PLACE, "name")
PART: Final = ("run", "key_id", "operation", "code", "state")
RUN_CALLS_MAX: Final = 1_000
_NOTED: Final = ("n", "sign", "moved", "at_us", *_PLACE, *_TEXTS, "day", *_SUMS)


def _creation() -> Iterator[str]:
    sums = ", ".join(f"{name} INTEGER NOT NULL" for name in _SUMS)
    ends = "first_at_us INTEGER NOT NULL, last_at_us INTEGER NOT NULL"
    for unit in UNITS:
        yield (
            f"CREATE TABLE IF NOT EXISTS {unit.table} (kind TEXT NOT NULL, at INTEGER NOT NULL, "
            f"vendor TEXT NOT NULL, account TEXT NOT NULL, name NOT NULL, {sums}, {ends}, "
            f"PRIMARY KEY ({', '.join(_GROUP)})) WITHOUT ROWID"
        )
    yield (
        "CREATE TABLE IF NOT EXISTS tally_runs (run TEXT NOT NULL, at INTEGER NOT NULL, "
        f"{sums}, {ends}, PRIMARY KEY (run, at)) WITHOUT ROWID"
    )
    yield "CREATE INDEX IF NOT EXISTS tally_runs_by_last_at_us ON tally_runs (last_at_us)"
    yield "CREATE TABLE IF NOT EXISTS large_runs (run TEXT PRIMARY KEY) WITHOUT ROWID"
    parts = ", ".join(f'"{name}" TEXT NOT NULL' for name in PART)
    yield (
        f"CREATE TABLE IF NOT EXISTS tally_parts ({parts}, calls INTEGER NOT NULL, "
        f"cost_micros INTEGER NOT NULL, PRIMARY KEY ({_quoted(PART)})) WITHOUT ROWID"
    )
    yield "CREATE TABLE IF NOT EXISTS unsummed (one INTEGER PRIMARY KEY, upto INTEGER NOT NULL)"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


# What was noted of each row


def _noted(row: str, sign: int, moved: str) -> str:
    """The values of `noted` of a row of `calls` named row (`NEW.`)."""
    texts = [f"coalesce({row}\"{name}\", '')" for name in _PLACE]
    texts += [f'{row}"{name}"' for name in _TEXTS]
    sums = [f"{sign} * {value.format(row)}" for value in MEASURES.values()]
    values = [f"{row}n", str(sign), moved, f"{row}at_us", *texts, KINDS["day"].format(row), *sums]
    return ", ".join(values)


_HERE: Final = ("at_us", *_PLACE, "key_id", "operation", "scenario", "run", "code", "day")
"""What says which groups a call is in."""
_COUNTED: Final = (
    *("decision", "state", "cost_micros", "own_cost_micros", "restored_micros", "count"),
)


def _differs(names: tuple[str, ...]) -> str:
    old, new = (", ".join(f'{row}."{name}"' for name in names) for row in ("OLD", "NEW"))
    return f"({old}) IS NOT ({new})"


def _triggers() -> Iterator[str]:
    yield f"CREATE TEMP TABLE noted ({_quoted(_NOTED)})"
    yield "CREATE TEMP TABLE grown (run)"
    yield (
        "CREATE TEMP TRIGGER note_new AFTER INSERT ON main.calls BEGIN "
        f"INSERT INTO noted VALUES ({_noted('NEW.', 1, '0')}); END"
    )
    moved = _differs(_HERE)
    yield (
        "CREATE TEMP TRIGGER note_change AFTER UPDATE ON main.calls "
        f"WHEN {_differs((*_HERE, *_COUNTED))} BEGIN "
        f"INSERT INTO noted VALUES ({_noted('OLD.', -1, moved)}); "
        f"INSERT INTO noted VALUES ({_noted('NEW.', 1, '0')}); END"
    )
    yield "CREATE TEMP VIEW settling AS SELECT 1 AS now"
    yield (f"CREATE TEMP TRIGGER settle INSTEAD OF INSERT ON settling BEGIN {_body(_settle())} END")
    yield "CREATE TEMP VIEW mending AS SELECT 1 AS now"
    yield f"CREATE TEMP TRIGGER mend INSTEAD OF INSERT ON mending BEGIN {_body(_mend())} END"


def _body(statements: Iterator[str]) -> str:
    return " ".join(f"{statement};" for statement in statements)


# Booking it


def _settle() -> Iterator[str]:
    yield "DELETE FROM noted WHERE n <= (SELECT upto FROM unsummed)"
    for unit in UNITS:
        for kind, name in KINDS.items():
            name = "day" if kind == "day" else name.format("")
            group = f"'{kind}', at_us / {unit.length_us}, vendor, account, {name}"
            yield _booked(unit.table, _GROUP, group, f"{name} IS NOT NULL")
    yield _booked("tally_runs", ("run", "at"), f"run, at_us / {DAY_US}", "run IS NOT NULL")
    yield from _settle_parts()
    yield "INSERT INTO mending SELECT 1 FROM noted WHERE moved LIMIT 1"
    yield "DELETE FROM noted"


def _settle_parts() -> Iterator[str]:
    """Of the runs that are large, and of those that have become so: these once from all their
    calls."""
    part = ", ".join(f"coalesce(\"{name}\", '')" for name in PART)
    large = "run IN (SELECT run FROM large_runs)"
    yield (
        f"INSERT INTO tally_parts SELECT {part}, sum(calls), sum(cost_micros) FROM noted "
        f"WHERE {large} GROUP BY {part} ON CONFLICT DO UPDATE SET "
        "calls = calls + excluded.calls, cost_micros = cost_micros + excluded.cost_micros"
    )
    yield (
        f"DELETE FROM tally_parts WHERE calls = 0 AND ({_quoted(PART)}) IN "
        f"(SELECT {part} FROM noted WHERE sign < 0 AND {large})"
    )
    yield (
        "INSERT INTO grown SELECT run FROM (SELECT DISTINCT run FROM noted WHERE sign > 0 "
        f"AND run IS NOT NULL AND NOT {large}) AS r WHERE {RUN_CALLS_MAX} < "
        "(SELECT sum(t.calls) FROM tally_runs t WHERE t.run = r.run)"
    )
    calls, cost = (MEASURES[name].format("") for name in ("calls", "cost_micros"))
    yield (
        f"INSERT INTO tally_parts SELECT {part}, sum({calls}), sum({cost}) FROM calls "
        "WHERE run IN (SELECT run FROM grown) AND +n > (SELECT upto FROM unsummed) "
        f"GROUP BY {part}"
    )
    yield "INSERT INTO large_runs SELECT run FROM grown"
    yield "DELETE FROM grown"


def _booked(table: str, names: tuple[str, ...], group: str, where: str) -> str:
    """All that was noted, added to the groups of one kind."""
    sums = ", ".join(f"sum({name})" for name in _SUMS)
    ends = "coalesce(min(at_us) FILTER (WHERE sign > 0), min(at_us)), "
    ends += "coalesce(max(at_us) FILTER (WHERE sign > 0), max(at_us))"
    grown = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
    return (
        f"INSERT INTO {table} SELECT {group}, {sums}, {ends} FROM noted WHERE {where} "
        f"GROUP BY {', '.join(map(str, range(1, len(names) + 1)))} ON CONFLICT DO UPDATE SET "
        f"{grown}, first_at_us = min(first_at_us, excluded.first_at_us), "
        "last_at_us = max(last_at_us, excluded.last_at_us)"
    )


def _mend() -> Iterator[str]:
    """The groups that a call has left."""
    for unit in UNITS:
        for kind, value in KINDS.items():
            name = "day" if kind == "day" else value.format("")
            left = (
                f"SELECT '{kind}', at_us / {unit.length_us}, vendor, account, {name} FROM noted "
                f"WHERE moved AND {name} IS NOT NULL"
            )
            same = (
                f"coalesce(c.vendor, '') = {unit.table}.vendor AND "
                f"coalesce(c.account, '') = {unit.table}.account AND "
                f"{value.format('c.')} = {unit.table}.name"
            )
            yield from _mended(unit, _GROUP, left, same)
    left = f"SELECT run, at_us / {DAY_US} FROM noted WHERE moved AND run IS NOT NULL"
    unit = Unit("tally_runs", DAY_US)
    yield from _mended(unit, ("run", "at"), left, "c.run = tally_runs.run")


def _mended(unit: Unit, names: tuple[str, ...], left: str, same: str) -> Iterator[str]:
    table, length_us = unit
    named = f"({', '.join(names)}) IN ({left})"
    calls = (
        f"FROM calls c WHERE c.at_us >= {table}.at * {length_us} "
        f"AND c.at_us < ({table}.at + 1) * {length_us} AND {same}"
    )
    yield f"DELETE FROM {table} WHERE calls = 0 AND {named}"
    yield (
        f"UPDATE {table} SET first_at_us = coalesce((SELECT min(c.at_us) {calls}), first_at_us), "
        f"last_at_us = coalesce((SELECT max(c.at_us) {calls}), last_at_us) WHERE {named}"
    )


TABLES: Final = tuple(_creation())
TRIGGERS: Final = tuple(_triggers())
"""On the writing connection, once it is open: they live in its memory."""
SETTLE: Final = "INSERT INTO settling VALUES (1)"
"""Book what was noted since the last time: the last statement of every transaction."""

BEGIN_EMPTY: Final = "INSERT OR IGNORE INTO unsummed SELECT 1, coalesce(max(n), 0) FROM calls"
"""In a file that has no sums yet: all its rows wait for FILL."""
UNSUMMED: Final = "SELECT upto FROM unsummed"
FILL_ROWS: Final = 2_048
"""Rows to a transaction: some 50 ms in which the file takes nothing else."""
FILL: Final = (
    f"INSERT INTO noted SELECT {_noted('', 1, '0')} FROM calls "
    f"WHERE n > (SELECT upto - {FILL_ROWS} FROM unsummed) AND n <= (SELECT upto FROM unsummed)",
    f"UPDATE unsummed SET upto = max(0, upto - {FILL_ROWS})",
)
"""The newest of the rows that wait, before SETTLE."""
