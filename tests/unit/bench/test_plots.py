"""What is drawn and written for results that were made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import plots
from bench.bursts import Burst
from bench.report import OPEN
from bench.results import Results
from bench.streams import Stream
from tests.unit.bench.rounds import DIRECT as STRAIGHT
from tests.unit.bench.rounds import ROUND as CHARGE

FACTS = {
    "arguments": ["--full"],
    "started": "20261123-120000",
    "rounds": 2,
    "seconds": 5.0,
    "cores": 2,
    "cpu": "a CPU",
    "kernel": "6.1",
    "python": "3.11.2",
    "load_average": "0.10",
}
ROUND = replace(CHARGE, callers=1)
DIRECT = replace(STRAIGHT, callers=1)
RESULTS = Results(
    FACTS,
    [DIRECT, ROUND, replace(ROUND, cpu_s=0.6), replace(ROUND, kind="mail", callers=1_024)],
    [replace(ROUND, kind=OPEN, callers=0, rate=600.0, p50_s=0.0)],
    [Burst("keybrake FULL", "quiet", 4, [0.1, 0.2, 0.3, 0.4], 0)],
    [Stream("direct", "up", 1 << 30, 1.0, 0.0, 0), Stream("nginx", "up", 1 << 30, 2.0, 1.0, 0)],
    [0.004],
    ["litellm: no wheel"],
)
PAGE = "\n".join(f"<!-- {name} -->\nold {name}\n<!-- /{name} -->" for name in (
    "run", "load", "alone", "open", "burst", "stream",
))  # fmt: skip


def figures() -> dict[str, plots.Figure]:
    return {figure.name: figure for figure in plots.all_of(RESULTS)}


def test_every_table_has_its_figure() -> None:
    assert list(figures()) == ["load", "alone", "open", "burst", "stream"]
    assert plots.all_of(Results({})) == []


def test_a_panel_for_each_number_of_callers_and_a_range_over_the_rounds() -> None:
    one, many = figures()["load"].panels
    assert (one.title, many.title) == ("1 caller", "1,024 callers")
    assert one.bars == (plots.Bar("keybrake FULL", 0.5, 0.4, 0.6),)
    assert [bar.label for bar in many.bars] == ["keybrake FULL: mail"]


def test_a_logarithm_gets_no_zero_and_nothing_below() -> None:
    p50 = figures()["open"].panels[0]
    assert [(bar.label, bar.value) for bar in p50.bars] == [("keybrake FULL", 0.001)]


def test_a_burst_is_drawn_by_its_99th_answer_and_a_stream_without_the_vendor_alone() -> None:
    assert figures()["burst"].panels[0].bars[0].value == pytest.approx(400.0)
    [up] = figures()["stream"].panels
    assert [bar.label for bar in up.bars] == ["nginx"]


def test_the_page_is_filled_between_its_marks() -> None:
    page = plots.filled(PAGE, RESULTS)
    assert "old" not in page
    assert "`python -m bench --full` on 2026-11-23: 2 rounds of 5 s on 2 cores" in page
    assert "Left out: litellm: no wheel." in page
    assert "| keybrake FULL | charge | 1 | 0.500 |" in page
    assert plots.filled(page, RESULTS) == page


def test_a_table_that_was_not_measured_stays_as_it_is() -> None:
    page = plots.filled(PAGE, Results(FACTS, RESULTS.rounds))
    assert "old burst" in page
    assert "old load" not in page


def test_a_page_without_a_place_is_an_error() -> None:
    with pytest.raises(plots.NoPlace, match="<!-- run -->"):
        plots.filled("# A page", RESULTS)


def test_the_page_that_ships_has_a_place_for_each() -> None:
    assert plots.filled(plots.PAGE.read_text(), RESULTS)
    named = {path.stem for path in (Path(plots.PAGE).parent / "figures").glob("*.svg")}
    assert named == set(figures())
