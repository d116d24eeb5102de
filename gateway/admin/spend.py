"""`GET /vault/spend`: what was spent, by account, vendor, key, operation, scenario or day.

From the audit log: what each call counts for as it stands now, of the calls that came in during a
span of time. What is still held is not in it.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.paging import PAGE_FIELDS, first_of, limit_of, no_such_start
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.admin.views import day as shown_day
from gateway.admin.views import spend_record
from gateway.vault.fields import choice, mistake, moment, refuse, text
from ledger.history import NoSuchCall

BY: Final = ("account", "vendor", "key", "operation", "scenario", "day")
SPAN_US: Final = 30 * 86_400_000_000
SPAN_US_MAX: Final = 400 * 86_400_000_000
"""Every call of the span is read: a year and a month, to compare one with the other."""
_EPOCH: Final = date(1970, 1, 1)


async def spend(house: House, ask: Ask) -> Answer:
    await house.history.flush()
    query, limit = ask.query, limit_of(ask.query)
    by, after = query.get("by", "account"), query.get("starting_after")
    until_us = query.get("until", house.now_us() + 1)
    since_us = query.get("since", until_us - SPAN_US)
    if until_us - since_us > SPAN_US_MAX:
        refuse([mistake("since", "must be at most 400 days before until")])
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
    return first_of(found, limit).shown("/vault/spend", lambda record: _shown(by, record))


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


ROUTES: Final = (
    Route("GET", "/vault/spend", ADMIN, spend,
          "What was spent, the dearest first; by day the latest first", "GroupList",
          query=(
              *PAGE_FIELDS,
              choice("by", "Default account.", BY),
              moment("since", "Calls from this time on. Default: 30 days before until."),
              moment("until", "Calls before this time. Default: now."),
              text("vendor", "Only calls to this vendor."),
              text("account", "Only calls with this account's credentials."),
          )),
)  # fmt: skip
