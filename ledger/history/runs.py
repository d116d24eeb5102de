"""What runs, and whole scenarios, spent: a list with the latest call first, and one run in detail.

A list of runs walks the sums by run and day from the latest call back and stops when its page is
full. What a run spent in the span is exact: a day that begins before the span, or ends after it, is
read call by call, of the runs on the page alone. The newest calls, which are in no sum yet, are
read beside the sums: a run among them stands where its own calls say.

While the sums of an older file are being filled in, a span of COUNTED_MAX calls is read call by
call, and of a longer one what the sums tell already.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from ledger.history.file import Fetch, File
from ledger.history.reader import LIMIT_MAX, NoSuchCall, Record, Records
from ledger.history.spans import COUNTED_MAX, LATEST_US, covered, is_few, source, told
from ledger.history.tallies import DAY_US, MEASURES, PART

_TOTAL_NAMES: Final = (
    *("calls", "refused", "cost_micros", "in_doubt_micros", "restored_micros"),
    *("first_at_us", "last_at_us"),
)
_ENDS: Final = {"first_at_us": "min", "last_at_us": "max"}
_TOTALS: Final = ", ".join(f"{_ENDS.get(name, 'sum')}({name})" for name in _TOTAL_NAMES)
_COUNTED: Final = ", ".join(
    f"{MEASURES[name].format('c.') if name in MEASURES else 'c.at_us'} AS {name}"
    for name in _TOTAL_NAMES
)
_SUMMED: Final = ", ".join(_TOTAL_NAMES)
_PARTS_MAX: Final = 100

_LAST: Final = "(SELECT max(at_us) FROM calls c INDEXED BY calls_by_run WHERE c.run = s.run"
_NEWEST: Final = "SELECT run FROM calls NOT INDEXED WHERE n > :summed AND run IS NOT NULL"
_WALK: Final = (
    "SELECT run, last_at_us FROM tally_runs r INDEXED BY tally_runs_by_last_at_us "
    "WHERE last_at_us >= :since AND last_at_us < :until "
    "AND (last_at_us, run) < (:last, :name) "
    "AND NOT EXISTS (SELECT 1 FROM tally_runs l WHERE l.run = r.run AND l.at > r.at "
    "AND l.at <= :day AND l.first_at_us < :until) "
    f"AND run NOT IN ({_NEWEST}) "
    "ORDER BY last_at_us DESC, run DESC LIMIT :limit"
)
"""The latest first: of each run the last day with a call in the span."""
_ASTRIDE: Final = (
    f"SELECT run, last FROM (SELECT s.run, {_LAST} AND c.at_us < :until) AS last "
    "FROM tally_runs s INDEXED BY tally_runs_by_last_at_us "
    "WHERE last_at_us >= :until AND last_at_us < :midnight AND first_at_us < :until "
    f"AND run NOT IN ({_NEWEST})) "
    "WHERE last >= :since AND (last, run) < (:last, :name) "
    "ORDER BY last DESC, run DESC LIMIT :limit"
)
"""Those that went on after the span on its last day."""
_RECENT: Final = (
    f"SELECT run, last FROM (SELECT s.run, {_LAST} AND c.at_us < :until) AS last "
    f"FROM (SELECT DISTINCT run FROM ({_NEWEST})) AS s) "
    "WHERE last >= :since AND (last, run) < (:last, :name) "
    "ORDER BY last DESC, run DESC LIMIT :limit"
)
"""Those with a call that is in no sum yet."""
_COUNTED_WALK: Final = (
    "SELECT run, max(at_us) FROM calls INDEXED BY calls_by_at_us "
    "WHERE at_us >= :since AND at_us < :until AND run IS NOT NULL GROUP BY run "
    "HAVING (max(at_us), run) < (:last, :name) ORDER BY max(at_us) DESC, run DESC LIMIT :limit"
)
_CHOSEN: Final = "run IN (SELECT value FROM json_each(:runs))"
_WITHIN: Final = "first_at_us >= :since AND last_at_us < :until"
_SPENT: Final = (
    f"SELECT run, {_TOTALS} FROM ("
    f"SELECT run, {_SUMMED} FROM tally_runs "
    f"WHERE {_CHOSEN} AND at >= :since / {DAY_US} AND at <= :day AND {_WITHIN} "
    f"UNION ALL SELECT c.run, {_COUNTED} FROM tally_runs t JOIN calls c INDEXED BY calls_by_run "
    f"ON c.run = t.run AND c.at_us >= max(:since, t.at * {DAY_US}) "
    f"AND c.at_us < min(:until, (t.at + 1) * {DAY_US}) "
    f"AND +c.n <= :summed WHERE t.{_CHOSEN} AND t.at >= :since / {DAY_US} AND t.at <= :day "
    "AND NOT (t.first_at_us >= :since AND t.last_at_us < :until) "
    f"UNION ALL SELECT c.run, {_COUNTED} FROM calls c NOT INDEXED WHERE c.n > :summed "
    f"AND c.{_CHOSEN} AND c.at_us >= :since AND c.at_us < :until) GROUP BY run"
)
_COUNTED_SPENT: Final = (
    f"SELECT run, {_TOTALS} FROM (SELECT c.run, {_COUNTED} FROM calls c INDEXED BY calls_by_run "
    f"WHERE c.{_CHOSEN} AND c.at_us >= :since AND c.at_us < :until) GROUP BY run"
)


class Runs:
    """Over one read-only connection. Raises Trouble when the file gives nothing."""

    __slots__ = ("_file",)

    def __init__(self, file: File) -> None:
        self._file = file

    async def runs(
        self,
        since_us: int,
        until_us: int,
        limit: int,
        *,
        by: str = "run",
        starting_after: str | None = None,
    ) -> Records:
        """What the runs, or (by 'scenario') the scenarios, of a span of time spent; the one with
        the latest call first. starting_after: the last name of the page before. Raises
        NoSuchCall."""
        assert by in ("run", "scenario")
        since_us, until_us = max(0, since_us), min(until_us, LATEST_US)
        limit = min(limit, LIMIT_MAX)
        async with self._file.snapshot() as fetch:
            last_us = until_us
            if starting_after is not None:
                last_us = await _last_at(fetch, by, starting_after, since_us, until_us)
            ask = _scenarios if by == "scenario" else _runs
            after = (last_us, starting_after or "")
            rows, complete_since_us = await ask(fetch, since_us, until_us, limit, after)
        found = Records(dict(zip((by, *_TOTAL_NAMES), row, strict=True)) for row in rows)
        found.complete_since_us = complete_since_us
        return found

    async def run(self, label: str) -> Record | None:
        """One run: its totals, and the same by operation, by code of refusal, by state and by key,
        the dearest and most frequent first. complete_since_us: there, and not None, while it has
        calls that are not told yet. None: no call was made under this label."""
        async with self._file.snapshot() as fetch:
            calls = await _calls_of(fetch, label)
            (totals,) = await fetch(calls.totals, calls.asked)
            record = dict(zip(_TOTAL_NAMES, totals, strict=True))
            if not record["calls"]:
                return None
            parts = {f"by_{name}": await _parts(fetch, calls, name) for name in PART[1:]}
            sql = "SELECT scenario FROM calls INDEXED BY calls_by_run WHERE run = ? LIMIT 1"
            ((scenario,),) = await fetch(sql, (label,))
        if calls.complete_since_us is not None:
            record["complete_since_us"] = calls.complete_since_us
        return {"run": label, "scenario": scenario, **record, **parts}


async def _runs(
    fetch: Fetch, since_us: int, until_us: int, limit: int, after: tuple[int, str]
) -> tuple[list[Any], int | None]:
    """A row for each run of the page, in its order. Then, what came before is not told."""
    found = await told(fetch, since_us)
    counted = not found.complete and await is_few(fetch, since_us, until_us)
    asked = {
        "since": since_us if counted else found.since_us,
        "until": until_us,
        "midnight": -(-until_us // DAY_US) * DAY_US,
        "day": (until_us - 1) // DAY_US,
        "last": after[0],
        "name": after[1],
        "limit": limit,
        "summed": found.summed,
    }
    walks = (_COUNTED_WALK,) if counted else (_WALK, _ASTRIDE, _RECENT)
    lasts = [one for walk in walks for one in await fetch(walk, asked)]
    lasts.sort(key=lambda one: (one[1], one[0]), reverse=True)
    order = [run for run, _ in lasts[:limit]]
    asked["runs"] = orjson.dumps(order).decode()
    rows = await fetch(_COUNTED_SPENT if counted else _SPENT, asked)
    spent = {row[0]: row for row in rows}
    told_all = counted or found.complete
    return [spent[run] for run in order], None if told_all else found.since_us


async def _scenarios(
    fetch: Fetch, since_us: int, until_us: int, limit: int, after: tuple[int, str]
) -> tuple[list[Any], int | None]:
    read = await covered(fetch, since_us, until_us)
    parts, params = source("scenario", read)
    rows = await fetch(
        f"SELECT name, {_TOTALS} FROM ({parts}) WHERE name IS NOT NULL GROUP BY name "
        "HAVING (max(last_at_us), name) < (?, ?) ORDER BY max(last_at_us) DESC, name DESC LIMIT ?",
        (*params, *after, limit),
    )
    return rows, read.complete_since_us


async def _last_at(fetch: Fetch, by: str, name: str, since_us: int, until_us: int) -> int:
    ((last_at,),) = await fetch(
        f'SELECT max(at_us) FROM calls INDEXED BY calls_by_{by} WHERE "{by}" = ? '
        "AND at_us >= ? AND at_us < ?",
        (name, since_us, until_us),
    )
    if last_at is None:
        raise NoSuchCall(name)
    return int(last_at)


class _Calls(NamedTuple):
    """Those of one run, as SQL. totals: of all; parts: with what they are made of. asked: the
    parameters of both."""

    totals: str
    parts: str
    asked: dict[str, Any]
    complete_since_us: int | None


_OF_RUN: Final = "FROM calls c INDEXED BY calls_by_run WHERE c.run = :run"
_NEW_OF_RUN: Final = "FROM calls c NOT INDEXED WHERE c.n > :summed AND c.run = :run"
_PART: Final = ", ".join(
    [
        *(f'coalesce(c."{name}", \'\') AS "{name}"' for name in PART[1:]),
        *(f"{MEASURES[name].format('c.')} AS {name}" for name in ("calls", "cost_micros")),
    ]
)
_MANY_OF_RUN: Final = "SELECT 1 FROM calls INDEXED BY calls_by_run WHERE run = ? LIMIT 1 OFFSET ?"


async def _calls_of(fetch: Fetch, label: str) -> _Calls:
    found = await told(fetch, 0)
    asked = {"run": label, "summed": found.summed, "unsummed": found.unsummed}
    if not found.complete and not await fetch(_MANY_OF_RUN, (label, COUNTED_MAX)):
        calls = f"SELECT {_COUNTED} {_OF_RUN}"
        return _Calls(f"SELECT {_TOTALS} FROM ({calls})", f"SELECT {_PART} {_OF_RUN}", asked, None)
    parts = f"SELECT {_PART} {_OF_RUN} AND c.n > :unsummed"
    if await fetch("SELECT 1 FROM large_runs WHERE run = ?", (label,)):
        names = ", ".join(f'"{name}"' for name in (*PART[1:], "calls", "cost_micros"))
        parts = f"SELECT {names} FROM tally_parts WHERE run = :run "
        parts += f"UNION ALL SELECT {_PART} {_NEW_OF_RUN}"
    totals = (
        f"SELECT {_TOTALS} FROM (SELECT {_SUMMED} FROM tally_runs WHERE run = :run "
        f"UNION ALL SELECT {_COUNTED} {_NEW_OF_RUN})"
    )
    return _Calls(totals, parts, asked, None if found.complete else found.since_us)


async def _parts(fetch: Fetch, calls: _Calls, name: str) -> list[Record]:
    rows = await fetch(
        f'SELECT "{name}", sum(calls), sum(cost_micros) AS cost FROM ({calls.parts}) '
        f"WHERE \"{name}\" <> '' GROUP BY 1 ORDER BY cost DESC, 2 DESC, 1 LIMIT {_PARTS_MAX}",
        calls.asked,
    )
    return [dict(zip((name, "calls", "cost_micros"), row, strict=True)) for row in rows]
