"""What was spent in a span of time: by group, over time, and all of it.

All of it is read from the sums (`tallies.py`), exact to the microsecond but for a series, whose
steps are whole. What the sums of an older file cannot tell yet is left out, and `complete_since_us`
says so. A page goes on after a group by what that group has cost, so that groups which
nobody calls any more stay put while others grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from ledger.history.file import Fetch, File
from ledger.history.reader import LIMIT_MAX, NoSuchCall, Records
from ledger.history.spans import covered, source
from ledger.history.tallies import DAYS, HOURS, MEASURES, Unit

SERIES_MAX: Final = 24
"""Lines of a series, beside the rest: more than a chart can tell apart."""
STEPS_MAX: Final = 1_000
"""Steps of a series: 400 days, or six weeks of hours."""
CODES_MAX: Final = 100

STEPS: Final[Mapping[str, Unit]] = {"day": DAYS, "hour": HOURS}


class Group(NamedTuple):
    """Which kind of sums tells it, what a group is called there, which of them have one."""

    kind: str
    name: str
    told: str = "name IS NOT NULL"


GROUPS: Final[Mapping[str, Group]] = {
    "vendor": Group("day", "vendor", "vendor <> ''"),
    "account": Group("day", "vendor || '/' || account", "vendor <> '' AND account <> ''"),
    "key": Group("key", "name"),
    "operation": Group("operation", "vendor || '/' || name", "name IS NOT NULL AND vendor <> ''"),
    "scenario": Group("scenario", "name"),
    "day": Group("day", "name"),
}
"""A call belongs to the day of its hold, one without to that of UTC."""

_COLUMNS: Final = {
    **{name: f"sum({name})" for name in MEASURES},
    "first_at_us": "min(first_at_us)",
    "last_at_us": "max(last_at_us)",
}
_TOTALS: Final = ", ".join(_COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Overview:
    """All calls of a span. cost_micros: what they count for, of which standing, pending and
    in_doubt are not settled yet. settled_micros: the rest. codes: of refusals and failures, with
    their calls, the most frequent first. first_at_us, last_at_us: None without any call.
    complete_since_us: what came before is not in it yet; None: nothing is left out."""

    calls: int
    refused: int
    cost_micros: int
    settled_micros: int
    standing_micros: int
    pending_micros: int
    in_doubt_micros: int
    restored_micros: int
    first_at_us: int | None
    last_at_us: int | None
    codes: tuple[tuple[str, int], ...]
    complete_since_us: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One group's sums, a number for each step. name: None for all groups that have no line of
    their own."""

    name: str | None
    calls: tuple[int, ...]
    refused: tuple[int, ...]
    cost_micros: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """at_us: when each step begins, without a gap; each is step_us long. lines: the dearest first,
    what is left last. complete_since_us: as of an Overview."""

    step_us: int
    at_us: tuple[int, ...]
    lines: tuple[Line, ...]
    complete_since_us: int | None = None


class Spend:
    """Over one read-only connection. Raises Trouble when the file gives nothing."""

    __slots__ = ("_file",)

    def __init__(self, file: File) -> None:
        self._file = file

    async def spend(
        self,
        by: str,
        since_us: int,
        until_us: int,
        limit: int,
        *,
        vendor: str | None = None,
        account: str | None = None,
        starting_after: str | int | None = None,
    ) -> Records:
        """The dearest groups first, the latest day first, at most `limit` (and LIMIT_MAX) of them.
        by: one of GROUPS. vendor, account: only calls of theirs. starting_after: the last group of
        the page before. Each has its name as `group`, a day as days since 1970-01-01. Raises
        NoSuchCall where no call of the span is in that group."""
        group = GROUPS[by]
        cost, name = ("min(0)", "name") if by == "day" else ("sum(cost_micros)", group.name)
        having = ""
        async with self._file.snapshot() as fetch:
            read = await covered(fetch, since_us, until_us)
            parts, params = source(group.kind, read, vendor, account)
            if starting_after is not None:
                having = f"HAVING ({cost}, {name}) < (?, ?)"
                params += [await _last(fetch, group, parts, params, starting_after, cost)]
                params += [starting_after]
            rows = await fetch(
                f"SELECT {name}, {_TOTALS} FROM ({parts}) WHERE {group.told} GROUP BY {name} "
                f"{having} ORDER BY {cost} DESC, {name} DESC LIMIT ?",
                (*params, min(limit, LIMIT_MAX)),
            )
        found = Records(dict(zip(("group", *_COLUMNS), row, strict=True)) for row in rows)
        found.complete_since_us = read.complete_since_us
        return found

    async def overview(self, since_us: int, until_us: int) -> Overview:
        """All calls of a span together."""
        async with self._file.snapshot() as fetch:
            read = await covered(fetch, since_us, until_us)
            parts, params = source("day", read)
            ((calls, *sums),) = await fetch(f"SELECT {_TOTALS} FROM ({parts})", params)
            parts, params = source("code", read)
            codes = await fetch(
                f"SELECT name, sum(calls) FROM ({parts}) WHERE name IS NOT NULL GROUP BY name "
                "ORDER BY sum(calls) DESC, name LIMIT ?",
                (*params, CODES_MAX),
            )
        *numbers, first_at_us, last_at_us = sums
        refused, cost, standing, pending, in_doubt, restored = (n or 0 for n in numbers)
        return Overview(
            calls or 0,
            refused,
            cost,
            cost - standing - pending - in_doubt,
            standing,
            pending,
            in_doubt,
            restored,
            first_at_us,
            last_at_us,
            tuple((name, count) for name, count in codes),
            read.complete_since_us,
        )

    async def series(
        self, by: str | None, since_us: int, until_us: int, step: str, top: int = 5
    ) -> Series:
        """What was spent step by step. step: 'day' or 'hour', of UTC; the span is widened to whole
        ones, at most the last STEPS_MAX. by: one of GROUPS but 'day'; None for all in one line.
        top: so many groups, the dearest of the span, have a line of their own, at most
        SERIES_MAX. A call that names no such group (no scenario) is in no line."""
        unit = STEPS[step]
        end = -(-until_us // unit.length_us)
        first = max(since_us // unit.length_us, end - STEPS_MAX)
        kind, group, told = _line(by)
        async with self._file.snapshot() as fetch:
            read = await covered(fetch, first * unit.length_us, end * unit.length_us, unit)
            parts, params = source(kind, read)
            chosen = await fetch(
                f"SELECT {group} FROM ({parts}) WHERE {told} GROUP BY 1 "
                "ORDER BY sum(cost_micros) DESC, sum(calls) DESC, 1 LIMIT ?",
                (*params, min(top, SERIES_MAX)),
            )
            names = [name for (name,) in chosen]
            places = ", ".join("?" * len(names))
            rows = await fetch(
                f"SELECT first_at_us / {unit.length_us} AS at, "
                f"CASE WHEN {told} AND {group} IN ({places}) THEN {group} END, sum(calls), "
                f"sum(refused), sum(cost_micros) FROM ({parts}) GROUP BY 1, 2",
                (*names, *params),
            )
        return replace(
            _series(unit, first, end, names, rows), complete_since_us=read.complete_since_us
        )


async def _last(
    fetch: Fetch, group: Group, parts: str, params: list[Any], name: str | int, cost: str
) -> int:
    """What the last group of the page before comes to, by which pages are ordered."""
    sql = f"SELECT {cost}, count(*) FROM ({parts}) WHERE {group.told} AND {group.name} = ?"
    ((last, found),) = await fetch(sql, (*params, name))
    if not found:
        raise NoSuchCall(str(name))
    return int(last)


def _line(by: str | None) -> Group:
    if by is None:
        return Group("day", "''", "1")
    assert by != "day"
    return GROUPS[by]


def _series(unit: Unit, first: int, end: int, names: list[str], rows: list[Any]) -> Series:
    steps = max(0, end - first)
    found: dict[str | None, tuple[list[int], ...]] = {
        name: tuple([0] * steps for _ in range(3)) for name in (*names, None)
    }
    for at, name, *sums in rows:
        for numbers, number in zip(found[name], sums, strict=True):
            numbers[at - first] = number
    if not any(map(any, found[None])):
        del found[None]
    lines = (Line(name, *map(tuple, numbers)) for name, numbers in found.items())
    at_us = range(first * unit.length_us, end * unit.length_us, unit.length_us)
    return Series(unit.length_us, tuple(at_us), tuple(lines))
