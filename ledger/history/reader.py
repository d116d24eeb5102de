"""What people ask of the audit log: pages of calls by filter, one call, runs and what they spent.

Every query is bounded and runs on an index that is named in it: of several filters the one that
tells calls apart best, in its span of time, newest first. A page begins after (or before) a call by
its id, so pages stay put while new calls come in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from typing import Any, Final

import orjson

from ledger.history.file import File
from ledger.history.schema import COLUMNS, FILTERS

LIMIT_MAX: Final = 1_001
"""Rows of one page: a thousand, and one to know whether there are more."""
EXPORT_ROWS: Final = 500
"""Rows that an export holds at a time."""

Record = dict[str, Any]
_SELECTED: Final = (*COLUMNS, "restored_micros")
_SELECT: Final = "SELECT " + ", ".join(f'"{name}"' for name in _SELECTED) + " FROM calls"
_COST: Final = "cost_micros + own_cost_micros"


class NoSuchCall(LookupError):
    """A page was asked for that begins at a call which is not there."""


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


class Reader:
    """Over one read-only connection. Every method raises Trouble when the file gives nothing."""

    __slots__ = ("_file",)

    def __init__(self, file: File) -> None:
        self._file = file

    async def call(self, call_id: str) -> Record | None:
        rows = await self._file.fetch(f'{_SELECT} WHERE "id" = ?', (call_id,))
        return _record(rows[0]) if rows else None

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
        index, conditions, params = _where(filters)
        order = "DESC"
        if starting_after is not None:
            conditions.append("(at_us, n) < (?, ?)")
            params += await self._place(starting_after)
        elif ending_before is not None:
            conditions.append("(at_us, n) > (?, ?)")
            params += await self._place(ending_before)
            order = "ASC"
        sql = (
            f"{_SELECT} INDEXED BY {index} WHERE {' AND '.join(conditions)} "
            f"ORDER BY at_us {order}, n {order} LIMIT ?"
        )
        rows = await self._file.fetch(sql, (*params, min(limit, LIMIT_MAX)))
        records = [_record(row) for row in rows]
        return records if order == "DESC" else records[::-1]

    async def in_doubt(self, limit: int, *, starting_after: str | None = None) -> list[Record]:
        """Calls of which nobody knows what became of them."""
        return await self.calls(Filters(state="in_doubt"), limit, starting_after=starting_after)

    async def export(self, filters: Filters) -> AsyncIterator[Record]:
        """All that match, newest first, a page in memory at a time."""
        after: str | None = None
        while page := await self.calls(filters, EXPORT_ROWS, starting_after=after):
            for record in page:
                yield record
            after = page[-1]["id"]

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
        the latest call first. starting_after: the last name of the page before. The span bounds the
        work: every call in it is read."""
        assert by in ("run", "scenario")
        having = ""
        params: list[Any] = [since_us, until_us]
        if starting_after is not None:
            last_at = await self._last_at(by, starting_after, since_us, until_us)
            having = f'HAVING (max(at_us), "{by}") < (?, ?)'
            params = [*params, last_at, starting_after]
        sql = (
            f'SELECT "{by}", {_TOTALS} FROM calls INDEXED BY calls_by_at_us '
            f'WHERE at_us >= ? AND at_us < ? AND "{by}" IS NOT NULL GROUP BY "{by}" {having} '
            f'ORDER BY max(at_us) DESC, "{by}" DESC LIMIT ?'
        )
        rows = await self._file.fetch(sql, (*params, min(limit, LIMIT_MAX)))
        return [dict(zip((by, *_TOTAL_NAMES), row, strict=True)) for row in rows]

    async def run(self, label: str) -> Record | None:
        """One run: its totals, and the same by operation, by code of refusal, by state and by key,
        the dearest and most frequent first. None: no call was made under this label."""
        ((*totals,),) = await self._file.fetch(
            f'SELECT scenario, {_TOTALS} FROM calls INDEXED BY calls_by_run WHERE "run" = ?',
            (label,),
        )
        record = dict(zip(("scenario", *_TOTAL_NAMES), totals, strict=True))
        if not record["calls"]:
            return None
        parts = {f"by_{name}": await self._parts(label, name) for name in _PARTS}
        return {"run": label, **record, **parts}

    async def _parts(self, label: str, name: str) -> list[Record]:
        rows = await self._file.fetch(
            f'SELECT "{name}", sum("count") AS calls, sum({_COST}) AS cost FROM calls '
            f'INDEXED BY calls_by_run WHERE "run" = ? AND "{name}" IS NOT NULL '
            f'GROUP BY "{name}" ORDER BY cost DESC, calls DESC, "{name}" LIMIT {_PARTS_MAX}',
            (label,),
        )
        return [dict(zip((name, "calls", "cost_micros"), row, strict=True)) for row in rows]

    async def _place(self, call_id: str) -> tuple[int, int]:
        rows = await self._file.fetch('SELECT at_us, n FROM calls WHERE "id" = ?', (call_id,))
        if not rows:
            raise NoSuchCall(call_id)
        at_us, n = rows[0]
        return at_us, n

    async def _last_at(self, by: str, name: str, since_us: int, until_us: int) -> int:
        ((last_at,),) = await self._file.fetch(
            f'SELECT max(at_us) FROM calls INDEXED BY calls_by_{by} WHERE "{by}" = ? '
            "AND at_us >= ? AND at_us < ?",
            (name, since_us, until_us),
        )
        if last_at is None:
            raise NoSuchCall(name)
        return int(last_at)


_TOTAL_COLUMNS: Final = {
    "calls": 'coalesce(sum("count"), 0)',
    "refused": """coalesce(sum("count") FILTER (WHERE decision = 'refused'), 0)""",
    "cost_micros": f"coalesce(sum({_COST}), 0)",
    "in_doubt_micros": f"""coalesce(sum({_COST}) FILTER (WHERE "state" = 'in_doubt'), 0)""",
    "restored_micros": "coalesce(sum(restored_micros), 0)",
    "first_at_us": "min(at_us)",
    "last_at_us": "max(at_us)",
}
_TOTAL_NAMES: Final = tuple(_TOTAL_COLUMNS)
_TOTALS: Final = ", ".join(_TOTAL_COLUMNS.values())
_PARTS: Final = ("operation", "code", "state", "key_id")
_PARTS_MAX: Final = 100


def _where(filters: Filters) -> tuple[str, list[str], list[Any]]:
    """The index to use, the conditions and their parameters."""
    asked = [(name, value) for name in FILTERS if (value := getattr(filters, name)) is not None]
    conditions = [f'"{name}" = ?' for name, _ in asked]
    params: list[Any] = [value for _, value in asked]
    conditions.append("at_us >= ?")
    params.append(filters.since_us or 0)
    if filters.until_us is not None:
        conditions.append("at_us < ?")
        params.append(filters.until_us)
    return f"calls_by_{asked[0][0] if asked else 'at_us'}", conditions, params


def _record(row: tuple[Any, ...]) -> Record:
    record = dict(zip(_SELECTED, row, strict=True))
    record["cost_micros"] += record.pop("own_cost_micros")
    record["livemode"] = None if record["livemode"] is None else bool(record["livemode"])
    record["lookups"] = [] if record["lookups"] is None else orjson.loads(record["lookups"])
    return record
