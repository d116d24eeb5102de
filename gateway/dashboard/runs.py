"""What runs and scenarios spent, the latest first; and one run from its first call to its last,
with what the automation said beside each and what it had come to by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from gateway.admin.problems import CannotReadLog
from gateway.admin.views import call_record, status
from gateway.dashboard.links import host_of
from gateway.dashboard.pages import Desk, Page, Visit
from gateway.dashboard.spans import read_span
from gateway.dashboard.words import moment
from gateway.errors import InvalidRequest, NotFound
from gateway.http.message import Response
from ledger.history import Filters, Trouble
from vendors.money import show_usd

ROWS: Final = 50
IN_ORDER_MAX: Final = 1_000
"""Calls of a run that are told in order: they are read from its first one on."""
BY: Final = ("run", "scenario")
SPAN: Final = "30d"


async def show(desk: Desk, visit: Visit) -> Response:
    span = read_span(visit.query, visit.now_us, SPAN)
    by = visit.query.one("by")
    by = by if by in BY else "run"
    after = visit.query.one("after")
    place = {"starting_after": after} if after else {}
    query = {"by": by, "limit": ROWS, **span.asked}
    try:
        page = await desk.api.ask("GET", "/vault/runs", urlencode({**query, **place}))
    except InvalidRequest:
        if not after:
            raise
        after = ""  # nobody called it in this span: the page begins anew
        page = await desk.api.ask("GET", "/vault/runs", urlencode(query))
    return await desk.page(
        visit,
        "runs.html",
        nav="runs",
        span=span,
        by=by,
        rows=page["data"],
        name_of=_name,
        is_first=not after,
        older=_name(page["data"][-1]) if page["has_more"] else "",
        complete_since=page["complete_since"],
    )


def _name(row: Mapping[str, Any]) -> str:
    return str(row[row["object"]])


@dataclass(frozen=True, slots=True)
class Told:
    """One call of a run. total_usd: what the run had come to with it."""

    call: dict[str, Any]
    total_usd: str
    host: str


Record = Mapping[str, Any]
"""A call as the log has it."""


async def one(desk: Desk, visit: Visit) -> Response:
    label = visit.query.one("label")
    if not label:
        raise NotFound("Which run? Its label stands behind ?label=.")
    run = await desk.api.ask("GET", "/vault/runs/detail", urlencode({"label": label}))
    records = await in_order(desk, label, run.get("first_at"))
    page = _page_number(visit.query.one("page"), len(records))
    return await desk.page(
        visit,
        "run.html",
        nav="runs",
        label=label,
        run=run,
        keys=_keys(desk, run, visit.now_us),
        told=tell(records, (page - 1) * ROWS, page * ROWS),
        page=page,
        pages=-(-len(records) // ROWS),
        cut_off=len(records) == IN_ORDER_MAX,
        in_order_max=IN_ORDER_MAX,
        run_urls=_run_urls(records),
    )


async def in_order(desk: Desk, label: str, first_at: str | None) -> Sequence[Record]:
    """The calls of a run from the first one on, at most IN_ORDER_MAX. Raises CannotReadLog."""
    if first_at is None:
        return []
    history = desk.house.history
    at = moment(first_at)
    assert at is not None
    first_us = int(at.timestamp()) * 1_000_000 + at.microsecond
    try:
        begun = await history.calls(Filters(run=label, until_us=first_us + 1_000), IN_ORDER_MAX)
        if not begun:
            return []
        room = IN_ORDER_MAX - len(begun)
        later = await history.calls(Filters(run=label), room, ending_before=begun[0]["id"])
    except Trouble:
        raise CannotReadLog() from None
    return [*later, *begun][::-1]


def tell(records: Sequence[Record], first: int, end: int) -> list[Told]:
    """Those from first up to end, with the running total. records: the oldest first."""
    total_micros = sum(record["cost_micros"] for record in records[:first])
    told = []
    for record in records[first:end]:
        total_micros += record["cost_micros"]
        host = host_of(record["run_url"])
        told.append(Told(call_record(record), show_usd(total_micros), host))
    return told


def _run_urls(records: Sequence[Record]) -> list[tuple[str, str]]:
    """(address, host) of the pages that its calls name, each once; a few are enough."""
    urls = dict.fromkeys(record["run_url"] for record in records if record["run_url"])
    return [(url, host) for url in islice(urls, 20) if (host := host_of(url))][:5]


def _keys(desk: Desk, run: Mapping[str, Any], now_us: int) -> list[dict[str, Any]]:
    """The keys that carry the run's label, and those that called under it."""
    spent = {part["key_id"]: part for part in run.get("by_key_id", [])}
    found = []
    for key_id in dict.fromkeys([*spent, *run["keys"][:100]]):
        key = desk.house.registry.key(key_id)
        part = spent.get(key_id, {})
        found.append(
            {
                "id": key_id,
                "name": "" if key is None else key.terms.name,
                "status": "gone" if key is None else status(key, now_us),
                "calls": part.get("calls", 0),
                "cost_usd": part.get("cost_usd", "0.00"),
            }
        )
    return found


def _page_number(text: str, rows: int) -> int:
    """From 1 on, at most the last one."""
    wanted = int(text[:6]) if text.isascii() and text.isdecimal() else 1
    return max(1, min(wanted, -(-rows // ROWS)))


PAGES: Final = (
    Page("GET", "/runs", show),
    Page("GET", "/runs/one", one),
)
