"""What rounds come to: a row for each program, call and number of callers. tables.py shows them.

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
CHARGE: Final = "charge"
OPEN: Final = "open loop"


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
    def p999_s(self) -> float: ...
    @property
    def refused(self) -> int: ...
    @property
    def broken(self) -> int: ...
    @property
    def rss_bytes(self) -> int: ...


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
    added_p999_ms: float
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
    """One row for each contender, kind and number of callers, in the order they were played. A kind
    that nobody else was asked for is compared with the others' charges."""
    groups: dict[tuple[int, str, str], list[Played]] = {}
    for played in rounds:
        groups.setdefault((played.callers, played.kind, played.contender), []).append(played)
    return [
        _row(
            group,
            groups.get((callers, kind, PEER), groups.get((callers, CHARGE, PEER), [])),
            groups.get((callers, kind, DIRECT), groups.get((callers, CHARGE, DIRECT), [])),
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
        added_p999_ms=1e3 * (statistics.median(played.p999_s for played in group) - floor),
        rss_mb=max(played.rss_bytes for played in group) / 1e6,
        ratio=_ratio(group, peers) if first.contender != PEER else None,
        bottleneck=bottleneck(group),
        wrong=sum(played.refused + played.broken for played in group),
    )


def added_when_alone_ms(found: Sequence[Row], contender: str) -> float | None:
    """What a lone caller's charge waits for one program; None when that was not measured."""
    alone = (r for r in found if (r.contender, r.kind, r.callers) == (contender, CHARGE, 1))
    return next((row.added_p50_ms for row in alone), None)


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


def save(path: Path, content: dict[str, Any]) -> None:
    """Everything, round by round, so that later questions can be asked of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
