"""How a span of time is put together from whole days, whole hours and the calls at its two edges.

What is asked of a span is exact to the microsecond: days and hours of which all lies in it are read
from the sums, the rest (less than an hour at either end) call by call. An edge beyond which its
hour holds no call is none: so a span that ends now, or begins before the first call, has none
there. While a file's sums are still being filled in the whole span is an edge.

The work is so many rows as the span's days have groups, and the calls of two hours at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ledger.history.file import Fetch
from ledger.history.tallies import DAY_US, DAYS, HOUR_US, HOURS, KINDS, MEASURES

_LATEST_US: Final = 1 << 62
_HOURS: Final = DAY_US // HOUR_US

Range = tuple[int, int]
"""From the first on, before the second."""


@dataclass(frozen=True, slots=True)
class Cover:
    """days, hours: numbers of whole ones since 1970-01-01. edges: in microseconds."""

    days: tuple[Range, ...]
    hours: tuple[Range, ...]
    edges: tuple[Range, ...]


def cover(since_us: int, until_us: int) -> Cover:
    """Each moment of the span once, in the largest units that fit."""
    first, end = -(-since_us // HOUR_US), until_us // HOUR_US
    if first >= end:
        middle = min(max(first * HOUR_US, since_us), until_us)
        return Cover((), (), _some((since_us, middle), (middle, until_us)))
    edges = _some((since_us, first * HOUR_US), (end * HOUR_US, until_us))
    first_day, end_day = -(-first // _HOURS), end // _HOURS
    if first_day >= end_day:
        return Cover((), ((first, end),), edges)
    hours = _some((first, first_day * _HOURS), (end_day * _HOURS, end))
    return Cover(((first_day, end_day),), hours, edges)


def _some(*ranges: Range) -> tuple[Range, ...]:
    return tuple(one for one in ranges if one[0] < one[1])


_EDGES: Final = (
    "SELECT (SELECT upto FROM unsummed), "
    "EXISTS (SELECT 1 FROM calls INDEXED BY calls_by_at_us WHERE at_us >= ?1 AND at_us < ?2), "
    "EXISTS (SELECT 1 FROM calls INDEXED BY calls_by_at_us WHERE at_us >= ?3 AND at_us < ?4)"
)


async def covered(fetch: Fetch, since_us: int, until_us: int) -> Cover:
    """What to read for this span, as the file is now. Raises Trouble."""
    since_us, until_us = max(0, since_us), max(0, min(until_us, _LATEST_US))
    first_us = since_us // HOUR_US * HOUR_US
    end_us = -(-until_us // HOUR_US) * HOUR_US
    ((unsummed, before, behind),) = await fetch(_EDGES, (first_us, since_us, until_us, end_us))
    if unsummed or until_us <= since_us:
        return Cover((), (), _some((since_us, until_us)))
    return cover(since_us if before else first_us, until_us if behind else end_us)


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
    for since_us, until_us in read.edges:
        index = f"calls_by_{next(iter(named), 'at_us')}"
        parts.append(f"{_counted(kind)} FROM calls INDEXED BY {index} WHERE {_IN_SPAN}{only}")
        params += [since_us, until_us, *named.values()]
    nothing = f"{_TALLIED} FROM {DAYS.table} WHERE 0"
    return " UNION ALL ".join(parts) or nothing, params


_IN_SPAN: Final = "at_us >= ? AND at_us < ?"
_TALLIED: Final = f"SELECT vendor, account, name, {', '.join(MEASURES)}, first_at_us, last_at_us"


def _counted(kind: str) -> str:
    """The same of each call. One without a name of this kind has none, as in the sums."""
    sums = ", ".join(f"{value.format('')} AS {name}" for name, value in MEASURES.items())
    return (
        "SELECT coalesce(vendor, '') AS vendor, coalesce(account, '') AS account, "
        f"{KINDS[kind].format('')} AS name, {sums}, at_us AS first_at_us, at_us AS last_at_us"
    )
