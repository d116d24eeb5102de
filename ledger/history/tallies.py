"""The daily and hourly sums of `calls`, kept in step with it in the same transaction as the rows.

`tally_days` and `tally_hours` have a row per day (hour, both of UTC, by a call's `at_us`), vendor,
account and name of each kind: a key, an operation, a scenario, a code, a hold's day. `tally_runs`
has one per run and day. None is the product of all of these, so that a day has as many rows as it
had keys, runs and scenarios. What a run is made of is read from its calls while they are few; from
RUN_CALLS_MAX calls on (somebody's label without a run in it) `tally_parts` tells it, with a row per
run, key, operation, code and state.

How they keep step. Rows are summed up late, SUM_ROWS and more at a time: those with `n` after
`summed.upto` are not yet, and whoever asks counts them one by one, beside the sums. So a call pays
for a few columns read again and not for a change of five tables. What changes a row that is summed
up already (few: a hold that goes on, a count that grows) a trigger on the writing connection notes
in a table in memory: what the row was, taken away, and what it is, added. The last statement of
every transaction (`SETTLE`) books what was noted and, when enough new rows have gathered, these; so
rows, sums and `upto` change together, and no way of writing can forget them.

Booking sorts the rows three times (by key and hold's day, by run and scenario, by operation) and
each kind of each unit is made from what is left of that, a few groups of an hour.

A sum can be taken back, a first and last moment cannot: where a call turned out to belong
elsewhere (`moved`, a rebuild's draft that its live row corrects), those of the group that it left
are looked up again in `calls`, and a group without a call is removed.

A file from before has rows that nobody summed up: those with `n` up to `unsummed.upto`. They are
brought in from the newest down (`FILL`), while calls go on; all calls that came in at
`summed.complete_since_us` or later are told by then.
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
SUM_ROWS: Final = 2_048
"""Rows that are summed up at a time: 10 ms in which the file takes nothing else, and 4 ms for each
question that counts as many one by one. Four times as many would save a call 2 us."""
_NOTED: Final = ("sign", "moved", "hour", "at_us", *_PLACE, *_TEXTS, "day", *_SUMS)


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
    yield (
        "CREATE TABLE IF NOT EXISTS summed (one INTEGER PRIMARY KEY, upto INTEGER NOT NULL, "
        "complete_since_us INTEGER NOT NULL)"
    )


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


# What was noted of each row


def _noted(row: str, sign: int, moved: str) -> str:
    """The values of `noted` of a row of `calls` named row (`NEW.`)."""
    texts = [f"coalesce({row}\"{name}\", '')" for name in _PLACE]
    texts += [f'{row}"{name}"' for name in _TEXTS]
    sums = [f"{sign} * {value.format(row)}" for value in MEASURES.values()]
    at = [f"{row}at_us / {HOUR_US}", f"{row}at_us"]
    return ", ".join([str(sign), moved, *at, *texts, KINDS["day"].format(row), *sums])


def _note(where: str) -> str:
    """Rows that are summed up for the first time."""
    return f"INSERT INTO noted SELECT {_noted('', 1, '0')} FROM calls NOT INDEXED WHERE {where}"


_HERE: Final = ("at_us", *_PLACE, "key_id", "operation", "scenario", "run", "code", "day")
"""What says which groups a call is in."""
_COUNTED: Final = (
    *("decision", "state", "cost_micros", "own_cost_micros", "restored_micros", "count"),
)


def _differs(names: tuple[str, ...]) -> str:
    old, new = (", ".join(f'{row}."{name}"' for name in names) for row in ("OLD", "NEW"))
    return f"({old}) IS NOT ({new})"


_SUMMED: Final = "OLD.n <= (SELECT upto FROM summed) AND OLD.n > (SELECT upto FROM unsummed)"


def _triggers() -> Iterator[str]:
    sums = ", ".join((*_SUMS, "first_at_us", "last_at_us"))
    yield f"CREATE TEMP TABLE noted ({_quoted(_NOTED)})"
    yield f"CREATE TEMP TABLE by_key (key_id, day, at, vendor, account, {sums})"
    yield f"CREATE TEMP TABLE by_run (run, scenario, at, vendor, account, {sums})"
    yield f"CREATE TEMP TABLE by_hour ({', '.join(_GROUP)}, {sums})"
    yield "CREATE TEMP TABLE grown (run)"
    moved = _differs(_HERE)
    yield (
        "CREATE TEMP TRIGGER note_change AFTER UPDATE ON main.calls "
        f"WHEN {_SUMMED} AND {_differs((*_HERE, *_COUNTED))} BEGIN "
        f"INSERT INTO noted VALUES ({_noted('OLD.', -1, moved)}); "
        f"INSERT INTO noted VALUES ({_noted('NEW.', 1, '0')}); END"
    )
    yield (
        "CREATE TEMP TRIGGER note_later AFTER UPDATE OF at_us ON main.calls "
        "WHEN NEW.n <= (SELECT upto FROM unsummed) BEGIN UPDATE summed "
        "SET complete_since_us = max(complete_since_us, NEW.at_us + 1); END"
    )
    for name, body in (("summing", _sum()), ("settling", _settle()), ("mending", _mend())):
        yield f"CREATE TEMP VIEW {name} AS SELECT 1 AS now"
        yield (f"CREATE TEMP TRIGGER do_{name} INSTEAD OF INSERT ON {name} BEGIN {_body(body)} END")


def _body(statements: Iterator[str]) -> str:
    return " ".join(f"{statement};" for statement in statements)


# Booking it

_DUE: Final = f"(SELECT max(n) FROM calls) >= (SELECT upto + {SUM_ROWS} FROM summed)"


def _sum() -> Iterator[str]:
    """The new rows."""
    yield _note("n > (SELECT upto FROM summed)")
    yield "UPDATE summed SET upto = (SELECT coalesce(max(n), 0) FROM calls)"


def _settle() -> Iterator[str]:
    yield f"INSERT INTO summing SELECT 1 WHERE {_DUE}"
    yield _grouped("by_key", "key_id, day, hour", "noted", "1", _AT)
    either = "run IS NOT NULL OR scenario IS NOT NULL"
    yield _grouped("by_run", "run, scenario, hour", "noted", either, _AT)
    for kind in ("operation", "code"):
        yield _of_kind(kind, "noted", "hour", _AT)
    for kind, parts in (("key", "by_key"), ("day", "by_key"), ("scenario", "by_run")):
        yield _of_kind(kind, parts, "at", _ENDS)
    yield f"INSERT INTO {HOURS.table} SELECT * FROM by_hour WHERE 1 {_ADDED}"
    group = f"kind, at / {DAY_US // HOUR_US}, vendor, account, name"
    yield f"{_grouping(DAYS.table, group, 'by_hour', '1', _ENDS, 'name, 2, 3, 4, kind')} {_ADDED}"
    group = f"run, at / {DAY_US // HOUR_US}"
    yield f"{_grouping('tally_runs', group, 'by_run', 'run IS NOT NULL', _ENDS)} {_ADDED}"
    yield from _settle_parts()
    yield "INSERT INTO mending SELECT 1 FROM noted WHERE moved LIMIT 1"
    for table in ("noted", "by_key", "by_run", "by_hour"):
        yield f"DELETE FROM {table}"


_AT: Final = ("at_us", "at_us")
_ENDS: Final = ("first_at_us", "last_at_us")
_ADDED: Final = (
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}"
    ", first_at_us = min(first_at_us, excluded.first_at_us), "
    "last_at_us = max(last_at_us, excluded.last_at_us)"
)


def _grouped(table: str, group: str, parts: str, where: str, ends: tuple[str, str]) -> str:
    """By place too; what tells most rows apart comes first, as that is compared first."""
    return _grouping(table, f"{group}, vendor, account", parts, where, ends)


def _of_kind(kind: str, parts: str, at: str, ends: tuple[str, str]) -> str:
    name = "day" if kind == "day" else KINDS[kind].format("")
    group = f"'{kind}', {at}, vendor, account, {name}"
    return _grouping("by_hour", group, parts, f"{name} IS NOT NULL", ends, "5, 2, 3, 4")


def _grouping(
    table: str, group: str, parts: str, where: str, ends: tuple[str, str], order: str = ""
) -> str:
    sums = ", ".join(f"sum({name})" for name in _SUMS)
    return (
        f"INSERT INTO {table} SELECT {group}, {sums}, min({ends[0]}), max({ends[1]}) "
        f"FROM {parts} WHERE {where} GROUP BY {order or group}"
    )


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
        "INSERT INTO grown SELECT run FROM (SELECT DISTINCT run FROM by_run "
        f"WHERE run IS NOT NULL AND NOT {large}) AS r WHERE {RUN_CALLS_MAX} < "
        "(SELECT sum(t.calls) FROM tally_runs t WHERE t.run = r.run)"
    )
    calls, cost = (MEASURES[name].format("") for name in ("calls", "cost_micros"))
    yield (
        f"INSERT INTO tally_parts SELECT {part}, sum({calls}), sum({cost}) FROM calls "
        "WHERE run IN (SELECT run FROM grown) AND +n > (SELECT upto FROM unsummed) "
        f"AND +n <= (SELECT upto FROM summed) GROUP BY {part}"
    )
    yield "INSERT INTO large_runs SELECT run FROM grown"
    yield "DELETE FROM grown"


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
        f"AND c.at_us < ({table}.at + 1) * {length_us} AND {same} "
        "AND +c.n > (SELECT upto FROM unsummed) AND +c.n <= (SELECT upto FROM summed)"
    )
    yield f"DELETE FROM {table} WHERE calls = 0 AND {named}"
    yield (
        f"UPDATE {table} SET first_at_us = coalesce((SELECT min(c.at_us) {calls}), first_at_us), "
        f"last_at_us = coalesce((SELECT max(c.at_us) {calls}), last_at_us) WHERE {named}"
    )


TABLES: Final = tuple(_creation())
TRIGGERS: Final = tuple(_triggers())
"""On the writing connection, once it is open: they live in its memory."""
SETTLE: Final = f"INSERT INTO settling SELECT 1 WHERE EXISTS (SELECT 1 FROM noted) OR {_DUE}"
"""Book what was noted since the last time, and the new rows where they are enough: the last
statement of every transaction."""
SUM: Final = "INSERT INTO summing VALUES (1)"
"""Before SETTLE: the new rows, few as they may be."""

BEGIN_EMPTY: Final = (
    "INSERT OR IGNORE INTO unsummed SELECT 1, coalesce(max(n), 0) FROM calls",
    "INSERT OR IGNORE INTO summed SELECT 1, (SELECT coalesce(max(n), 0) FROM calls), "
    "(SELECT coalesce(max(at_us) + 1, 0) FROM calls)",
)
"""In a file that has no sums yet: all its rows wait for FILL. Version 2 booked each row at once:
what it has is summed up to its end."""
UNSUMMED: Final = "SELECT upto FROM unsummed"
FILL_ROWS: Final = 8_192
"""Rows to a transaction, four times SUM_ROWS: nobody counts these meanwhile."""
FILL: Final = (
    _note(f"n > (SELECT upto - {FILL_ROWS} FROM unsummed) AND n <= (SELECT upto FROM unsummed)"),
    f"UPDATE unsummed SET upto = max(0, upto - {FILL_ROWS})",
    "UPDATE summed SET complete_since_us = coalesce((SELECT at_us + 1 FROM calls "
    "INDEXED BY calls_by_at_us WHERE at_us < complete_since_us "
    "AND n <= (SELECT upto FROM unsummed) ORDER BY at_us DESC LIMIT 1), 0)",
)
"""The newest of the rows that wait, before SETTLE."""
