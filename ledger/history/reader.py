"""What people ask of the audit log: pages of calls by filter, one call, an export.

Of several filters the one that the fewest calls pass leads: its index is walked, newest first, and
each of its entries is looked up in the indexes of the others, without touching the rows. One look
walks LOOK_ENTRIES entries at most, so that it is over in a moment whatever was asked. `search`
goes as far, in looks that double, and says how far back it went: where each entry is a read from a
slow disk it stops earlier. `calls` looks on until its page is full, so that others get their turn
between its looks.

A page begins after (or before) a call, so pages stay put while new calls come in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from time import perf_counter
from typing import Any, Final, NamedTuple

import orjson

from ledger.history.file import File
from ledger.history.schema import COLUMNS, FILTERS

LIMIT_MAX: Final = 1_001
"""Rows of one page: a thousand, and one to know whether there are more."""
LOOK_ENTRIES: Final = 25_000
"""Index entries of one look: some tens of milliseconds."""
FIRST_ENTRIES: Final = 1_600
SEARCH_S: Final = 0.1
"""A search that took so long begins no further look. The next one would be twice the last, so all
of it is over in three times as long."""
EXPORT_ROWS: Final = 200
"""Rows that an export holds at a time: the interpreter is busy with them for a few milliseconds."""
EXPORT_PAUSE_S: Final = 0.005
"""Between two pages of an export: calls go first."""

Record = dict[str, Any]
_SELECTED: Final = (*COLUMNS, "restored_micros")
_SELECT: Final = "SELECT " + ", ".join(f'"{name}"' for name in _SELECTED) + " FROM calls"


class Records(list[Record]):
    """complete_since_us: the sums of an older file are still being filled in, and what came before
    is not in these. None: nothing is left out."""

    complete_since_us: int | None = None


class NoSuchCall(LookupError):
    """A page was asked for that begins at a call which is not there."""


class Place(NamedTuple):
    """Where a call stands in the log: when it came in, and its number in the file."""

    at_us: int
    n: int


@dataclass(frozen=True, slots=True)
class Filters:
    """None: any. since_us, until_us: at_us from since_us on, before until_us."""

    object_id: str | None = None
    key_id: str | None = None
    run: str | None = None
    label: str | None = None
    scenario: str | None = None
    code: str | None = None
    state: str | None = None
    operation: str | None = None
    account: str | None = None
    decision: str | None = None
    vendor: str | None = None
    since_us: int | None = None
    until_us: int | None = None


assert {field.name for field in fields(Filters)} == {*FILTERS, "since_us", "until_us"}


@dataclass(frozen=True, slots=True)
class Found:
    """records: newest first. reached: all calls before this place are still to be searched; None:
    there are none. cut: the page is not full, the look went as far as one may."""

    records: list[Record]
    reached: Place | None
    cut: bool


class _Look(NamedTuple):
    places: list[Place]
    reached: Place | None


class Reader:
    """Over one read-only connection. Every method raises Trouble when the file gives nothing."""

    __slots__ = ("_file",)

    def __init__(self, file: File) -> None:
        self._file = file

    async def call(self, call_id: str) -> Record | None:
        rows = await self._file.fetch(f'{_SELECT} WHERE "id" = ?', (call_id,))
        return _record(rows[0]) if rows else None

    async def search(
        self,
        filters: Filters,
        limit: int,
        *,
        starting_after: str | None = None,
        before: Place | None = None,
    ) -> Found:
        """At most `limit` calls, newest first, of those that a short look finds: the newest, or
        those right after the call `starting_after`, or from where another search has `reached`.
        Raises NoSuchCall."""
        limit = min(limit, LIMIT_MAX - 1)
        if starting_after is not None:
            before = await self._place(starting_after)
        hunt = await self._hunt(filters)
        places, reached = await self._search(hunt, limit + 1, before)
        kept = places[:limit]
        records = await self._records(kept)
        if len(places) > limit:
            return Found(records, kept[-1], cut=False)
        return Found(records, reached, cut=reached is not None)

    async def _search(self, hunt: _Hunt, limit: int, place: Place | None) -> _Look:
        began_s, places = perf_counter(), list[Place]()
        size, left = FIRST_ENTRIES, LOOK_ENTRIES
        while True:
            look = await self._look(hunt, limit - len(places), place, "DESC", min(size, left))
            places += look.places
            place, left, size = look.reached, left - size, 2 * size
            is_over = place is None or left <= 0 or len(places) == limit
            if is_over or perf_counter() - began_s > SEARCH_S:
                return _Look(places, place)

    async def calls(
        self,
        filters: Filters,
        limit: int,
        *,
        starting_after: str | None = None,
        ending_before: str | None = None,
    ) -> list[Record]:
        """At most `limit` (and LIMIT_MAX) calls, newest first: the newest, or those right after
        `starting_after`, or right before `ending_before`, in that order. Raises NoSuchCall."""
        start, order = starting_after, "DESC"
        if starting_after is None and ending_before is not None:
            start, order = ending_before, "ASC"
        place = None if start is None else await self._place(start)
        hunt = await self._hunt(filters)
        return await self._records(await self._page(hunt, limit, place, order))

    async def in_doubt(self, limit: int, *, starting_after: str | None = None) -> list[Record]:
        """Calls of which nobody knows what became of them."""
        return await self.calls(Filters(state="in_doubt"), limit, starting_after=starting_after)

    async def export(self, filters: Filters) -> AsyncIterator[Record]:
        """All that match, newest first, a page in memory at a time."""
        hunt = await self._hunt(filters)
        after: Place | None = None
        while places := await self._page(hunt, EXPORT_ROWS, after, "DESC"):
            for record in await self._records(places):
                yield record
            after = places[-1]
            await asyncio.sleep(EXPORT_PAUSE_S)

    async def _page(self, hunt: _Hunt, limit: int, place: Place | None, order: str) -> list[Place]:
        """Look until the page is full, or nothing is left."""
        limit = min(limit, LIMIT_MAX)
        found, place = await self._look(hunt, limit, place, order)
        while place is not None and len(found) < limit:
            more, place = await self._look(hunt, limit - len(found), place, order)
            found += more
        return found

    async def _look(
        self, hunt: _Hunt, limit: int, place: Place | None, order: str, size: int | None = None
    ) -> _Look:
        size = size or LOOK_ENTRIES
        entries, params = hunt.entries(place, order, size)
        rows = await self._file.fetch(hunt.sifted(entries), (*params, *hunt.sieve, limit))
        places = [Place(*row) for row in rows]
        if len(places) == limit:
            return _Look(places, places[-1] if places else None)
        last = f"SELECT * FROM ({entries}) LIMIT 1 OFFSET ?"
        ends = await self._file.fetch(last, (*params, size - 1))
        return _Look(places, Place(*ends[0]) if ends else None)

    async def _hunt(self, filters: Filters) -> _Hunt:
        """The filter that the fewest calls pass leads. A look would walk no more of them."""
        hunt = _Hunt(filters)
        if len(hunt.asked) > 1:
            counts = [
                (*(await self._file.fetch(*hunt.counted(lead)))[0], lead)
                for lead in range(len(hunt.asked))
            ]
            hunt.lead(min(counts)[1])
        return hunt

    async def _records(self, places: list[Place]) -> list[Record]:
        numbers = orjson.dumps([place.n for place in places]).decode()
        sql = f"{_SELECT} WHERE n IN (SELECT value FROM json_each(?)) ORDER BY at_us DESC, n DESC"
        return [_record(row) for row in await self._file.fetch(sql, (numbers,))]

    async def _place(self, call_id: str) -> Place:
        rows = await self._file.fetch('SELECT at_us, n FROM calls WHERE "id" = ?', (call_id,))
        if not rows:
            raise NoSuchCall(call_id)
        return Place(*rows[0])


class _Hunt:
    """What is asked for, as SQL: the entries of the leading index, sifted by the others'."""

    __slots__ = ("_since_us", "_until_us", "asked")

    def __init__(self, filters: Filters) -> None:
        self.asked: list[tuple[str, Any]] = [
            (name, value) for name in FILTERS if (value := getattr(filters, name)) is not None
        ]
        self._since_us = filters.since_us or 0
        self._until_us = filters.until_us

    def lead(self, number: int) -> None:
        self.asked.insert(0, self.asked.pop(number))

    @property
    def sieve(self) -> list[Any]:
        return [value for _, value in self.asked[1:]]

    def counted(self, lead: int) -> tuple[str, list[Any]]:
        """How many entries the index of this filter has in the span, as far as one look goes."""
        index, conditions, params = self._within(self.asked[lead : lead + 1])
        entries = f"SELECT 1 FROM calls INDEXED BY {index} WHERE {conditions} LIMIT {LOOK_ENTRIES}"
        return f"SELECT count(*) FROM ({entries})", params

    def entries(self, place: Place | None, order: str, size: int) -> tuple[str, list[Any]]:
        """What one look walks."""
        index, conditions, params = self._within(self.asked[:1])
        if place is not None:
            conditions += f" AND (at_us, n) {'<' if order == 'DESC' else '>'} (?, ?)"
            params += place
        return (
            f"SELECT at_us, n FROM calls INDEXED BY {index} WHERE {conditions} "
            f"ORDER BY at_us {order}, n {order} LIMIT {size}",
            params,
        )

    def sifted(self, entries: str) -> str:
        """Those that pass the other filters, in the order of the entries."""
        passes = "".join(
            f" AND EXISTS (SELECT 1 FROM calls c INDEXED BY calls_by_{name} "
            f'WHERE c."{name}" = ? AND c.at_us = e.at_us AND c.n = e.n)'
            for name, _ in self.asked[1:]
        )
        return f"SELECT at_us, n FROM ({entries}) AS e WHERE 1{passes} LIMIT ?"

    def _within(self, asked: list[tuple[str, Any]]) -> tuple[str, str, list[Any]]:
        """The index to walk, the conditions on it, and their parameters."""
        conditions = [*(f'"{name}" = ?' for name, _ in asked), "at_us >= ?"]
        params = [*(value for _, value in asked), self._since_us]
        if self._until_us is not None:
            conditions.append("at_us < ?")
            params.append(self._until_us)
        index = f"calls_by_{asked[0][0] if asked else 'at_us'}"
        return index, " AND ".join(conditions), params


def _record(row: tuple[Any, ...]) -> Record:
    record = dict(zip(_SELECTED, row, strict=True))
    record["cost_micros"] += record.pop("own_cost_micros")
    record["livemode"] = None if record["livemode"] is None else bool(record["livemode"])
    record["lookups"] = [] if record["lookups"] is None else orjson.loads(record["lookups"])
    return record
