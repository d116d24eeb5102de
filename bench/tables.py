"""What a run came to, as tables: fixed width for a terminal, Markdown for a page."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.bursts import Burst, seconds_of
from bench.report import DIRECT, PEER, Row, added_when_alone_ms, percentile, rows
from bench.results import Results
from bench.scenarios import OURS
from bench.streams import Stream, cpu_s_per_gb, mb_s


@dataclass(frozen=True, slots=True)
class Table:
    """name: of its place on a page and of its figure. words: how many columns hold words, from the
    left."""

    name: str
    title: str
    words: int
    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def text(table: Table) -> str:
    """Numbers to the right."""
    lines = (table.headings, *table.lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = "\n".join(
        "  ".join(
            cell.ljust(width) if column < table.words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in lines
    )
    return f"{table.title}\n\n{body}"


def markdown(table: Table) -> str:
    rule = ["---" if column < table.words else "---:" for column in range(len(table.headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table.headings, rule, *table.lines))


def all_of(results: Results) -> list[Table]:
    """Those that have something in them."""
    found = rows(results.rounds)
    made = (
        loads(found),
        alone(found, results.data_syncs_s),
        opened(rows(results.open_rounds), results.open_rounds[0].rate)
        if results.open_rounds
        else None,
        bursts(results.bursts),
        streams(results.streams),
    )
    return [table for table in made if table is not None and table.lines]


# One by one.


_FIGURES: Final = (
    "CPU s/1000", "x aiohttp", "(range)", "calls/s", "+p50 ms", "+p99 ms", "+p99.9 ms", "RSS MB",
    "limit", "wrong",
)  # fmt: skip


def loads(found: Sequence[Row]) -> Table:
    """Closed loops."""
    return Table(
        "load",
        "Each caller sends its next call when it has its answer",
        2,
        ("program", "call", "callers", *_FIGURES),
        tuple((row.contender, row.kind, f"{row.callers:,}", *_figures(row)) for row in found),
    )


def opened(found: Sequence[Row], rate: float) -> Table:
    """An open loop: latency counts from when a call was due."""
    return Table(
        "open",
        f"{rate:,.0f} charges a second leave on schedule, whatever the answers do",
        1,
        ("program", *_FIGURES),
        tuple((row.contender, *_figures(row)) for row in found),
    )


def _figures(row: Row) -> tuple[str, ...]:
    ratio, spread = ("", "")
    if row.ratio is not None:
        ratio, spread = f"{row.ratio[0]:.2f}", f"{row.ratio[1]:.2f}-{row.ratio[2]:.2f}"
    return (
        f"{row.cpu_s_per_1000:.3f}",
        ratio,
        spread,
        f"{row.per_second:,.0f}",
        f"{row.added_p50_ms:.2f}",
        f"{row.added_p99_ms:.2f}",
        f"{row.added_p999_ms:.2f}",
        f"{row.rss_mb:.0f}",
        row.bottleneck,
        str(row.wrong) if row.wrong else "",
    )


def alone(found: Sequence[Row], syncs_s: Sequence[float]) -> Table | None:
    """What a lone caller waits for us, next to what its disk takes for one data sync."""
    if not syncs_s or added_when_alone_ms(found, OURS) is None:
        return None
    sync_ms = 1e3 * statistics.median(syncs_s)
    lines = [("one data sync of 4 KiB on that disk", f"{sync_ms:.2f}", "1.00")]
    for name in dict.fromkeys(row.contender for row in found):
        added_ms = added_when_alone_ms(found, name)
        if added_ms is not None:
            lines.append((name, f"{added_ms:.2f}", f"{added_ms / sync_ms:.2f}"))
    headings = ("a lone caller's charge waits for", "+p50 ms", "data syncs")
    return Table("alone", "One caller, beside one data sync", 1, headings, tuple(lines))


def bursts(played: Sequence[Burst]) -> Table:
    callers = played[0].callers if played else 0
    return Table(
        "burst",
        f"{callers} callers connect at once: until each has its first answer",
        2,
        ("program", "while it was", "p50 ms", "p99 ms", "last ms", "bursts", "wrong"),
        tuple(_burst_lines(played)),
    )


def _burst_lines(played: Sequence[Burst]) -> Iterator[tuple[str, ...]]:
    for when, name in dict.fromkeys((burst.when, burst.contender) for burst in played):
        same = [burst for burst in played if (burst.when, burst.contender) == (when, name)]
        seconds, wrong = seconds_of(same, name, when), sum(burst.wrong for burst in same)
        waits = (f"{1e3 * percentile(seconds, at):.1f}" for at in (50, 99, 100))
        yield name, when, *waits, str(len(same)), str(wrong) if wrong else ""


def streams(played: Sequence[Stream]) -> Table:
    size = played[0].size if played else 0
    return Table(
        "stream",
        f"{size >> 20:,} MiB in one body",
        2,
        ("program", "way", "MB/s", "x aiohttp", "CPU s/GB", "RSS growth MB"),
        tuple(_stream_lines(played)),
    )


def _stream_lines(played: Sequence[Stream]) -> Iterator[tuple[str, ...]]:
    for way, name in dict.fromkeys((stream.way, stream.contender) for stream in played):
        same = [stream for stream in played if (stream.way, stream.contender) == (way, name)]
        peer = [stream for stream in played if (stream.way, stream.contender) == (way, PEER)]
        pairs = zip(same, peer, strict=False)
        ratios = [mb_s(one) / mb_s(other) for one, other in pairs if name not in (PEER, DIRECT)]
        yield (
            name,
            way,
            f"{statistics.median(map(mb_s, same)):,.0f}",
            f"{statistics.median(ratios):.2f}" if ratios else "",
            f"{statistics.median(map(cpu_s_per_gb, same)):.2f}",
            f"{max(stream.growth_bytes for stream in same) / 1e6:.1f}",
        )
