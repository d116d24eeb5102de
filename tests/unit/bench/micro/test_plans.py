"""Every documented search reads indexes alone, in their order, however many calls there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.micro import plans
from bench.micro.history import build
from bench.micro.plans import Index, is_indexed, tell
from ledger.history.schema import FILTERS


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    await build(tmp_path / "audit.db", 500)
    return tmp_path / "audit.db"


async def test_no_filter_reads_the_table_or_sorts(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await tell(log, 100_000_000) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[4:]] == [f"| {name}" for name in FILTERS]


async def test_a_filter_without_its_index_is_named(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scans(*_: object) -> list[str]:
        return ["SCAN calls"]

    monkeypatch.setattr(plans, "plan_of", scans)
    assert await tell(log, 1_000) == 1
    assert "not by index alone: object_id" in capsys.readouterr().err


def test_a_plan_that_sorts_is_not_by_index_alone() -> None:
    by_index = "SEARCH calls USING COVERING INDEX calls_by_run (run=?)"
    assert is_indexed([by_index, "SCAN e"])
    assert not is_indexed([by_index, "USE TEMP B-TREE FOR ORDER BY"])


def test_a_hundred_times_the_entries_are_a_level_or_two() -> None:
    index = Index(entries=1_000_000, leaves=10_000, depth=3)
    assert [index.depth_with(times) for times in (1, 100)] == [3, 4]
