"""The audit log: a page of it by filter, newest first; one call with all that is known of it in
words; and the same rows as a file.

A page begins after a call, or before one, so it stays put while new calls come in; the first page
of a span that ends now grows at its top, unless it is told to hold still.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
from gateway.vault.keys import Key
from ledger import HoldState
from ledger.history import Found, NoSuchCall, Place, Trouble
from vendors.money import parse_usd, show_usd

ROWS: Final = 50
_PLACE: Final = re.compile(r"([0-9]{1,16})-([0-9]{1,16})", re.ASCII)
FORMATS: Final = ("csv", "ndjson")
UNSURE: Final = frozenset(
    {HoldState.IN_DOUBT.value, HoldState.PENDING.value, HoldState.STANDING.value}
)
SHOWN_PLAIN: Final = ("run", "key_id", "vendor", "decision", "state")
"""Filters that stand in the open; the others wait behind a word."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of calls. is_first: nothing is newer. newer, older: what the next page that way
    begins at, as `before` and `after` take it; ''. cut: the look went as far back as one look may,
    to reached_us, and there is more."""

    records: list[dict[str, Any]]
    is_first: bool = True
    newer: str = ""
    older: str = ""
    cut: bool = False
    reached_us: int | None = None


async def show(desk: Desk, visit: Visit) -> Response:
    wishes = read_wishes(visit.query, visit.now_us)
    sheet = await read_sheet(desk, wishes, visit.query.one("after"), visit.query.one("before"))
    paused = visit.query.one("paused") == "1"
    return await desk.page(
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
    """after: a call, or the place that a look has reached: what is older. before: a call, and what
    is newer. A call that is not there: the newest. Raises CannotReadLog."""
    history = desk.house.history
    try:
        await desk.house.fresh()
        if before and wishes.is_plain:
            records = await history.calls(wishes.filters, ROWS + 1, ending_before=before)
            if len(records) > ROWS:
                first, last = records[1]["id"], records[-1]["id"]
                return Sheet(records[1:], is_first=False, newer=first, older=last)
            after = ""  # few are newer: so it is the first page
        place = _place(after)
        found = await history.search(
            wishes.filters,
            ROWS,
            starting_after=after if after and place is None else None,
            before=place,
        )
    except NoSuchCall:
        return await read_sheet(desk, wishes, "", "")
    except Trouble:
        raise CannotReadLog() from None
    return _sheet(found, wishes, is_first=not after)


def _sheet(found: Found, wishes: Wishes, *, is_first: bool) -> Sheet:
    reached = found.reached
    back = wishes.is_plain and not is_first and bool(found.records)
    return Sheet(
        found.records,
        is_first,
        found.records[0]["id"] if back else "",
        "" if reached is None else f"{reached.at_us}-{reached.n}",
        found.cut,
        None if reached is None else reached.at_us,
    )


def _place(after: str) -> Place | None:
    """Where a look goes on; None where `after` is a call's id."""
    found = _PLACE.fullmatch(after)
    return None if found is None else Place(int(found[1]), int(found[2]))


async def one(desk: Desk, visit: Visit) -> Response:
    call = await desk.api.ask("GET", f"/vault/calls/{visit.path['id']}")
    code = call["code"] or ""
    key = desk.house.registry.key(call["key_id"])
    return await desk.page(
        visit,
        "call.html",
        nav="calls",
        call=call,
        meaning=CODES.get(code),
        spared=CODES.get(call["would_refuse"] or ""),
        state_told=STATES.get(call["state"] or "", NO_HOLD),
        unsure=call["state"] in UNSURE,
        key_known=key is not None,
        key_name=key.terms.name if key is not None else "",
        per_call_usd_max=_passed_per_call_max(call, key),
        run_host=host_of(call["run_url"]),
    )


def _passed_per_call_max(call: Mapping[str, Any], key: Key | None) -> str | None:
    """What the key allows in one call now, where that is why a rule refused this one."""
    most = None if key is None else key.terms.per_call_micros_max
    if most is None or call["code"] != "policy_refused" or parse_usd(call["quote_usd"]) <= most:
        return None
    if call["rule"] not in (None, "per_call_usd_max"):  # None: of a log that did not keep it yet
        return None
    return show_usd(most)


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
