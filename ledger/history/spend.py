"""What was spent in a span of time, by vendor, account, key, operation, scenario or day.

The span bounds the work: every call in it is read, from the index on time, or from that of the
account or vendor which is asked for. A page goes on after a group by what that group has cost, so
that groups which nobody calls any more stay put while others grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.history.file import File
from ledger.history.reader import LIMIT_MAX, NoSuchCall, Record

DAY_US: Final = 86_400_000_000

GROUPS: Final[Mapping[str, str]] = {
    "vendor": '"vendor"',
    "account": '"vendor" || \'/\' || "account"',
    "key": '"key_id"',
    "operation": '"vendor" || \'/\' || "operation"',
    "scenario": '"scenario"',
    "day": f'coalesce("day", at_us / {DAY_US})',
}
"""What a group is called. A call belongs to the day of its hold, one without to that of UTC."""

_COST: Final = "cost_micros + own_cost_micros"
_COLUMNS: Final = {
    "calls": 'sum("count")',
    "refused": """coalesce(sum("count") FILTER (WHERE decision = 'refused'), 0)""",
    "cost_micros": f"sum({_COST})",
    **{
        f"{state}_micros": f"""coalesce(sum({_COST}) FILTER (WHERE "state" = '{state}'), 0)"""
        for state in ("standing", "pending", "in_doubt")
    },
    "restored_micros": "sum(restored_micros)",
    "first_at_us": "min(at_us)",
    "last_at_us": "max(at_us)",
}
_TOTALS: Final = ", ".join(_COLUMNS.values())


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
    ) -> list[Record]:
        """The dearest groups first, the latest day first, at most `limit` (and LIMIT_MAX) of them.
        by: one of GROUPS. vendor, account: only calls of theirs. starting_after: the last group of
        the page before. Each has its name as `group`, a day as days since 1970-01-01. Raises
        NoSuchCall where no call of the span is in that group."""
        group, (where, params) = GROUPS[by], _where(since_us, until_us, vendor, account)
        having, order = "", f"{group} DESC" if by == "day" else f"sum({_COST}) DESC, {group} DESC"
        if starting_after is not None:
            last = await self._last(group, where, params, starting_after)
            having = (
                f"HAVING {group} < ?" if by == "day" else f"HAVING (sum({_COST}), {group}) < (?, ?)"
            )
            params = [*params, *([starting_after] if by == "day" else [last, starting_after])]
        sql = (
            f"SELECT {group}, {_TOTALS} FROM calls {where} AND {group} IS NOT NULL "
            f"GROUP BY {group} {having} ORDER BY {order} LIMIT ?"
        )
        rows = await self._file.fetch(sql, (*params, min(limit, LIMIT_MAX)))
        return [dict(zip(("group", *_COLUMNS), row, strict=True)) for row in rows]

    async def _last(self, group: str, where: str, params: list[Any], name: str | int) -> int:
        sql = f"SELECT sum({_COST}) FROM calls {where} AND {group} = ?"
        ((cost_micros,),) = await self._file.fetch(sql, (*params, name))
        if cost_micros is None:
            raise NoSuchCall(str(name))
        return int(cost_micros)


def _where(
    since_us: int, until_us: int, vendor: str | None, account: str | None
) -> tuple[str, list[Any]]:
    """The index to use with the conditions, and their parameters."""
    asked = {"account": account, "vendor": vendor}
    named = {name: value for name, value in asked.items() if value is not None}
    index = f"calls_by_{next(iter(named), 'at_us')}"
    conditions = " AND ".join(["at_us >= ?", "at_us < ?", *(f'"{name}" = ?' for name in named)])
    return f"INDEXED BY {index} WHERE {conditions}", [since_us, until_us, *named.values()]
