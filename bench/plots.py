"""Figures and a page from a result file: what is drawn, and where it goes.

    python -m bench.plots bench/results/NAME.json [--page docs/performance.md]

writes an SVG for each table into figures/ beside the page, and the tables into the page, between
their marks. What is decided about a figure is decided here, in plain values; `tools/draw.py` draws
them with matplotlib, in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import gear, tables
from bench.bursts import seconds_of
from bench.report import CHARGE, DIRECT, Row, added_when_alone_ms, cpu_ms, percentile, rows
from bench.results import Results
from bench.scenarios import OURS, Round
from bench.streams import mb_s

PAGE: Final = gear.ROOT / "docs" / "performance.md"
DRAW: Final = gear.BENCH / "tools" / "draw.py"


@dataclass(frozen=True, slots=True)
class Bar:
    """least, most: over the rounds; the same as value where there is no range."""

    label: str
    value: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """name: of its table. unit: below each panel. log: where values differ by orders."""

    name: str
    title: str
    unit: str
    panels: tuple[Panel, ...]
    log: bool = True


def all_of(results: Results) -> list[Figure]:
    """Those that have something in them."""
    made = (load(results), alone(results), opened(results), bursts(results), streams(results))
    return [figure for figure in made if any(panel.bars for panel in figure.panels)]


def load(results: Results) -> Figure:
    """CPU for a call: a panel for each number of callers."""
    played = [each for each in results.rounds if each.contender != DIRECT]
    callers = dict.fromkeys(each.callers for each in played)
    panels = [
        Panel(_callers(count), tuple(_cpu_bars(each for each in played if each.callers == count)))
        for count in callers
    ]
    return Figure("load", "CPU for a call", "CPU seconds for 1,000 calls", tuple(panels))


def _callers(count: int) -> str:
    return "1 caller" if count == 1 else f"{count:,} callers"


def _cpu_bars(played: Iterable[Round]) -> list[Bar]:
    groups: dict[str, list[float]] = {}
    for each in played:
        name = each.contender if each.kind == CHARGE else f"{each.contender}: {each.kind}"
        groups.setdefault(name, []).append(cpu_ms(each))
    return [_bar(name, values) for name, values in groups.items()]


def _bar(label: str, values: Sequence[float]) -> Bar:
    return Bar(label, statistics.median(values), min(values), max(values))


def alone(results: Results) -> Figure:
    found = rows(results.rounds)
    bars = []
    if results.data_syncs_s and added_when_alone_ms(found, OURS) is not None:
        bars.append(_bar("one data sync", [1e3 * seconds for seconds in results.data_syncs_s]))
        for name in dict.fromkeys(row.contender for row in found):
            added_ms = added_when_alone_ms(found, name)
            if added_ms is not None:
                bars.append(_bar(name, [added_ms]))
    panel = Panel("a lone caller's charge", tuple(bars))
    return Figure(
        "alone", "A lone caller beside one data sync", "added ms, median", (panel,), False
    )


def opened(results: Results) -> Figure:
    """What callers wait at a rate that does not heed answers."""
    found = rows(results.open_rounds)
    rate = results.open_rounds[0].rate if results.open_rounds else 0.0
    panels = tuple(
        Panel(title, tuple(_bar(row.contender, [_waited_ms(row, name)]) for row in found))
        for title, name in _WAITS.items()
    )
    return Figure("open", f"{rate:,.0f} charges a second on schedule", "added ms", panels)


_WAITS: Final = {"p50": "added_p50_ms", "p99": "added_p99_ms", "p99.9": "added_p999_ms"}


def _waited_ms(row: Row, name: str) -> float:
    """Nothing is faster than the vendor but by chance, and a logarithm knows no zero."""
    return max(0.001, float(getattr(row, name)))


def bursts(results: Results) -> Figure:
    pairs = dict.fromkeys((burst.when, burst.contender) for burst in results.bursts)
    panels = [
        Panel(
            f"while {when}",
            tuple(
                _bar(name, [1e3 * percentile(seconds_of(results.bursts, name, when), 99)])
                for moment, name in pairs
                if moment == when
            ),
        )
        for when in dict.fromkeys(when for when, _ in pairs)
    ]
    callers = results.bursts[0].callers if results.bursts else 0
    title = f"{callers} callers connect at once"
    return Figure("burst", title, "ms until 99 of 100 have their first answer", tuple(panels))


def streams(results: Results) -> Figure:
    played = [stream for stream in results.streams if stream.contender != DIRECT]
    panels = [
        Panel(
            way,
            tuple(
                _bar(name, [mb_s(s) for s in played if (s.way, s.contender) == (way, name)])
                for name in dict.fromkeys(s.contender for s in played if s.way == way)
            ),
        )
        for way in dict.fromkeys(stream.way for stream in played)
    ]
    size = played[0].size if played else 0
    return Figure("stream", f"{size >> 20:,} MiB in one body", "MB/s", tuple(panels), False)


# The page.


class NoPlace(Exception):
    """One line: the page has no mark for a table."""


def filled(page: str, results: Results) -> str:
    """The page with these tables between their marks (`<!-- load -->` to `<!-- /load -->`), and
    what was run between those of `run`. A table that the results do not have stays as it is.
    Raises NoPlace."""
    page = _between(page, "run", run_words(results))
    for table in tables.all_of(results):
        page = _between(page, table.name, f"{table.title}:\n\n{tables.markdown(table)}")
    return page


def run_words(results: Results) -> str:
    facts, began = results.facts, str(results.facts["started"])
    words = " ".join(("python -m bench", *facts["arguments"]))
    said = (
        f"`{words}` on {began[:4]}-{began[4:6]}-{began[6:8]}: {facts['rounds']} rounds of "
        f"{facts['seconds']:g} s on {facts['cores']} cores ({facts['cpu']}), Linux "
        f"{facts['kernel']}, Python {facts['python']}; load average before it "
        f"{facts['load_average']}."
    )
    left = f" Left out: {'; '.join(results.left_out)}." if results.left_out else ""
    return said + left


def _between(page: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise NoPlace(f"the page has no {begin} … {end}")
    return f"{before}{begin}\n{content}\n{end}{after}"


# The figures.


def draw(figures: Sequence[Figure], folder: Path, tell: gear.Tell) -> None:
    """One SVG each. Raises Unavailable."""
    python = gear.environment(gear.BENCH / "tools" / "tools.txt", tell) / "python"
    folder.mkdir(parents=True, exist_ok=True)
    told: list[dict[str, Any]] = [asdict(figure) for figure in figures]
    subprocess.run(
        [str(python), str(DRAW), str(folder)], input=json.dumps(told), text=True, check=True
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.plots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, nargs="?", help="a file that `make bench` wrote")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    if given.results is None:
        parser.error("there is no result yet: `make bench` writes one into bench/results")
    try:
        results = Results.load(given.results)
        given.page.write_text(filled(given.page.read_text(), results))
        draw(
            all_of(results),
            given.page.parent / "figures",
            lambda line: print(line, file=sys.stderr),
        )
    except OSError as exc:
        print(f"bench: {exc.filename}: {exc.strerror}", file=sys.stderr)
        return 1
    except (NoPlace, gear.Unavailable) as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
