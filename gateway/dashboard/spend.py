"""What was spent over time, by vendor, account, operation, scenario or key: a chart, the same as a
table, and what each group came to in the span.

All of it is read from the audit log's sums. A chart tells a handful of lines apart: the dearest
groups have one each, whatever else was spent is one more, so that each step adds up to all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from gateway.admin.problems import CannotReadLog
from gateway.dashboard.pages import Desk, Page, Visit
from gateway.dashboard.spans import DAY_US, Span, between, read_span
from gateway.dashboard.words import from_micros, micros, with_query
from gateway.errors import InvalidRequest
from gateway.http.message import Response
from ledger.history import Series, Trouble

BY: Final = {
    "vendor": "Vendors",
    "account": "Accounts",
    "operation": "Operations",
    "scenario": "Scenarios",
    "key": "Keys",
}
LINES: Final = 7
"""Groups with a colour of their own."""
ROWS: Final = 50
SPAN: Final = "30d"
OPEN: Final = ("standing", "pending", "in_doubt")
REST: Final = "everything else"


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One colour. name: the group's, None for the rest. costs: one for each step, micro-USD."""

    name: str | None
    label: str
    costs: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.costs)


@dataclass(frozen=True, slots=True)
class Chart:
    """step_us: of each step. at_us: when each begins. totals: of all that was spent in each.
    complete_since_us: what came before is not in it yet; None: nothing is left out."""

    step_us: int
    at_us: tuple[int, ...]
    lines: tuple[ChartLine, ...]
    totals: tuple[int, ...]
    complete_since_us: int | None = None

    @property
    def total(self) -> int:
        return sum(self.totals)

    @property
    def data(self) -> dict[str, Any]:
        """What the script draws: seconds and micro-USD."""
        return {
            "step": self.step_us // 1_000_000,
            "at": [at_us // 1_000_000 for at_us in self.at_us],
            "lines": [
                {"label": line.label, "costs": line.costs, "rest": line.name is None}
                for line in self.lines
            ],
        }

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The same as a table, the latest step first, without those in which nothing was spent.
        query: what leads to its calls."""
        return [
            {
                "label": _step_label(at_us, self.step_us),
                "query": between(at_us, at_us + self.step_us),
                "costs": [from_micros(line.costs[i]) for line in self.lines],
                "total": from_micros(self.totals[i]),
            }
            for i, at_us in reversed(list(enumerate(self.at_us)))
            if self.totals[i]
        ]


def chart_of(groups: Series, whole: Series, label_of: Callable[[str], str]) -> Chart:
    """groups: the dearest, and what is left of those that have a name; whole: all calls in one
    line. Both of one span."""
    totals = [0] * len(whole.at_us)
    for line in whole.lines:
        totals = [total + cost for total, cost in zip(totals, line.cost_micros, strict=True)]
    rest = list(totals)
    lines = []
    for line in groups.lines:
        if line.name is None or not any(line.cost_micros):
            continue
        lines.append(ChartLine(line.name, label_of(line.name), line.cost_micros))
        rest = [max(0, left - cost) for left, cost in zip(rest, line.cost_micros, strict=True)]
    if any(rest):
        lines.append(ChartLine(None, REST, tuple(rest)))
    since_us = groups.complete_since_us  # asked first: `whole` may have more by now
    return Chart(whole.step_us, whole.at_us, tuple(lines), tuple(totals), since_us)


async def show(desk: Desk, visit: Visit) -> Response:
    span = read_span(visit.query, visit.now_us, SPAN)
    asked = visit.query.one("by")
    by = asked if asked in BY else "vendor"
    label_of = _labels(desk, by)
    chart = await _chart(desk, by, span, label_of)
    page = await _groups(desk, by, span, visit.query.one("after"))
    rows = page["data"]
    colours = {line.name: number for number, line in enumerate(chart.lines)}
    return await desk.page(
        visit,
        "spend.html",
        nav="spend",
        span=span,
        by=by,
        tabs=BY,
        chart=chart,
        total_usd=from_micros(chart.total),
        groups=[_group(by, row, chart.total, label_of, colours, span) for row in rows],
        is_first=not visit.query.one("after"),
        older=rows[-1]["id"] if page["has_more"] else "",
        complete_since=chart.complete_since_us or page["complete_since"],
    )


async def _chart(desk: Desk, by: str, span: Span, label_of: Callable[[str], str]) -> Chart:
    """Raises CannotReadLog."""
    history = desk.house.history
    try:
        await desk.house.fresh()
        groups = await history.series(by, span.since_us, span.until_us, span.step, LINES)
        whole = await history.series(None, span.since_us, span.until_us, span.step, 0)
    except Trouble:
        raise CannotReadLog() from None
    return chart_of(groups, whole, label_of)


async def _groups(desk: Desk, by: str, span: Span, after: str) -> Any:
    query = {"by": by, "limit": ROWS, **span.asked}
    if not after:
        return await desk.api.ask("GET", "/vault/spend", urlencode(query))
    try:
        place = urlencode({**query, "starting_after": after})
        return await desk.api.ask("GET", "/vault/spend", place)
    except InvalidRequest:  # nobody of that name in this span
        return await _groups(desk, by, span, "")


def _labels(desk: Desk, by: str) -> Callable[[str], str]:
    """What people call a group of this kind."""
    if by != "key":
        return str
    registry = desk.house.registry

    def name_of(key_id: str) -> str:
        key = registry.key(key_id)
        return key_id if key is None else key.terms.name or key.terms.label or key_id

    return name_of


def _group(
    by: str,
    row: dict[str, Any],
    total_micros: int,
    label_of: Callable[[str], str],
    colours: dict[str | None, int],
    span: Span,
) -> dict[str, Any]:
    """A row of the table of groups. part: percent of all. colour: of its line, or None. open_usd:
    what of its cost is not settled yet."""
    name = row["id"] if by in ("vendor", "scenario", "key") else f"{row['vendor']}/{row['id']}"
    filters = {"key_id": row["key_id"]} if by == "key" else {by: row[by]}
    if by in ("account", "operation"):
        filters["vendor"] = row["vendor"]
    return {
        **row,
        "label": label_of(name),
        "colour": colours.get(name),
        "open_usd": from_micros(sum(micros(row[f"{state}_usd"]) for state in OPEN)),
        "part": round(100 * micros(row["cost_usd"]) / (total_micros or 1), 1),
        "calls_at": with_query("/dashboard/calls", **filters, **span.query),
    }


def _step_label(at_us: int, step_us: int) -> str:
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC)
    return f"{at.day} {at:%b %Y}" if step_us >= DAY_US else f"{at.day} {at:%b, %H:%M}"


PAGES: Final[Sequence[Page]] = (Page("GET", "/spend", show),)
