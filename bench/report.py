"""What was measured, as one table for people and one JSON file for later comparison.

CPU leads: milliseconds of CPU for a call are what a machine must have, whatever the load does.
Ratios are taken round by round between neighbours in time (round 1 with round 1), so that a
machine that slows down slows both sides of a ratio; the range over rounds says how sure it is.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

BUSY: Final = 0.9
"""A core is the bottleneck when it was busy for more than this part of the time."""
PEER: Final = "aiohttp"
DIRECT: Final = "direct"


class Played(Protocol):
    """What a report reads of a round (`scenarios.Round`)."""

    @property
    def contender(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def callers(self) -> int: ...
    @property
    def requests(self) -> int: ...
    @property
    def wall_s(self) -> float: ...
    @property
    def cpu_s(self) -> float: ...
    @property
    def load_cpu_s(self) -> float: ...
    @property
    def p50_s(self) -> float: ...
    @property
    def p99_s(self) -> float: ...
    @property
    def refused(self) -> int: ...
    @property
    def broken(self) -> int: ...
    @property
    def rss_bytes(self) -> int: ...
    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One contender at one number of callers: medians over its rounds. *_ms added: over the
    vendor's own median. ratio: CPU to the peer's (median, least, most); None without a peer."""

    contender: str
    kind: str
    callers: int
    cpu_s_per_1000: float
    per_second: float
    added_p50_ms: float
    added_p99_ms: float
    rss_mb: float
    ratio: tuple[float, float, float] | None
    bottleneck: str
    wrong: int


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order; 0 of none."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def rows(rounds: Sequence[Played]) -> list[Row]:
    """One row for each contender, kind and number of callers, in the order they were played."""
    groups: dict[tuple[int, str, str], list[Played]] = {}
    for played in rounds:
        groups.setdefault((played.callers, played.kind, played.contender), []).append(played)
    return [
        _row(
            group,
            groups.get((callers, kind, PEER), []),
            groups.get((callers, kind, DIRECT), []),
        )
        for (callers, kind, name), group in groups.items()
        if name != DIRECT
    ]


def _row(group: list[Played], peers: list[Played], direct: list[Played]) -> Row:
    first = group[0]
    floor = statistics.median(played.p50_s for played in direct) if direct else 0.0
    return Row(
        contender=first.contender,
        kind=first.kind,
        callers=first.callers,
        cpu_s_per_1000=statistics.median(cpu_ms(played) for played in group),
        per_second=statistics.median(played.requests / played.wall_s for played in group),
        added_p50_ms=1e3 * (statistics.median(played.p50_s for played in group) - floor),
        added_p99_ms=1e3 * (statistics.median(played.p99_s for played in group) - floor),
        rss_mb=max(played.rss_bytes for played in group) / 1e6,
        ratio=_ratio(group, peers) if first.contender != PEER else None,
        bottleneck=bottleneck(group),
        wrong=sum(played.refused + played.broken for played in group),
    )


def cpu_ms(played: Played) -> float:
    """CPU seconds per 1,000 calls, which is milliseconds per call."""
    return 1e3 * played.cpu_s / max(1, played.requests)


def _ratio(group: list[Played], peers: list[Played]) -> tuple[float, float, float] | None:
    found = sorted(
        cpu_ms(mine) / cpu_ms(theirs)
        for mine, theirs in zip(group, peers, strict=False)
        if theirs.cpu_s
    )
    return (statistics.median(found), found[0], found[-1]) if found else None


def bottleneck(group: Sequence[Played]) -> str:
    """Who was busy all the time; nobody means that calls waited for something else, such as a
    disk's sync or the network's round trip."""
    program = statistics.median(played.cpu_s / played.wall_s for played in group)
    load = statistics.median(played.load_cpu_s / played.wall_s for played in group)
    if program >= BUSY:
        return "both" if load >= BUSY else "program"
    return "load" if load >= BUSY else "waiting"


HEADINGS: Final = (
    "callers", "call", "program", "CPU s/1000", "x aiohttp", "(range)", "calls/s",
    "+p50 ms", "+p99 ms", "RSS MB", "limit", "wrong",
)  # fmt: skip


def table(found: Sequence[Row]) -> str:
    """Fixed-width text; numbers to the right."""
    lines = [HEADINGS, *(_cells(row) for row in found)]
    widths = [max(len(cells[column]) for cells in lines) for column in range(len(HEADINGS))]
    left = {1, 2, 10}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    ratio, spread = ("", "")
    if row.ratio is not None:
        ratio, spread = f"{row.ratio[0]:.2f}", f"{row.ratio[1]:.2f}-{row.ratio[2]:.2f}"
    return (
        str(row.callers) if row.callers else "open",
        row.kind,
        row.contender,
        f"{row.cpu_s_per_1000:.3f}",
        ratio,
        spread,
        f"{row.per_second:,.0f}",
        f"{row.added_p50_ms:.2f}",
        f"{row.added_p99_ms:.2f}",
        f"{row.rss_mb:.0f}",
        row.bottleneck,
        str(row.wrong) if row.wrong else "",
    )


def save(path: Path, facts: dict[str, Any], rounds: Sequence[Played]) -> None:
    """Everything, round by round, so that later questions can be asked of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"facts": facts, "rounds": [played.to_json() for played in rounds]}
    path.write_text(json.dumps(content, indent=1) + "\n")
