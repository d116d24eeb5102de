"""The audit log's sums beside a plain GROUP BY over its calls, after any life of the file.

Rows come and come again as others, a little or altogether; holds go on, refunds give back, in
batches of any size, and new rows are summed up after some of them; the file is closed and opened,
rebuilt from journals, or came from a version that knew no sums and is filled in meanwhile. At every
step each table of sums is what the calls say of which it knows, and what is asked of a span through
the sums and the newest calls is what is counted call by call. While an older file is filled in, and
its calls are too many to be counted, an answer is that of the shorter span which it tells.

What a row counts for, and under which names, stands here once more and in other words: with the
sums' own the two sides would be wrong alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.history import spans, tallies
from ledger.history.file import File, Statement
from ledger.history.runs import Runs
from ledger.history.schema import CallRow
from ledger.history.spend import GROUPS, Spend
from ledger.history.tallies import DAY_US, FILL, FILL_ROWS, HOUR_US, KINDS, MEASURES, SUM, UNITS
from ledger.history.writer import Batch

START_US = 20_780 * DAY_US
NAMES = st.sampled_from((None, "a", "b"))
STATES = st.sampled_from((None, "open", "standing", "pending", "in_doubt", "settled", "released"))
MONEY = st.integers(0, 100)


def _row(facts: dict[str, Any]) -> CallRow:
    return CallRow(**facts)


IDS = tuple(f"call_{n}" for n in range(9))
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "at_us": st.tuples(st.sampled_from((0, 1, 30, 96)), st.integers(0, 3)).map(
        lambda at: START_US + at[0] * HOUR_US + at[1] * 1_000_003
    ),
    "key_id": st.sampled_from(("vk_1", "vk_2")),
    "run": st.sampled_from((None, "a", "a", "b")),
    "scenario": NAMES,
    "vendor": NAMES,
    "account": st.sampled_from((None, "a")),
    "operation": NAMES,
    "decision": st.sampled_from(("allowed", "refused")),
    "code": NAMES,
    "held_micros": MONEY,
    "cost_micros": MONEY,
    "own_cost_micros": MONEY,
    "state": STATES,
    "day": st.sampled_from((None, 20_780, 20_781)),
    "hold_id": st.one_of(st.none(), st.integers(1, 6)),
    "own_hold_id": st.one_of(st.none(), st.integers(7, 8)),
    "count": st.sampled_from((1, 600, 600)),
}
ROWS = st.fixed_dictionaries({"id": st.sampled_from(IDS), **FACTS}).map(_row)
CHANGES = st.tuples(
    STATES.filter(bool),
    st.one_of(st.none(), MONEY),
    st.integers(1, 8),
    st.sampled_from((None, "o")),
)
GIVE_BACKS = st.tuples(st.sampled_from(("re_1", "re_2")), MONEY, st.integers(1, 6))
BATCHES = st.builds(
    Batch,
    rows=st.lists(ROWS, min_size=1, max_size=6),
    grown=st.just([]),
    changes=st.lists(CHANGES, max_size=3),
    give_backs=st.lists(GIVE_BACKS, max_size=2),
)


class Again(NamedTuple):
    """A row that is there comes once more, and one thing about it is another."""

    which: int
    name: str
    value: Any


AGAIN = st.sampled_from(("at_us", "at_us", *sorted(FACTS))).flatmap(
    lambda name: st.builds(Again, st.integers(0, len(IDS) - 1), st.just(name), FACTS[name])
)
WORDS = st.sampled_from(("sum", "reopen", "fill", "fill", "from version 1"))
LATER = st.lists(
    st.tuples(st.one_of(BATCHES, BATCHES, AGAIN, AGAIN, AGAIN, WORDS), st.booleans()), max_size=12
)
OLDER = BATCHES.map(lambda batch: [(batch, False), ("from version 1", False)])
STEPS = st.builds(list.__add__, st.one_of(st.just([]), OLDER), LATER)
"""Each, and whether the new rows are summed up with it."""
SPANS = st.tuples(st.integers(-HOUR_US, 5 * DAY_US), st.integers(0, 5 * DAY_US)).map(
    lambda span: (START_US + span[0], START_US + span[0] + span[1])
)


COUNTED = {
    "calls": '"count"',
    "refused": "iif(decision = 'refused', \"count\", 0)",
    "cost_micros": "cost_micros + own_cost_micros",
    "standing_micros": "iif(state = 'standing', cost_micros + own_cost_micros, 0)",
    "pending_micros": "iif(state = 'pending', cost_micros + own_cost_micros, 0)",
    "in_doubt_micros": "iif(state = 'in_doubt', cost_micros + own_cost_micros, 0)",
    "restored_micros": "restored_micros",
}
NAMED = {
    "day": "iif(day IS NULL, at_us / 86400000000, day)",
    "code": "code",
    "key": "key_id",
    "operation": "operation",
    "scenario": "scenario",
}


class Life:
    """One file, and who looks after it. rows: as they were written last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, CallRow] = {}

    async def open(self) -> None:
        self.file = await File.writing(self.path)
        self.reading = await File.reading(self.path)

    async def close(self) -> None:
        await self.reading.close()
        await self.file.close()

    async def go_on(self, step: Batch | Again | str, is_summed: bool) -> None:
        if isinstance(step, Again):
            known = [self.rows[name] for name in sorted(self.rows)]
            again = known[step.which % len(known)] if known else None
            rows = [] if again is None else [again._replace(**{step.name: step.value})]
            step = Batch(rows, [], [], [])
        if isinstance(step, Batch):
            self.rows |= {row.id: row for row in step.rows}
            await self.file.transact([*step.statements(), *[Statement(SUM)] * is_summed])
        elif step == "fill":
            await self.file.transact([Statement(sql) for sql in FILL_SOME])
        elif step == "sum":
            await self.file.transact([Statement(SUM)])
        else:
            await self.close()
            if step == "from version 1":
                _forget_sums(self.path)
            await self.open()

    async def check(self) -> None:
        fetch = self.reading.fetch
        ((after, upto),) = await fetch("SELECT u.upto, s.upto FROM unsummed u, summed s")
        known = f"n > {after} AND n <= {upto}"
        assert not await fetch(
            f"SELECT id FROM calls, summed WHERE n <= {after} AND at_us >= complete_since_us"
        )
        assert (list(COUNTED), list(NAMED)) == (list(MEASURES), list(KINDS))
        sums = ", ".join(f"sum({value})" for value in COUNTED.values())
        ends = "min(at_us), max(at_us)"
        place = "coalesce(vendor, ''), coalesce(account, '')"
        for unit in UNITS:
            for kind, name in NAMED.items():
                told = await fetch(f"SELECT * FROM {unit.table} WHERE kind = '{kind}'")
                counted = await fetch(
                    f"SELECT '{kind}', at_us / {unit.length_us}, {place}, {name}, {sums}, {ends} "
                    f"FROM calls WHERE {known} AND {name} IS NOT NULL GROUP BY 2, 3, 4, 5"
                )
                assert sorted(told) == sorted(counted), (unit.table, kind)
        counted = await fetch(
            f"SELECT run, at_us / {DAY_US}, {sums}, {ends} FROM calls "
            f"WHERE {known} AND run IS NOT NULL GROUP BY 1, 2"
        )
        assert sorted(await fetch("SELECT * FROM tally_runs")) == sorted(counted)
        await self._check_parts(known)

    async def _check_parts(self, known: str) -> None:
        """Of the runs that have ever been large, and of no others."""
        fetch = self.reading.fetch
        parts = ", ".join(f"coalesce(\"{name}\", '')" for name in tallies.PART)
        counted = await fetch(
            f'SELECT {parts}, sum("count"), sum(cost_micros + own_cost_micros) FROM calls '
            f"WHERE {known} AND run IN (SELECT run FROM large_runs) GROUP BY {parts}"
        )
        assert sorted(await fetch("SELECT * FROM tally_parts")) == sorted(counted)
        due = await fetch(
            f"SELECT run FROM calls WHERE {known} AND run IS NOT NULL GROUP BY run "
            f'HAVING sum("count") > {tallies.RUN_CALLS_MAX}'
        )
        assert set(due) <= set(await fetch("SELECT run FROM large_runs"))

    async def answers(self, since_us: int, until_us: int) -> list[Any]:
        spend, runs = Spend(self.reading), Runs(self.reading)
        groups = [await spend.spend(by, since_us, until_us, 100) for by in GROUPS]
        groups += [await spend.spend(by, since_us, until_us, 9, vendor="a") for by in GROUPS]
        series = [
            await spend.series(by, since_us, until_us, step, 2)
            for by in (None, "key", "account")
            for step in ("day", "hour")
        ]
        listed = [await runs.runs(since_us, until_us, 9, by=by) for by in ("run", "scenario")]
        paged: list[Any] = []
        while page := await runs.runs(
            since_us, until_us, 1, **({"starting_after": paged[-1]["run"]} if paged else {})
        ):
            paged += page
        assert paged == listed[0]
        each = [await runs.run(run) for run in ("a", "b")]
        return [*groups, await spend.overview(since_us, until_us), *series, *listed, *each]

    async def answers_by_calls(self, since_us: int, until_us: int) -> list[Any]:
        """The same while no row counts as summed up."""
        async with self._forgetting():
            return await self.answers(since_us, until_us)

    @contextlib.asynccontextmanager
    async def _forgetting(self) -> AsyncIterator[None]:
        await self.file.transact([Statement(sql) for sql in FORGET])
        try:
            yield
        finally:
            await self.file.transact([Statement(sql) for sql in REMEMBER])

    async def told(self, since_us: int, until_us: int) -> list[tuple[Any, int | None]]:
        """Answers, and since when each is complete."""
        spend, runs = Spend(self.reading), Runs(self.reading)
        lists = [await spend.spend(by, since_us, until_us, 100) for by in GROUPS]
        lists += [await runs.runs(since_us, until_us, 9, by=by) for by in ("run", "scenario")]
        whole = await spend.overview(since_us, until_us)
        return [
            *((list(found), found.complete_since_us) for found in lists),
            (replace(whole, complete_since_us=None), whole.complete_since_us),
        ]

    async def told_by_calls(self, since_us: int, until_us: int) -> list[tuple[Any, int | None]]:
        async with self._forgetting():
            return await self.told(since_us, until_us)


FILL_SOME = tuple(sql.replace(f"upto - {FILL_ROWS}", "upto - 3") for sql in FILL)
FORGET = (
    "UPDATE unsummed SET upto = upto + 1000000",
    f"UPDATE summed SET complete_since_us = complete_since_us + {1 << 60}",
)
REMEMBER = (
    "UPDATE unsummed SET upto = upto - 1000000",
    f"UPDATE summed SET complete_since_us = complete_since_us - {1 << 60}",
)


def _forget_sums(path: Path) -> None:
    """As a file of version 1 was."""
    with sqlite3.connect(path) as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall():
            if name not in ("calls", "marks"):
                db.execute(f"DROP TABLE {name}")
        db.execute("PRAGMA user_version = 1")
    db.close()


Steps = list[tuple[Batch | Again | str, bool]]


async def _live(steps: Steps, span: tuple[int, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder) / "audit.db")
        await life.open()
        try:
            for step, is_summed in steps:
                await life.go_on(step, is_summed)
                await life.check()
            assert await life.answers(*span) == await life.answers_by_calls(*span)
            await _check_cut(life, *span)
        finally:
            await life.close()


async def _check_cut(life: Life, since_us: int, until_us: int) -> None:
    """While nothing may be counted call by call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "COUNTED_MAX", 0)
        told = await life.told(since_us, until_us)
    ((complete_us,),) = await life.reading.fetch("SELECT complete_since_us FROM summed")
    whole = await life.told_by_calls(since_us, until_us)
    later = await life.told_by_calls(max(since_us, complete_us), until_us)
    for (answer, left_out), all_, rest in zip(told, whole, later, strict=True):
        assert left_out in (None, complete_us)
        assert (answer, None) == (all_ if left_out is None else rest)


def _calls(*at_us: int) -> Batch:
    rows = [CallRow(f"call_{at}", START_US + at, "vk_1", run="a") for at in at_us]
    return Batch(rows, [], [], [])


LEFT_BESIDE_ONE_THAT_WAITS: Steps = [
    (_calls(1), False),
    ("from version 1", False),
    (_calls(2, 3), True),
    (Again(1, "run", "b"), False),
]
"""Its group's first moment is call_3's, not that of call_1, which no sum knows."""


@settings(max_examples=150, deadline=None)
@given(STEPS, SPANS)
@example(LEFT_BESIDE_ONE_THAT_WAITS, (START_US, START_US + DAY_US))
def test_the_sums_are_what_the_calls_say(steps: Steps, span: tuple[int, int]) -> None:
    asyncio.run(_live(steps, span))
