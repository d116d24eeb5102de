"""What runs, and whole scenarios, spent: a list with the latest call first, and one run in detail.

A list of runs walks the sums by run and day from the latest call back and stops when its page is
full. What a run spent in the span is exact: a day that begins before the span, or ends after it, is
read call by call, of the runs on the page alone.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from ledger.history.file import Fetch, File
from ledger.history.reader import LIMIT_MAX, NoSuchCall, Record
from ledger.history.spans import covered, source
from ledger.history.tallies import DAY_US, MEASURES, PART, RUN_CALLS_MAX, UNSUMMED

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
_LATEST_US: Final = 1 << 62

_LAST: Final = "(SELECT max(at_us) FROM calls c INDEXED BY calls_by_run WHERE c.run = s.run"
_WALK: Final = (
    "SELECT run, last_at_us FROM tally_runs r INDEXED BY tally_runs_by_last_at_us "
    "WHERE last_at_us >= :since AND last_at_us < :until "
    "AND (last_at_us, run) < (:last, :name) "
    "AND NOT EXISTS (SELECT 1 FROM tally_runs l WHERE l.run = r.run AND l.at > r.at "
    "AND l.at <= :day AND l.first_at_us < :until) "
    "ORDER BY last_at_us DESC, run DESC LIMIT :limit"
)
"""The latest first: of each run the last day with a call in the span."""
_ASTRIDE: Final = (
    f"SELECT run, last FROM (SELECT s.run, {_LAST} AND c.at_us < :until) AS last "
    "FROM tally_runs s INDEXED BY tally_runs_by_last_at_us "
    "WHERE last_at_us >= :until AND last_at_us < :midnight AND first_at_us < :until) "
    "WHERE last >= :since AND (last, run) < (:last, :name) "
    "ORDER BY last DESC, run DESC LIMIT :limit"
)
"""Those that went on after the span on its last day."""
_UNSUMMED_WALK: Final = (
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
    f"WHERE t.{_CHOSEN} AND t.at >= :since / {DAY_US} AND t.at <= :day "
    f"AND NOT (t.first_at_us >= :since AND t.last_at_us < :until)) GROUP BY run"
)
_UNSUMMED_SPENT: Final = (
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
    ) -> list[Record]:
        """What the runs, or (by 'scenario') the scenarios, of a span of time spent; the one with
        the latest call first. starting_after: the last name of the page before. Raises
        NoSuchCall."""
        assert by in ("run", "scenario")
        since_us, until_us = max(0, since_us), min(until_us, _LATEST_US)
        limit = min(limit, LIMIT_MAX)
        async with self._file.snapshot() as fetch:
            last_us = until_us
            if starting_after is not None:
                last_us = await _last_at(fetch, by, starting_after, since_us, until_us)
            ask = _scenarios if by == "scenario" else _runs
            rows = await ask(fetch, since_us, until_us, limit, (last_us, starting_after or ""))
        return [dict(zip((by, *_TOTAL_NAMES), row, strict=True)) for row in rows]

    async def run(self, label: str) -> Record | None:
        """One run: its totals, and the same by operation, by code of refusal, by state and by key,
        the dearest and most frequent first. None: no call was made under this label."""
        async with self._file.snapshot() as fetch:
            ((unsummed,),) = await fetch(UNSUMMED, ())
            table = f"SELECT {_SUMMED} FROM tally_runs WHERE run = ?"
            calls = f"SELECT {_COUNTED} FROM calls c INDEXED BY calls_by_run WHERE c.run = ?"
            sql = f"SELECT {_TOTALS} FROM ({calls if unsummed else table})"
            (totals,) = await fetch(sql, (label,))
            record = dict(zip(_TOTAL_NAMES, totals, strict=True))
            if not record["calls"]:
                return None
            large = not unsummed and record["calls"] > RUN_CALLS_MAX
            parts = {f"by_{name}": await _parts(fetch, label, name, large) for name in PART[1:]}
            sql = "SELECT scenario FROM calls INDEXED BY calls_by_run WHERE run = ? LIMIT 1"
            ((scenario,),) = await fetch(sql, (label,))
        return {"run": label, "scenario": scenario, **record, **parts}


async def _runs(
    fetch: Fetch, since_us: int, until_us: int, limit: int, after: tuple[int, str]
) -> list[Any]:
    """A row for each run of the page, in its order."""
    asked = {
        "since": since_us,
        "until": until_us,
        "midnight": -(-until_us // DAY_US) * DAY_US,
        "day": (until_us - 1) // DAY_US,
        "last": after[0],
        "name": after[1],
        "limit": limit,
    }
    ((unsummed,),) = await fetch(UNSUMMED, ())
    if unsummed:
        found = await fetch(_UNSUMMED_WALK, asked)
    else:
        found = [*await fetch(_WALK, asked), *await fetch(_ASTRIDE, asked)]
        found.sort(key=lambda one: (one[1], one[0]), reverse=True)
    order = [run for run, _ in found[:limit]]
    asked["runs"] = orjson.dumps(order).decode()
    rows = await fetch(_UNSUMMED_SPENT if unsummed else _SPENT, asked)
    spent = {row[0]: row for row in rows}
    return [spent[run] for run in order]


async def _scenarios(
    fetch: Fetch, since_us: int, until_us: int, limit: int, after: tuple[int, str]
) -> list[Any]:
    parts, params = source("scenario", await covered(fetch, since_us, until_us))
    return await fetch(
        f"SELECT name, {_TOTALS} FROM ({parts}) WHERE name IS NOT NULL GROUP BY name "
        "HAVING (max(last_at_us), name) < (?, ?) ORDER BY max(last_at_us) DESC, name DESC LIMIT ?",
        (*params, *after, limit),
    )


async def _last_at(fetch: Fetch, by: str, name: str, since_us: int, until_us: int) -> int:
    ((last_at,),) = await fetch(
        f'SELECT max(at_us) FROM calls INDEXED BY calls_by_{by} WHERE "{by}" = ? '
        "AND at_us >= ? AND at_us < ?",
        (name, since_us, until_us),
    )
    if last_at is None:
        raise NoSuchCall(name)
    return int(last_at)


async def _parts(fetch: Fetch, label: str, name: str, large: bool) -> list[Record]:
    parts = f'SELECT "{name}" AS part, calls, cost_micros FROM tally_parts WHERE run = ?'
    if not large:
        calls, cost = (MEASURES[measure].format("") for measure in ("calls", "cost_micros"))
        parts = (
            f"SELECT coalesce(\"{name}\", '') AS part, {calls} AS calls, {cost} AS cost_micros "
            "FROM calls INDEXED BY calls_by_run WHERE run = ?"
        )
    rows = await fetch(
        f"SELECT part, sum(calls) AS calls, sum(cost_micros) AS cost FROM ({parts}) "
        "WHERE part <> '' GROUP BY part ORDER BY cost DESC, calls DESC, part LIMIT ?",
        (label, _PARTS_MAX),
    )
    return [dict(zip((name, "calls", "cost_micros"), row, strict=True)) for row in rows]
