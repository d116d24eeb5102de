"""How SQLite goes about each search of the audit log, and how far that is from the largest one.

    python -m bench.micro.plans [--rows 200000] [--keep FILE] [--calls 100000000]

For each filter that the admin side documents, alone and beside the one that most calls pass: which
index is walked, which are looked into, how deep those are in this file, and how deep they would be
with --calls. A plan that reads the table, or sorts, ends with 1. --keep: the file of
`bench.micro.history --keep`, with as many calls as that has.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.micro.history import build
from ledger.history.file import File
from ledger.history.reader import LOOK_ENTRIES, Filters, _Hunt
from ledger.history.schema import FILTERS

MOST_PASS: Final = "vendor"
END_US: Final = 1 << 60


class Index(NamedTuple):
    """Of the file: its entries, its pages, the levels from its root to a leaf."""

    entries: int
    leaves: int
    depth: int

    def depth_with(self, times: float) -> int:
        """With so many times the entries, if the pages are as full."""
        a_leaf = self.entries / max(1, self.leaves)
        fan_out = max(2.0, a_leaf)
        return 1 + math.ceil(math.log(max(1.0, self.leaves * times), fan_out))


async def plan_of(file: File, wanted: dict[str, Any]) -> list[str]:
    """Of the look behind a search in a span of time, a later page."""
    hunt = _Hunt(Filters(**wanted, since_us=0, until_us=END_US))
    entries, params = hunt.entries((END_US, END_US), "DESC", LOOK_ENTRIES)  # type: ignore[arg-type]
    found = await file.fetch(
        f"EXPLAIN QUERY PLAN {hunt.sifted(entries)}", (*params, *hunt.sieve, 51)
    )
    return [row[3] for row in found]


def is_indexed(plan: list[str]) -> bool:
    """Nothing but indexes is read, in their order."""
    touched = [step for step in plan if "calls" in step]
    return all("COVERING INDEX" in step for step in touched) and not any(
        "TEMP B-TREE" in step for step in plan
    )


async def index_of(file: File, name: str) -> Index:
    leaves, depth = 0, 1
    for path, kind in await file.fetch("SELECT path, pagetype FROM dbstat WHERE name = ?", (name,)):
        if kind == "leaf":
            leaves += 1
            depth = max(depth, path.count("/"))
    where = f"calls INDEXED BY {name}"
    column = name.removeprefix("calls_by_")
    [[entries]] = await file.fetch(f'SELECT count(*) FROM {where} WHERE "{column}" IS NOT NULL')
    return Index(entries, leaves, depth)


async def rows(file: File, times: float) -> AsyncIterator[tuple[str, str, bool]]:
    """A line of the table, and whether its plan is as it should be."""
    for name in FILTERS:
        plan = await plan_of(file, {name: "x"})
        both = await plan_of(file, {name: "x", MOST_PASS: "y"}) if name != MOST_PASS else plan
        index = await index_of(file, f"calls_by_{name}")
        a_page = index.entries / max(1, index.leaves)
        yield (
            f"| {name} | {_short(plan)} | {_short(both)} | {a_page:.0f} | {index.depth} | "
            f"{index.depth_with(times)} |",
            name,
            is_indexed(plan) and is_indexed(both),
        )


def _short(plan: list[str]) -> str:
    """Without what all have in common."""
    steps = [
        step.replace(" USING COVERING INDEX", "").replace(" calls ", " ").replace(" c ", " ")
        for step in plan
        if "calls" in step
    ]
    return "; ".join(f"`{step}`" for step in steps)


async def tell(path: Path, calls: int) -> int:
    file = await File.reading(path)
    [[has]] = await file.fetch("SELECT count(*) FROM calls")
    print(f"{has} calls here; deep with {calls} as if pages stayed as full:\n")
    print("| filter | walked | beside a vendor: walked; looked into | a page | deep | then |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    wrong = []
    async for line, name, is_right in rows(file, calls / has):
        print(line)
        if not is_right:
            wrong.append(name)
    await file.close()
    if wrong:
        print(f"not by index alone: {', '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--calls", type=int, default=100_000_000)
    parser.add_argument("--keep", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        path = given.keep or Path(made) / "audit.db"
        if not path.exists():
            asyncio.run(build(path, given.rows))
        return asyncio.run(tell(path, given.calls))


if __name__ == "__main__":
    sys.exit(main())
