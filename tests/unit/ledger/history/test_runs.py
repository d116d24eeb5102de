"""Runs and scenarios: the list, a page of it, one run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.history import runs as module
from ledger.history import spans
from ledger.history.file import File, Statement
from ledger.history.reader import NoSuchCall
from ledger.history.runs import Runs
from ledger.history.schema import CallRow, insertion
from ledger.history.tallies import DAY_US, RUN_CALLS_MAX, SUM
from tests.unit.ledger.history.journals import AT_US, row

REFILL = ("UPDATE summed SET upto = 4", SUM)
"""The newest four are summed up."""
UNTOLD = (
    "UPDATE unsummed SET upto = 1000000",
    f"UPDATE summed SET complete_since_us = {1 << 62}",
)


class Shelf:
    """A file with rows in it, and who tells of its runs."""

    def __init__(self, file: File, reading: File) -> None:
        self.file = file
        self.reading = reading
        self.runs = Runs(reading)

    async def put(self, *rows: CallRow) -> None:
        await self.file.transact([Statement(*insertion(rows)), Statement(SUM)])

    async def put_new(self, *rows: CallRow) -> None:
        """They are in no sum yet."""
        await self.file.transact([Statement(*insertion(rows))])

    async def count_by_calls(self) -> None:
        """As while the sums of an older file are filled in."""
        await self.file.transact([Statement(sql) for sql in UNTOLD])


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    file = await File.writing(tmp_path / "audit.db")
    reading = await File.reading(tmp_path / "audit.db")
    yield Shelf(file, reading)
    await reading.close()
    await file.close()


async def test_while_an_older_file_is_filled_in(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few calls are counted; of many the sums tell what they know, and since when."""
    await shelf.put_new(*(row(n, run="a" if n % 2 else "b", cost_micros=1) for n in range(8)))
    await shelf.count_by_calls()
    half = Statement("UPDATE summed SET upto = 8, complete_since_us = ?", (AT_US + 4,))
    known = Statement("UPDATE unsummed SET upto = 4")
    await shelf.file.transact([half, known])
    await shelf.file.transact([*(Statement(sql) for sql in REFILL)])
    whole = await shelf.runs.runs(0, AT_US * 2, 9)
    assert [(found["run"], found["calls"]) for found in whole] == [("a", 4), ("b", 4)]
    assert whole.complete_since_us is None
    detail = await shelf.runs.run("a")
    assert detail is not None
    assert (detail["calls"], "complete_since_us" in detail) == (4, False)
    monkeypatch.setattr(spans, "COUNTED_MAX", 1)
    monkeypatch.setattr(module, "COUNTED_MAX", 1)
    cut = await shelf.runs.runs(0, AT_US * 2, 9)
    assert [(found["run"], found["calls"]) for found in cut] == [("a", 2), ("b", 2)]
    assert cut.complete_since_us == AT_US + 4
    detail = await shelf.runs.run("a")
    assert detail is not None
    assert (detail["calls"], detail["complete_since_us"]) == (2, AT_US + 4)
    assert detail["by_key_id"] == [{"key_id": "vk_1", "calls": 2, "cost_micros": 2}]


REFUSED = {"decision": "refused", "code": "daily_cap_exceeded"}
RUNS = (
    row(1, run="m/a", scenario="m", cost_micros=5, state="settled", key_id="vk_1"),
    row(2, run="m/b", scenario="m", cost_micros=7, own_cost_micros=1, state="in_doubt"),
    row(3, run="m/a", scenario="m", **REFUSED, count=40, operation="PostRefunds"),
    row(4, run=None, scenario=None, cost_micros=100),
    row(5, run="other", scenario="other", cost_micros=2, state="settled"),
)
EVER = (0, AT_US * 2)


async def test_spend_by_run_and_scenario(shelf: Shelf) -> None:
    await shelf.put(*RUNS)
    runs = await shelf.runs.runs(*EVER, 10)
    assert [(r["run"], r["calls"], r["cost_micros"]) for r in runs] == [
        ("other", 1, 2),
        ("m/a", 41, 5),
        ("m/b", 1, 8),
    ]
    assert runs[1] == {
        "run": "m/a",
        "calls": 41,
        "refused": 40,
        "cost_micros": 5,
        "in_doubt_micros": 0,
        "restored_micros": 0,
        "first_at_us": AT_US + 1,
        "last_at_us": AT_US + 3,
    }
    scenarios = await shelf.runs.runs(*EVER, 10, by="scenario")
    assert [(s["scenario"], s["cost_micros"]) for s in scenarios] == [("other", 2), ("m", 13)]


async def test_runs_of_a_span_and_page_by_page(shelf: Shelf) -> None:
    await shelf.put(*RUNS)
    assert [r["run"] for r in await shelf.runs.runs(AT_US + 2, AT_US + 3, 10)] == ["m/b"]
    assert [r["run"] for r in await shelf.runs.runs(*EVER, 1, starting_after="other")] == ["m/a"]
    assert [r["run"] for r in await shelf.runs.runs(*EVER, 9, starting_after="m/a")] == ["m/b"]
    with pytest.raises(NoSuchCall):
        await shelf.runs.runs(*EVER, 9, starting_after="nowhere")


async def test_one_run(shelf: Shelf) -> None:
    await shelf.put(*RUNS)
    run = await shelf.runs.run("m/a")
    assert run is not None
    assert (run["run"], run["scenario"], run["calls"], run["cost_micros"]) == ("m/a", "m", 41, 5)
    assert run["by_operation"] == [
        {"operation": "PostCharges", "calls": 1, "cost_micros": 5},
        {"operation": "PostRefunds", "calls": 40, "cost_micros": 0},
    ]
    assert run["by_code"] == [{"code": "daily_cap_exceeded", "calls": 40, "cost_micros": 0}]
    assert run["by_state"] == [{"state": "settled", "calls": 1, "cost_micros": 5}]
    assert [part["key_id"] for part in run["by_key_id"]] == ["vk_1"]
    assert await shelf.runs.run("m/none") is None


async def test_a_run_that_goes_on_beyond_the_span_counts_what_lies_in_it(shelf: Shelf) -> None:
    """Its days at either end are read call by call, and its place is that of its last call in the
    span."""
    hours = [row(n, at_us=AT_US + n * DAY_US // 4, cost_micros=10**n) for n in range(8)]
    other = row(9, run="other", at_us=AT_US + DAY_US, cost_micros=7)
    await shelf.put(*hours, other)
    span = (hours[1].at_us, hours[6].at_us)
    told = [
        {
            "run": "make-billing/8f31",
            "calls": 5,
            "refused": 0,
            "cost_micros": 111_110,
            "in_doubt_micros": 0,
            "restored_micros": 0,
            "first_at_us": hours[1].at_us,
            "last_at_us": hours[5].at_us,
        },
    ]
    assert [run for run in await shelf.runs.runs(*span, 9) if run["run"] != "other"] == told
    summed = await shelf.runs.runs(*span, 9)
    assert [run["run"] for run in summed] == ["make-billing/8f31", "other"]
    await shelf.count_by_calls()
    assert await shelf.runs.runs(*span, 9) == summed


async def test_a_large_run_is_told_from_its_sums(shelf: Shelf) -> None:
    """Small, then large, then amended: each time as the calls say."""
    await shelf.put(row(1, cost_micros=5, state="standing", count=RUN_CALLS_MAX))
    before = await shelf.runs.run("make-billing/8f31")
    await shelf.put(row(2, cost_micros=7, state="standing", key_id="vk_2"))
    await shelf.put(row(2, cost_micros=6, state="settled", key_id="vk_2"))
    run = await shelf.runs.run("make-billing/8f31")
    assert before is not None
    assert run is not None
    assert (before["calls"], before["cost_micros"]) == (RUN_CALLS_MAX, 5)
    assert run["by_state"] == [
        {"state": "settled", "calls": 1, "cost_micros": 6},
        {"state": "standing", "calls": RUN_CALLS_MAX, "cost_micros": 5},
    ]
    assert [part["key_id"] for part in run["by_key_id"]] == ["vk_2", "vk_1"]
    await shelf.put_new(row(3, cost_micros=9, state="settled", key_id="vk_2"))
    run = await shelf.runs.run("make-billing/8f31")
    assert run is not None
    assert run["by_state"][0] == {"state": "settled", "calls": 2, "cost_micros": 15}
    await shelf.count_by_calls()
    assert await shelf.runs.run("make-billing/8f31") == run
