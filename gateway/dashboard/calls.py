"""The audit log: a page of it by filter, newest first; one call with all that is known of it in
words; and the same rows as a file.

A page begins after a call, or before one, so it stays put while new calls come in; the first page
of a span that ends now grows at its top, unless it is told to hold still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.admin.problems import CannotReadLog
from gateway.admin.views import call_record
from gateway.dashboard.guard import PRIVATE
from gateway.dashboard.links import host_of
from gateway.dashboard.meaning import CODES, NO_HOLD, STATES
from gateway.dashboard.pages import Desk, Page, Visit
from gateway.dashboard.wishes import DECISIONS, NAMES, Wishes, read_wishes
from gateway.dashboard.wishes import STATES as ASKED_STATES
from gateway.errors import InvalidRequest
from gateway.http.message import Response
from ledger import HoldState
from ledger.history import NoSuchCall, Trouble

ROWS: Final = 50
FORMATS: Final = ("csv", "ndjson")
UNSURE: Final = frozenset(
    {HoldState.IN_DOUBT.value, HoldState.PENDING.value, HoldState.STANDING.value}
)
ALIKE_ROWS: Final = 20
SHOWN_PLAIN: Final = ("run", "key_id", "vendor", "decision", "state")
"""Filters that stand in the open; the others wait behind a word."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of calls. newer, older: the call that the next page that way begins at; ''."""

    records: list[dict[str, Any]]
    newer: str = ""
    older: str = ""

    @property
    def is_first(self) -> bool:
        return not self.newer


async def show(desk: Desk, visit: Visit) -> Response:
    wishes = read_wishes(visit.query, visit.now_us)
    sheet = await read_sheet(desk, wishes, visit.query.one("after"), visit.query.one("before"))
    paused = visit.query.one("paused") == "1"
    return desk.page(
        visit,
        "calls.html",
        nav="calls",
        wishes=wishes,
        span=wishes.span,
        sheet=sheet,
        calls=[call_record(record) for record in sheet.records],
        live=sheet.is_first and wishes.span.is_live and not paused,
        paused=paused,
        names=NAMES,
        open_names=SHOWN_PLAIN,
        choices={
            "decision": DECISIONS,
            "state": ASKED_STATES,
            "vendor": sorted({*desk.house.known, wishes.given.get("vendor", "")} - {""}),
            "code": sorted(CODES),
        },
    )


async def read_sheet(desk: Desk, wishes: Wishes, after: str, before: str) -> Sheet:
    """after: older ones than this call; before: newer ones. A call that is not there: the newest.
    Raises CannotReadLog."""
    history, filters = desk.house.history, wishes.filters
    try:
        await history.flush()
        if before:
            records = await history.calls(filters, ROWS + 1, ending_before=before)
            if len(records) > ROWS:
                records = records[1:]
                return Sheet(records, records[0]["id"], records[-1]["id"])
            after = ""  # few are newer: so it is the first page
        records = await history.calls(filters, ROWS + 1, starting_after=after or None)
    except NoSuchCall:
        return await read_sheet(desk, wishes, "", "")
    except Trouble:
        raise CannotReadLog() from None
    older = records[ROWS - 1]["id"] if len(records) > ROWS else ""
    records = records[:ROWS]
    return Sheet(records, records[0]["id"] if after and records else "", older)


async def one(desk: Desk, visit: Visit) -> Response:
    call = await desk.api.ask("GET", f"/vault/calls/{visit.path['id']}")
    code = call["code"] or ""
    key = desk.house.registry.key(call["key_id"])
    return desk.page(
        visit,
        "call.html",
        nav="calls",
        call=call,
        meaning=CODES.get(code),
        spared=CODES.get(call["would_refuse"] or ""),
        state_told=STATES.get(call["state"] or "", NO_HOLD),
        unsure=call["state"] in UNSURE,
        key_name=key.terms.name if key is not None else "",
        run_host=host_of(call["run_url"]),
    )


async def export(desk: Desk, visit: Visit) -> Response:
    """The rows of the table, all of them, as the admin side streams them."""
    kind = visit.query.one("format")
    if kind not in FORMATS:
        raise InvalidRequest("A file is csv or ndjson.")
    wishes = read_wishes(visit.query, visit.now_us)
    answer = await desk.api.ask("GET", "/vault/calls/export", f"format={kind}&{wishes.asked}")
    assert isinstance(answer, Response)
    known = {name for name, _ in answer.headers}
    answer.headers = [*answer.headers, *(pair for pair in PRIVATE if pair[0] not in known)]
    return answer


PAGES: Final = (
    Page("GET", "/calls", show),
    Page("GET", "/calls/export", export),
    Page("GET", "/calls/{id}", one),
)
