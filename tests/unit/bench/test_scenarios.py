"""A whole small benchmark without a gateway: processes, interleaving, figures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench import cast, gear, report, scenarios, stage

PLAN = scenarios.Plan(
    ("direct", "aiohttp"), rounds=2, seconds=0.05, warm_seconds=0.02, callers=(2,)
)
ONE = [("direct", "charge"), ("direct", "read"), ("aiohttp", "charge"), ("aiohttp", "read")]


@pytest.fixture(scope="module")
def processes() -> Iterator[stage.Stage]:
    """The vendor alone, and aiohttp. Without wrk, whose rounds take a second at the least."""
    with stage.stage() as empty:
        cast.enter(empty, PLAN.names, lambda line: None)
        yield empty


@pytest.fixture
def made(processes: stage.Stage) -> Iterator[stage.Stage]:
    """As they were for each test."""
    contenders = list(processes.contenders)
    yield processes
    processes.contenders[:], processes.wrk = contenders, None
    processes.left_out.clear()


def test_rounds_interleave(made: stage.Stage) -> None:
    lines: list[str] = []
    rounds, syncs_s = scenarios.closed_rounds(made, PLAN, lines.append)
    assert syncs_s == []
    assert [(played.contender, played.kind) for played in rounds] == ONE * 2
    assert all(played.requests > 0 for played in rounds)
    assert all(played.refused == played.broken == 0 for played in rounds)
    assert len(lines) == len(rounds)
    assert [row.contender for row in report.rows(rounds)] == ["aiohttp", "aiohttp"]


def test_one_round_by_the_best_load_there_is(made: stage.Stage) -> None:
    """wrk where it is installed: its figures come through a script of ours."""
    [proxy] = [c for c in made.contenders if c.name == "aiohttp" and c.shot is stage.CHARGE]
    made.wrk = shutil.which("wrk")
    played = scenarios.play(made, proxy, 2, 1)
    assert played.requests > 100
    assert 0 < played.p50_s <= played.p99_s <= played.p999_s < 1
    assert played.refused == played.broken == 0
    assert 0 < played.cpu_s <= 2 * played.wall_s


def test_an_open_loop_keeps_its_rate_and_leaves_out_who_cannot(made: stage.Stage) -> None:
    plan = replace(PLAN, rounds=1, seconds=0.2, open_rate=100)
    rounds = scenarios.open_rounds(made, plan, lambda line: None)
    assert [(played.contender, played.requests, played.rate) for played in rounds] == [
        ("direct", 20, 100), ("aiohttp", 20, 100),
    ]  # fmt: skip
    lines: list[str] = []
    assert scenarios.open_rounds(made, replace(plan, open_rate=1e9), lines.append) == []
    assert lines[1] == "left out: direct does not carry 1,000,000,000 calls/s"


def test_a_share_of_our_peak_needs_us_on_stage(made: stage.Stage) -> None:
    plan = replace(PLAN, open_share=0.6)
    assert scenarios.open_rounds(made, plan, lambda line: None) == []


def test_a_contender_serves_so_many_callers(made: stage.Stage) -> None:
    heavy = replace(made.contenders[0], callers=(32, 32))
    made.contenders[:] = [heavy]
    assert [heavy.serves(callers) for callers in (1, 32, 256)] == [False, True, False]
    assert scenarios.closed_rounds(made, PLAN, lambda line: None) == ([], [])


def test_an_answer_that_is_not_the_vendors_stops_the_benchmark(made: stage.Stage) -> None:
    [direct] = [c for c in made.contenders if c.name == "direct" and c.shot is stage.READ]
    stage.check_answers(direct)
    wrong = replace(direct, shot=replace(direct.shot, shows=b"something else"))
    with pytest.raises(RuntimeError, match="direct read answers 200"):
        stage.check_answers(wrong)
    nobody = replace(direct, address=f"127.0.0.1:{stage.free_port()}")
    with pytest.raises(ConnectionRefusedError):
        stage.check_answers(nobody)


def test_who_cannot_come_is_left_out_with_a_line(
    made: stage.Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gear, "program", missing)
    lines: list[str] = []
    cast.enter(made, ["nginx"], lines.append)
    assert lines == ["left out: nginx: no nginx"]
    assert made.left_out == ["nginx: no nginx"]


def missing(name: str, package: str, tell: object) -> str:
    raise gear.Unavailable(f"no {name}")


def test_a_lone_caller_s_rounds_look_at_the_disk(made: stage.Stage) -> None:
    made.contenders.clear()
    rounds, syncs_s = scenarios.closed_rounds(made, replace(PLAN, callers=(1, 2)), print)
    assert rounds == []
    assert len(syncs_s) == PLAN.rounds
    assert all(seconds > 0 for seconds in syncs_s)
    assert not (made.var / "data-sync").exists()
