"""Quarters of samples, what is flat, and what the log said louder than info."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.soak.report import flat, quarters, slope, table, trouble
from bench.soak.watch import ADDED, Sample

HOUR_S = 3_600.0


def sample(at_s: float, **more: Any) -> Sample:
    figures = dict.fromkeys(ADDED, 1)
    life = 1 + int(at_s // (HOUR_S / 4))
    return replace(Sample(at_s, life, 60.0, 50, 8, at_s / 10, 5.0, 9.0, figures, ()), **more)


def hour(**last: Any) -> list[Sample]:
    """One every ten seconds; `last`: what is otherwise in the last quarter."""
    return [sample(at, **(last if at >= 2_700 else {})) for at in range(0, 3_600, 10)]


def test_a_quarter_is_what_is_seen_in_its_middle() -> None:
    [*_, last] = quarters(hour(rss_mb=70.0), HOUR_S)
    assert (last.rss_mb, last.fds, last.rss_slope) == (70.0, 50, 0.0)
    assert last.cpu_share == pytest.approx(0.1)


def test_a_quarter_without_samples_has_no_figures() -> None:
    assert [q.rss_mb for q in quarters([sample(400.0)], HOUR_S)] == [60.0, 0.0, 0.0, 0.0]


def test_a_slope_is_by_the_hour() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == pytest.approx(2.0)
    assert slope([(1.0, 5.0)]) == slope([]) == 0.0


@pytest.mark.parametrize(
    ("last", "name"),
    [
        ({"rss_mb": 75.0}, "memory"),
        ({"fds": 90}, "descriptors"),
        ({"threads": 16}, "threads"),
        ({"journal_mb": 20.0}, "journals"),
    ],
)
def test_what_grows_is_told(last: dict[str, Any], name: str) -> None:
    assert all(check.well for check in flat(hour(), HOUR_S))
    [told] = [check for check in flat(hour(**last), HOUR_S) if not check.well]
    assert name in told.name


def test_lines_that_are_alike_are_counted(tmp_path: Path) -> None:
    lines = [json.dumps({"level": "warning", "event": f"call {n} was late"}) for n in range(3)]
    lines += [json.dumps({"level": "info", "event": "serving"}), "Traceback:"]
    (tmp_path / "log").write_text("\n".join(lines))
    assert trouble(tmp_path / "log") == {"warning: call was late": 3, "error: Traceback:": 1}


def test_the_table_has_a_line_for_each_quarter_and_check() -> None:
    result = {
        "options": {"minutes": "60"},
        "answers": {"charge: 200": 7},
        "done": {},
        "refused": {},
    }
    text = table(hour(), result, flat(hour(), HOUR_S))
    assert "7 charge: 200" in text
    assert text.count("ok  ") == 4
