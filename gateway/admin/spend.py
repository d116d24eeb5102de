"""`GET /vault/spend`: what was spent, by account, vendor, key, operation, scenario or day; over
time (`/series`); and all of it together (`/overview`).

From the audit log's sums: what each call counts for as it stands now, of the calls that came in
during a span of time. What is still held is not in it.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.paging import PAGE_FIELDS, first_of, limit_of, no_such_start
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.admin.span import SPAN_FIELDS, bounded_span_of
from gateway.admin.views import complete_since, spend_record
from gateway.admin.views import day as shown_day
from gateway.admin.views import moment as shown_moment
from gateway.vault.fields import Field, choice, mistake, moment, refuse, text
from ledger.history import SERIES_MAX, STEPS_MAX, NoSuchCall
from vendors.money import show_usd

BY: Final = ("account", "vendor", "key", "operation", "scenario", "day")
SERIES_BY: Final = tuple(by for by in BY if by != "day")
STEP_US: Final = {"day": 86_400_000_000, "hour": 3_600_000_000}
STEPS_DEFAULT: Final = {"day": 30, "hour": 48}
TOP_DEFAULT: Final = 5
_EPOCH: Final = date(1970, 1, 1)


async def spend(house: House, ask: Ask) -> Answer:
    await house.fresh()
    query, limit = ask.query, limit_of(ask.query)
    by, after = query.get("by", "account"), query.get("starting_after")
    since_us, until_us = bounded_span_of(query, house.now_us())
    try:
        found = await house.history.spend(
            by,
            since_us,
            until_us,
            limit + 1,
            vendor=query.get("vendor"),
            account=query.get("account"),
            starting_after=_place(by, after),
        )
    except NoSuchCall:
        raise no_such_start(after or "") from None
    page = first_of(found, limit).shown("/vault/spend", lambda record: _shown(by, record))
    return page | complete_since(found.complete_since_us)


def _place(by: str, after: str | None) -> str | int | None:
    """The last group of the page before, as the log has it. Raises InvalidRequest."""
    if after is None or by != "day":
        return after
    try:
        return (date.fromisoformat(after) - _EPOCH).days
    except ValueError:
        raise no_such_start(after) from None


def _shown(by: str, record: dict[str, Any]) -> dict[str, Any]:
    totals = dict(record)
    group = totals.pop("group")
    name = shown_day(group) if by == "day" else group
    named: dict[str, Any] = {"key_id" if by == "key" else by: name}
    if by in ("account", "operation"):
        vendor, _, rest = group.partition("/")
        named = {"vendor": vendor, by: rest}
    return {"object": "spend", "by": by, "id": name, **named, **spend_record(totals)}


async def series(house: House, ask: Ask) -> Answer:
    await house.fresh()
    query, by = ask.query, ask.query.get("by")
    step = query.get("step", "day")
    until_us = query.get("until", house.now_us() + 1)
    since_us = query.get("since", until_us - STEPS_DEFAULT[step] * STEP_US[step])
    if until_us - since_us > (STEPS_MAX - 1) * STEP_US[step]:
        refuse([mistake("since", f"must be less than {STEPS_MAX} steps before until")])
    found = await house.history.series(by, since_us, until_us, step, query.get("top", TOP_DEFAULT))
    return {
        "object": "spend_series",
        "by": by,
        "step": step,
        "steps": [shown_moment(at_us) for at_us in found.at_us],
        **complete_since(found.complete_since_us),
        "lines": [
            {
                "id": line.name or None,
                "calls": list(line.calls),
                "refused": list(line.refused),
                "cost_usd": [show_usd(micros) for micros in line.cost_micros],
            }
            for line in found.lines
        ],
    }


async def overview(house: House, ask: Ask) -> Answer:
    await house.fresh()
    since_us, until_us = bounded_span_of(ask.query, house.now_us())
    found = asdict(await house.history.overview(since_us, until_us))
    codes = found.pop("codes")
    return {
        "object": "spend_overview",
        **spend_record(found),
        "by_code": [{"code": code, "calls": calls} for code, calls in codes],
    }


def _read_top(value: str) -> int:
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value[:4]) <= SERIES_MAX:
        raise ValueError(f"must be a whole number from 1 to {SERIES_MAX}")
    return int(value[:4])


_TOP: Final = Field(
    "top",
    _read_top,
    {"type": "integer", "minimum": 1, "maximum": SERIES_MAX, "default": TOP_DEFAULT},
    "Groups with a line of their own; the others share one.",
)
ROUTES: Final = (
    Route("GET", "/vault/spend", ADMIN, spend,
          "What was spent, the dearest first; by day the latest first", "GroupList",
          query=(
              *PAGE_FIELDS,
              choice("by", "Default account.", BY),
              *SPAN_FIELDS,
              text("vendor", "Only calls to this vendor."),
              text("account", "Only calls with this account's credentials."),
          )),
    Route("GET", "/vault/spend/series", ADMIN, series,
          "What was spent step by step, a line for each of the dearest groups", "SpendSeries",
          query=(
              choice("by", "A line for each of these. Default: one line for all.", SERIES_BY),
              choice("step", "Of UTC, whole ones only. Default day.", tuple(STEP_US)),
              _TOP,
              moment("since", "From this step on. Default: 30 days or 48 hours before until."),
              moment("until", "Up to this step. Default: now."),
          )),
    Route("GET", "/vault/spend/overview", ADMIN, overview,
          "All calls of a span together, and what was refused or failed, by code", "SpendOverview",
          query=SPAN_FIELDS),
)  # fmt: skip
