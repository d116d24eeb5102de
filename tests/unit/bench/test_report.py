"""Percentiles, ratios and the bottleneck, from rounds that were made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.report import added_when_alone_ms, bottleneck, percentile, rows, save
from bench.scenarios import line
from tests.unit.bench.rounds import DIRECT, PEER, ROUND


@pytest.mark.parametrize(
    ("percent", "value"), [(50, 2.0), (51, 3.0), (99, 4.0), (100, 4.0), (0, 1.0)]
)
def test_percentile_is_nearest_rank(percent: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], percent) == value
    assert percentile([], percent) == 0.0


def test_rows_compare_within_one_number_of_callers() -> None:
    slow = replace(ROUND, cpu_s=0.6)
    ours, peer = rows([DIRECT, ROUND, PEER, DIRECT, slow, PEER])
    assert ours.ratio == pytest.approx((2.5, 2.0, 3.0))
    assert peer.ratio is None
    assert ours.cpu_s_per_1000 == pytest.approx(0.5)
    assert ours.added_p50_ms == pytest.approx(8.0)
    assert (ours.added_p99_ms, ours.added_p999_ms) == pytest.approx((48.0, 78.0))
    assert (ours.per_second, ours.rss_mb) == (1_000, 50)
    assert rows([ROUND])[0].ratio is None


@pytest.mark.parametrize(
    ("cpu_s", "load_cpu_s", "named"),
    [(0.95, 0.2, "program"), (0.95, 0.95, "both"), (0.2, 0.95, "load"), (0.2, 0.2, "waiting")],
)
def test_the_bottleneck_is_named(cpu_s: float, load_cpu_s: float, named: str) -> None:
    assert bottleneck([replace(ROUND, cpu_s=cpu_s, load_cpu_s=load_cpu_s)]) == named


def test_a_kind_of_call_that_peers_do_not_get_is_compared_with_their_charges() -> None:
    mail = replace(ROUND, kind="mail", cpu_s=0.3)
    [ours] = [row for row in rows([DIRECT, PEER, mail]) if row.kind == "mail"]
    assert ours.ratio == pytest.approx((1.5, 1.5, 1.5))
    assert ours.added_p50_ms == pytest.approx(8.0)


def test_what_a_lone_caller_waits_for() -> None:
    found = rows([replace(DIRECT, callers=1), replace(ROUND, callers=1), ROUND])
    assert added_when_alone_ms(found, "keybrake FULL") == pytest.approx(8.0)
    assert added_when_alone_ms(found, "nobody") is None


def test_results_are_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "results" / "x.json"
    save(path, {"rounds": [ROUND.to_json()]})
    assert json.loads(path.read_text()) == {"rounds": [ROUND.to_json()]}


def test_a_round_in_a_line() -> None:
    assert line(ROUND) == "keybrake FULL charge: 1,000/s, 0.400 ms CPU a call"
    assert line(replace(ROUND, refused=2)).endswith("2 refused, 0 broken")
