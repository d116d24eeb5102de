"""What a soak tells: a line now and then, a table of its quarters, the checks; and whether memory,
descriptors and threads stay as they are."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bench.report import percentile
from bench.soak.crowd import Crowd
from bench.soak.warp import Warp
from bench.soak.watch import Sample

WARM_SHARE: Final = 1 / 3
"""Of a quarter, before its figures count: caches fill, pools grow."""
GROWTH_MAX: Final = 1.10
RSS_SLACK_MB: Final = 4.0
FDS_SLACK: Final = 16
"""Connections come and go; a leak of one in a thousand calls would show many times that."""
THREADS_SLACK: Final = 6
"""The loop's own pool makes its threads one by one, as they are wanted, up to so many on two
cores."""
QUIET: Final = ("info", "debug")


@dataclass(frozen=True, slots=True)
class Check:
    """told: the figures, or what is wrong."""

    name: str
    well: bool
    told: str


@dataclass(frozen=True, slots=True)
class Quarter:
    """The middle of what was seen in it once it was warm. rss_slope: MB an hour."""

    rss_mb: float
    rss_slope: float
    fds: float
    threads: float
    cpu_share: float
    journal_mb: float
    open_holds: float


def micros(usd: str) -> int:
    return int(Decimal(usd) * 1_000_000)


def line(sample: Sample, crowd: Crowd, warp: Warp) -> str:
    """One line of progress."""
    day = (warp.now_us() * 1_000 - warp.shown_ns) / 86_400e9
    figures = " ".join(f"{name} {value}" for name, value in sample.figures.items() if value)
    slow = 1_000 * percentile(sorted(crowd.seconds), 99) if crowd.seconds else 0.0
    return (
        f"{sample.at_s / 60:5.1f} min  day {day:4.1f}  life {sample.life}  calls {crowd.calls}"
        f"  p99 {slow:.0f} ms  RSS {sample.rss_mb:.1f} MB  fds {sample.fds}"
        f"  threads {sample.threads}  books {sample.books_mb:.0f} MB  {figures}"
    )


def quarters(samples: Sequence[Sample], seconds: float) -> list[Quarter]:
    return [
        _quarter([s for s in samples if begin + warm <= s.at_s < begin + seconds / 4])
        for begin in (number * seconds / 4 for number in range(4))
        for warm in (WARM_SHARE * seconds / 4,)
    ]


def _quarter(seen: Sequence[Sample]) -> Quarter:
    """Of one life where it has one: of the last one in it. Of none, where nothing was seen: the
    gateway was being started again."""
    if not seen:
        return Quarter(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    life = [s for s in seen if s.life == seen[-1].life]
    lasted_s = life[-1].at_s - life[0].at_s

    def middle(name: str) -> float:
        return float(statistics.median(getattr(s, name) for s in seen))

    return Quarter(
        rss_mb=middle("rss_mb"),
        rss_slope=slope([(s.at_s / 3_600, s.rss_mb) for s in life]),
        fds=middle("fds"),
        threads=middle("threads"),
        cpu_share=(life[-1].cpu_s - life[0].cpu_s) / lasted_s if lasted_s else 0.0,
        journal_mb=middle("journal_mb"),
        open_holds=statistics.median(
            s.figures["standing"] + s.figures["pending"] + s.figures["in_doubt"] for s in seen
        ),
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that lies nearest; 0 where there is none."""
    if len({x for x, _ in points}) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def flat(samples: Sequence[Sample], seconds: float) -> list[Check]:
    """The last quarter beside the second: one life each, of the same length."""
    _, second, _, last = quarters(samples, seconds)
    told = f"{second.rss_mb:.1f} MB, then {last.rss_mb:.1f} MB ({last.rss_slope:+.1f} MB an hour)"
    return [
        Check("memory is flat", last.rss_mb <= second.rss_mb * GROWTH_MAX + RSS_SLACK_MB, told),
        Check("descriptors are flat", last.fds <= second.fds + FDS_SLACK,
              f"{second.fds:.0f}, then {last.fds:.0f}"),
        Check("threads are flat", last.threads <= second.threads + THREADS_SLACK,
              f"{second.threads:.0f}, then {last.threads:.0f}"),
        Check("the journals are flat", last.journal_mb <= 2 * second.journal_mb + 1,
              f"{second.journal_mb:.1f} MB, then {last.journal_mb:.1f} MB"),
    ]  # fmt: skip


def trouble(log: Path) -> dict[str, int]:
    """What the gateway said louder than info, and how often; numbers in it are left out."""
    found: Counter[str] = Counter()
    for text in log.read_text(errors="replace").splitlines():
        try:
            told: Mapping[str, Any] = json.loads(text)
        except ValueError:
            told = {"level": "error", "message": text}
        level = str(told.get("level", "")).lower()
        if level not in QUIET:
            words = str(told.get("message", told.get("event", ""))).split()
            found[f"{level}: {' '.join(w for w in words if not any(map(str.isdigit, w)))}"] += 1
    return dict(found.most_common(30))


def table(samples: Sequence[Sample], result: Mapping[str, Any], checks: Sequence[Check]) -> str:
    seconds = 60 * float(result["options"]["minutes"])
    lines = ["", "quarter   RSS MB   MB/h   fds  threads   CPU  journals MB  open"]
    for number, q in enumerate(quarters(samples, seconds), 1):
        lines.append(
            f"{number:7} {q.rss_mb:8.1f} {q.rss_slope:+6.1f} {q.fds:5.0f} {q.threads:8.0f}"
            f" {q.cpu_share:5.1%} {q.journal_mb:12.1f} {q.open_holds:5.0f}"
        )
    lines.append("")
    lines += [f"{count:8} {kind}" for kind, count in result["answers"].items()]
    lines += [f"{count:8} {deed}" for deed, count in result["done"].items()]
    lines += [f"{count:8} not done: {why}" for why, count in result["refused"].items()]
    lines.append("")
    lines += [f"{'ok ' if c.well else 'NOT'} {c.name}: {c.told}" for c in checks]
    return "\n".join(lines)
