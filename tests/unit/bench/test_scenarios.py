"""A whole small benchmark without a gateway: processes, interleaving, figures."""

from __future__ import annotations

import shutil

import pytest

from bench import report, scenarios, stage


def test_rounds_interleave() -> None:
    plan = scenarios.Plan(
        rounds=2, seconds=0.05, warm_seconds=0.02, callers=(2,), gateway=False, use_wrk=False
    )
    lines: list[str] = []
    rounds = scenarios.run(plan, lines.append)
    names = [(played.contender, played.kind) for played in rounds]
    one = [("direct", "POST"), ("direct", "GET"), ("aiohttp", "POST"), ("aiohttp", "GET")]
    assert names == one * 2
    assert all(played.requests > 0 for played in rounds)
    assert all(played.refused == played.broken == 0 for played in rounds)
    assert len(lines) == len(rounds)
    assert [row.contender for row in report.rows(rounds)] == ["aiohttp", "aiohttp"]


def test_one_round_by_the_best_load_there_is() -> None:
    """wrk where it is installed: its figures come through a script of ours."""
    with stage.stage(gateway=False) as made:
        [proxy] = [c for c in made.contenders if c.name == "aiohttp" and c.shot is stage.CHARGE]
        use_wrk = shutil.which("wrk") is not None
        played = scenarios.play(made, proxy, 2, 1, use_wrk=use_wrk)
    assert played.requests > 100
    assert 0 < played.p50_s <= played.p99_s < 1
    assert played.refused == played.broken == 0
    assert 0 < played.cpu_s <= 2 * played.wall_s


def test_an_open_loop_keeps_its_rate() -> None:
    plan = scenarios.Plan(rounds=1, seconds=0.2, gateway=False)
    rounds = scenarios.open_rounds(plan, 200, lambda line: None)
    assert [(played.contender, played.requests) for played in rounds] == [
        ("direct", 40), ("aiohttp", 40),
    ]  # fmt: skip


def test_an_answer_that_is_no_intent_stops_the_benchmark() -> None:
    with stage.stage(gateway=False) as made:
        [wrong] = [c for c in made.contenders if c.name == "direct" and c.shot is stage.READ]
        stage.check_answers(wrong)
        nobody = stage.Contender(
            "nobody", stage.READ, f"127.0.0.1:{stage.free_port()}", "", "", None
        )
        with pytest.raises(ConnectionRefusedError):
            stage.check_answers(nobody)
