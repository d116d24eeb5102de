"""How fast the audit log answers: builds a file of five million calls, sums it up as a start after
an upgrade would, and times every door behind a page, and every set of filters that a page offers.

    python -m bench.micro.history [--rows 5000000] [--directory DIR] [--keep FILE]

90 days of three vendors, 300 keys, 40 scenarios and a run for every 25 calls; 3 % refused, some
standing, pending and in doubt. `--keep` leaves the file there, or uses the one that is there. The
first of ten times is told apart: the file is in the system's cache by then, but not in SQLite's.
Last, what a call costs the writing thread, with the sums and without them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import uvloop

from ledger.history import CallRow, Filters, History
from ledger.history.file import File, Statement
from ledger.history.rebuild import Change
from ledger.history.schema import FILTERS, creation
from ledger.history.tallies import UNSUMMED
from ledger.history.writer import Batch

DAY_US: Final = 86_400_000_000
END_US: Final = 20_780 * DAY_US
SINCE_US: Final = END_US - 90 * DAY_US
ROUNDS: Final = 10
_PART: Final = 100_000
_WRITTEN: Final = 33_000
_BATCH: Final = 75
"""Rows of a quarter of a second at 300 calls a second."""

UNTOLD: Final = Statement(f"UPDATE summed SET upto = {1 << 60}")
"""No row is summed up from here on."""

_CALLS: Final = """
INSERT INTO calls (n, "id", at_us, key_id, label, run, scenario, step, reason, vendor, account,
  method, path, operation, decision, code, status, quote_micros, held_micros, cost_micros,
  own_cost_micros, "state", "day", vendor_request_id, object_id, livemode, duration_ms, hold_id,
  "count")
WITH RECURSIVE numbers (n) AS (
  SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :end),
hashed AS (SELECT n, n * 2654435761 % 4294967296 AS h, n / 1000 * 40 + n % 40 AS r FROM numbers),
cast_ AS (
  SELECT *, h % 10 AS v, h / 64 % 1000 AS luck, h / 1024 % 8 AS o, r % 40 AS s,
    :since + CAST(n * :step AS INTEGER) AS at FROM hashed),
told AS (
  SELECT *, CASE WHEN v < 6 THEN 'stripe' WHEN v < 9 THEN 'twilio' ELSE 'resend' END AS vendor,
    luck < 30 AS refused, luck >= 30 AND o < 5 AS paid FROM cast_)
SELECT n, printf('call_%026d', n), at, printf('vk_%s_%020d', vendor, (r * 31 + h % 3) % 100),
  printf('scenario-%02d', s), printf('scenario-%02d/%08x', s, r * 2654435761 % 4294967296),
  printf('scenario-%02d', s), 'step-' || o,
  CASE h % 4 WHEN 0 THEN 'The customer asked for it, and the day''s balance allows it.' END,
  vendor, CASE WHEN vendor = 'stripe' AND r % 2 THEN 'acme' ELSE 'default' END,
  'POST', '/v1/things/' || o, 'PostThings' || o,
  CASE WHEN refused THEN 'refused' ELSE 'allowed' END,
  CASE WHEN luck < 15 THEN 'daily_cap_exceeded' WHEN luck < 25 THEN 'endpoint_not_allowed'
    WHEN refused THEN 'rate_limited' WHEN luck = 40 THEN 'vendor_timeout' END,
  CASE WHEN refused THEN 429 WHEN luck = 40 THEN 504 WHEN luck < 80 THEN 402 ELSE 200 END,
  h % 100000, iif(paid, h % 100000, 0), iif(paid, h % 90000, 0), 0,
  CASE WHEN NOT paid THEN NULL WHEN luck = 40 THEN 'in_doubt' WHEN luck < 45 THEN 'standing'
    WHEN luck < 55 AND vendor = 'twilio' THEN 'pending' ELSE 'settled' END,
  iif(paid, (at - 18000000000) / 86400000000, NULL), printf('req_%016x', h * 977),
  iif(paid, printf('pi_%024x', h * n), NULL), 1, 20 + h % 300 + iif(luck > 985, 3000, 0),
  iif(paid, n, NULL), 1
FROM told
"""


# Building


async def build(path: Path, rows: int) -> None:
    """The calls, then their indexes; none is summed up, as in a file of an earlier version."""
    file = await File.writing(path)
    names = [
        row[0]
        for row in await file.fetch(
            "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%' AND tbl_name = 'calls'"
        )
    ]
    await file.fetch("PRAGMA cache_size = -262144")
    await file.transact([*(Statement(f"DROP INDEX {name}") for name in names), UNTOLD])
    asked = {"since": SINCE_US, "step": (END_US - SINCE_US) / rows}
    for first in range(1, rows + 1, _PART):
        span = {"first": first, "end": min(rows + 1, first + _PART)}
        await file.fetch(_CALLS, asked | span)
    for statement in creation():
        await file.fetch(statement)
    await file.transact([Statement(f"DELETE FROM {name}") for name in ("unsummed", "summed")])
    await file.close()


async def fill(path: Path) -> None:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    history = await History.open(path)
    opened_s = time.perf_counter() - began_s
    reading = await File.reading(path)
    while await reading.fetch(UNSUMMED) != [(0,)]:  # noqa: ASYNC110  # it has no event to wait for
        await asyncio.sleep(0.5)
    await reading.close()
    await history.close()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    print(f"opened in {opened_s * 1e3:.0f} ms, summed up in {took_s:.0f} s ({cpu_s:.0f} s CPU)\n")


# Reading


async def timed(name: str, ask: Callable[..., Awaitable[Any]], *wishes: Any, **named: Any) -> Any:
    found, times_ms = None, []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        found = await ask(*wishes, **named)
        times_ms.append((time.perf_counter() - began_s) * 1e3)
    p50_ms = sorted(times_ms)[ROUNDS // 2]
    print(f"| {name} | {times_ms[0]:.1f} | {p50_ms:.1f} | {max(times_ms):.1f} |")
    return found


async def read(path: Path) -> None:
    history = await History.open(path)
    print("| door | first ms | p50 | max |\n| --- | ---: | ---: | ---: |")
    month, end = END_US - 30 * DAY_US + 12_345_678_901, END_US - 7_777
    for by in ("vendor", "account", "key", "operation", "scenario", "day"):
        await timed(f"spend by {by}, 90 days", history.spend, by, SINCE_US, end, 21)
    await timed("spend by key, 30 days", history.spend, "key", month, end, 21)
    await timed("overview, 30 days", history.overview, month, end)
    for each in (None, "vendor", "scenario", "key"):
        name = f"series by {each}"
        await timed(f"{name}, 90 days", history.series, each, SINCE_US, END_US, "day")
        two_days = END_US - 2 * DAY_US
        await timed(f"{name}, 48 hours", history.series, each, two_days, END_US, "hour")
    runs = await timed("runs, 30 days", history.runs, month, end, 21)
    after = runs[-1]["run"]
    await timed("runs, next page", history.runs, month, end, 21, starting_after=after)
    await timed("runs until a noon", history.runs, month, end - 9 * DAY_US // 2, 21)
    await timed("scenarios, 30 days", history.runs, month, end, 21, by="scenario")
    await timed("one run", history.run, after)
    await timed("vendor health", history.vendor_health, END_US - DAY_US // 24)
    await search(history, after)
    await export(history)
    await history.close()


async def search(history: History, run: str) -> None:
    (record,) = await history.calls(Filters(state="settled"), 1)
    few = {"decision": "refused", "code": "rate_limited", "state": "in_doubt"}
    first = {name: record[name] for name in FILTERS if record[name] is not None} | few
    first["run"] = run
    alone = [{}, *({name: value} for name, value in first.items())]
    pairs = [
        {one: first[one], two: first[two]}
        for number, one in enumerate(first)
        for two in list(first)[number + 1 :]
    ]
    nowhere = [
        {"key_id": "vk_nobody", "vendor": "stripe"},
        {"code": "none", "state": "settled"},
        {"operation": "PostThings6", "state": "settled"},
    ]
    for wanted in (*alone, *pairs, *nowhere):
        name = f"search {' + '.join(wanted) or 'all'}"
        await timed(name, history.search, Filters(**wanted), 50)


async def export(history: History) -> None:
    began_s, count = time.perf_counter(), 0
    async for _ in history.export(Filters()):
        count += 1
        if count == 20_000:
            break
    print(f"\nexport: {count / (time.perf_counter() - began_s):.0f} calls/s")


# Writing


async def write(path: Path, *, sums: bool) -> None:
    """Rows of calls that have just ended, with what was booked for them in the same moment."""
    file = await File.writing(path)
    if not sums:
        await file.transact([UNTOLD])
    chance = random.Random(1)
    rows = [_row(number, chance) for number in range(_WRITTEN)]
    began_s, cpu_s = time.perf_counter(), time.process_time()
    for first in range(0, _WRITTEN, _BATCH):
        part = rows[first : first + _BATCH]
        changes: list[Change] = [
            ("settled", row.cost_micros, row.hold_id or 0, None) for row in part
        ]
        await file.transact(Batch(part, [], changes, []).statements())
    took_us, cpu_us = (
        (now - then) * 1e6 / _WRITTEN
        for now, then in ((time.perf_counter(), began_s), (time.process_time(), cpu_s))
    )
    name = "with" if sums else "without"
    print(f"a call's row {name} sums: {cpu_us:.0f} us CPU, {took_us:.0f} us in all")
    await file.fetch("PRAGMA wal_checkpoint(TRUNCATE)")
    await file.close()


def _settled(row: CallRow) -> Change:
    return "settled", row.cost_micros, row.hold_id or 0, None


def _row(number: int, chance: random.Random) -> CallRow:
    vendor, turn = chance.choice(("stripe", "twilio", "resend")), chance.randrange(40)
    run = f"scenario-{turn:02}/{(number // 1000 * 40 + turn) * 2654435761 % 2**32:08x}"
    return CallRow(
        f"call_{os.getpid()}_{time.time_ns()}_{number}",
        END_US + number * 3_000,
        f"vk_{vendor}_{chance.randrange(100):020}",
        run=run,
        scenario=f"scenario-{turn:02}",
        vendor=vendor,
        account="default",
        method="POST",
        path="/v1/things",
        operation=f"PostThings{number % 8}",
        status=200,
        cost_micros=number,
        state="settled",
        day=END_US // DAY_US,
        object_id=f"pi_{chance.getrandbits(96):024x}",
        hold_id=time.time_ns() + number,
    )


def measure(path: Path, rows: int) -> None:
    if not path.exists():
        began_s = time.perf_counter()
        uvloop.run(build(path, rows))
        took_s, size_mb = time.perf_counter() - began_s, path.stat().st_size // 1_000_000
        print(f"{rows} calls, {size_mb} MB, built in {took_s:.0f} s")
        uvloop.run(fill(path))
    uvloop.run(read(path))
    with tempfile.TemporaryDirectory(dir=path.parent) as made:
        copy = Path(made) / "written.db"
        for sums in (False, True):
            shutil.copy(path, copy)
            uvloop.run(write(copy, sums=sums))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--directory", type=Path, default=None, help="where to build")
    parser.add_argument("--keep", type=Path, default=None, help="the file, kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as made:
        path = given.keep or Path(made) / "audit.db"
        measure(path, given.rows)


if __name__ == "__main__":
    main()
