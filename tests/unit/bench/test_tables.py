"""Tables of results that were made up: what stands in them, and how they line up."""

from __future__ import annotations

from dataclasses import replace

from bench import tables
from bench.bursts import Burst
from bench.report import OPEN
from bench.results import Results
from bench.streams import Stream
from tests.unit.bench.rounds import DIRECT, PEER, ROUND

BURST = Burst("keybrake FULL", "quiet", 4, [0.1, 0.2, 0.3, 0.4], 0)
STREAM = Stream("keybrake FULL", "up", 1 << 30, 2.0, 1.0, 3_000_000)


def results() -> Results:
    return Results(
        {},
        [each for played in (DIRECT, ROUND, PEER) for each in (replace(played, callers=1), played)],
        [replace(ROUND, kind=OPEN, callers=0, rate=600.0)],
        [BURST, replace(BURST, when="busy", wrong=1)],
        [STREAM, replace(STREAM, contender="aiohttp", wall_s=1.0)],
        [0.004, 0.002, 0.003],
    )


def test_every_scenario_has_its_table() -> None:
    made = tables.all_of(results())
    assert [table.name for table in made] == ["load", "alone", "open", "burst", "stream"]
    assert all(len(line) == len(table.headings) for table in made for line in table.lines)
    assert tables.all_of(Results({})) == []


def test_text_lines_up() -> None:
    [load, *_] = tables.all_of(results())
    title, _, head, *_ = text = tables.text(load).splitlines()
    [line] = [line for line in text if line.startswith("keybrake") and "  32  " in line]
    assert title == load.title
    assert head.index("RSS MB") + len("RSS MB") == line.index(" 50 ") + 3
    assert "2.00  2.00-2.00" in line


def test_markdown_has_words_left_and_figures_right() -> None:
    [*_, stream] = tables.all_of(results())
    head, rule, up, _ = tables.markdown(stream).splitlines()
    assert head.startswith("| program | way | MB/s |")
    assert rule == "| --- | --- | ---: | ---: | ---: | ---: |"
    assert up == "| keybrake FULL | up | 537 | 0.50 | 0.93 | 3.0 |"


def test_a_lone_caller_s_wait_is_told_in_data_syncs() -> None:
    [alone] = [table for table in tables.all_of(results()) if table.name == "alone"]
    assert alone.lines == (
        ("one data sync of 4 KiB on that disk", "3.00", "1.00"),
        ("keybrake FULL", "8.00", "2.67"),
        ("aiohttp", "8.00", "2.67"),
    )


def test_bursts_are_told_by_their_answers() -> None:
    [burst] = [table for table in tables.all_of(results()) if table.name == "burst"]
    assert burst.lines == (
        ("keybrake FULL", "quiet", "200.0", "400.0", "400.0", "1", ""),
        ("keybrake FULL", "busy", "200.0", "400.0", "400.0", "1", "1"),
    )
