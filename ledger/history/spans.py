"""How a span of time is put together from whole days, whole hours and the calls at its two edges.

What is asked of a span is exact to the microsecond: days and hours of which all lies in it are read
from the sums, the rest (less than an hour at either end) call by call. An edge beyond which its
hour holds no call is none: so a span that ends now, or begins before the first call, has none
there. The newest calls are in no sum yet (`summed.upto`): they are read call by call beside them.

While the sums of an older file are being filled in, what came before `complete_since_us` is read
call by call where that is COUNTED_MAX calls at most. Where it is more, the answer is that of a
shorter span, and says since when.

The work is so many rows as the span's days have groups, the calls of two hours at most, and the
newest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from ledger.history.file import Fetch
from ledger.history.tallies import DAY_US, DAYS, HOUR_US, HOURS, KINDS, MEASURES, Unit

COUNTED_MAX: Final = 25_000
"""Calls that are read one by one for one question: some fifty milliseconds."""
LATEST_US: Final = 1 << 62
_HOURS: Final = DAY_US // HOUR_US

Range = tuple[int, int]
"""From the first on, before the second."""


@dataclass(frozen=True, slots=True)
class Cover:
    """days, hours: numbers of whole ones since 1970-01-01, of which the calls with `n` up to
    `summed` are in the sums. edges: in microseconds. complete_since_us: what came
    before it is left out, None: nothing is."""

    days: tuple[Range, ...]
    hours: tuple[Range, ...]
    edges: tuple[Range, ...]
    summed: int = LATEST_US
    complete_since_us: int | None = None


class Told(NamedTuple):
    """What the sums tell, as the file is now: the calls with `n` after unsummed, up to summed; all
    that came in at since_us or later are among these, or are newer. complete: so is all that was
    asked for."""

    since_us: int
    complete: bool
    unsummed: int
    summed: int


_STATE: Final = (
    "SELECT (SELECT upto FROM unsummed), upto, complete_since_us, (SELECT max(n) FROM calls) "
    "FROM summed"
)
_MANY: Final = (
    "SELECT 1 FROM calls INDEXED BY calls_by_at_us WHERE at_us >= ? AND at_us < ? LIMIT 1 OFFSET ?"
)


async def told(fetch: Fetch, since_us: int) -> Told:
    """Of what came in at since_us or later. Raises Trouble."""
    ((unsummed, upto, complete_since_us, last),) = await fetch(_STATE, ())
    summed = upto if (last or 0) > upto else LATEST_US
    if not unsummed or complete_since_us <= since_us:
        return Told(since_us, True, unsummed, summed)
    return Told(complete_since_us, False, unsummed, summed)


async def is_few(fetch: Fetch, since_us: int, until_us: int) -> bool:
    """May the calls of this span be read one by one?"""
    return not await fetch(_MANY, (since_us, until_us, COUNTED_MAX))


def _up(at_us: int, unit_us: int) -> int:
    return -(-at_us // unit_us) * unit_us


def cover(since_us: int, until_us: int, largest: Unit = DAYS) -> Cover:
    """Each moment of the span once, in the largest units that fit."""
    first, end = -(-since_us // HOUR_US), until_us // HOUR_US
    if first >= end:
        middle = min(max(first * HOUR_US, since_us), until_us)
        return Cover((), (), _some((since_us, middle), (middle, until_us)))
    edges = _some((since_us, first * HOUR_US), (end * HOUR_US, until_us))
    first_day, end_day = -(-first // _HOURS), end // _HOURS
    if first_day >= end_day or largest is HOURS:
        return Cover((), ((first, end),), edges)
    hours = _some((first, first_day * _HOURS), (end_day * _HOURS, end))
    return Cover(((first_day, end_day),), hours, edges)


def _some(*ranges: Range) -> tuple[Range, ...]:
    return tuple(one for one in ranges if one[0] < one[1])


_EDGES: Final = (
    "SELECT EXISTS (SELECT 1 FROM calls INDEXED BY calls_by_at_us WHERE at_us >= ?1 AND at_us < ?2)"
    ", EXISTS (SELECT 1 FROM calls INDEXED BY calls_by_at_us WHERE at_us >= ?3 AND at_us < ?4)"
)


async def covered(fetch: Fetch, since_us: int, until_us: int, largest: Unit = DAYS) -> Cover:
    """What to read for this span, as the file is now. Raises Trouble."""
    since_us, until_us = max(0, since_us), max(0, min(until_us, LATEST_US))
    if until_us <= since_us:
        return Cover((), (), ())
    found = await told(fetch, since_us)
    if found.complete:
        return replace(await _whole(fetch, since_us, until_us, largest), summed=found.summed)
    middle_us = min(until_us, _up(found.since_us, HOUR_US))
    few = await is_few(fetch, since_us, middle_us)
    first_us = since_us if few else min(until_us, found.since_us)
    read = await _whole(fetch, middle_us, until_us, largest)
    return replace(
        read,
        edges=(*_some((first_us, middle_us)), *read.edges),
        summed=found.summed,
        complete_since_us=None if few else found.since_us,
    )


async def _whole(fetch: Fetch, since_us: int, until_us: int, largest: Unit) -> Cover:
    """Of a span that is told by the sums."""
    if until_us <= since_us:
        return Cover((), (), ())
    first_us, end_us = since_us // HOUR_US * HOUR_US, _up(until_us, HOUR_US)
    ((before, behind),) = await fetch(_EDGES, (first_us, since_us, until_us, end_us))
    return cover(since_us if before else first_us, until_us if behind else end_us, largest)


def source(
    kind: str, read: Cover, vendor: str | None = None, account: str | None = None
) -> tuple[str, list[Any]]:
    """A query, with its parameters, that gives parts of a span's sums by vendor, account and name,
    of one of KINDS, to be summed up by whoever asks. vendor, account: only of these."""
    asked = {"account": account, "vendor": vendor}
    named = {name: value for name, value in asked.items() if value is not None}
    only = "".join(f" AND {name} = ?" for name in named)
    parts: list[str] = []
    params: list[Any] = []
    for unit, ranges in ((DAYS, read.days), (HOURS, read.hours)):
        for first, end in ranges:
            parts.append(
                f"{_TALLIED} FROM {unit.table} WHERE kind = ? AND at >= ? AND at < ?{only}"
            )
            params += [kind, first, end, *named.values()]
    if read.summed < LATEST_US and (middle := _middle(read)):
        newest = f"FROM calls NOT INDEXED WHERE n > ? AND {_IN_SPAN}{only}"
        parts.append(f"{_counted(kind)} {newest}")
        params += [read.summed, *middle, *named.values()]
    for since_us, until_us in read.edges:
        index = f"calls_by_{next(iter(named), 'at_us')}"
        parts.append(f"{_counted(kind)} FROM calls INDEXED BY {index} WHERE {_IN_SPAN}{only}")
        params += [since_us, until_us, *named.values()]
    nothing = f"{_TALLIED} FROM {DAYS.table} WHERE 0"
    return " UNION ALL ".join(parts) or nothing, params


def _middle(read: Cover) -> Range | None:
    """What is read from the sums: days and hours are next to each other."""
    ranges = [
        (first * unit.length_us, end * unit.length_us)
        for unit, found in ((DAYS, read.days), (HOURS, read.hours))
        for first, end in found
    ]
    return (min(ranges)[0], max(ranges)[1]) if ranges else None


_IN_SPAN: Final = "at_us >= ? AND at_us < ?"
_TALLIED: Final = f"SELECT vendor, account, name, {', '.join(MEASURES)}, first_at_us, last_at_us"


def _counted(kind: str) -> str:
    """The same of each call. One without a name of this kind has none, as in the sums."""
    sums = ", ".join(f"{value.format('')} AS {name}" for name, value in MEASURES.items())
    return (
        "SELECT coalesce(vendor, '') AS vendor, coalesce(account, '') AS account, "
        f"{KINDS[kind].format('')} AS name, {sums}, at_us AS first_at_us, at_us AS last_at_us"
    )
