"""What a backup costs those who hold money meanwhile: how long a hold waits for the disk, and how
late the event loop is, without a backup and during one.

    python -m bench.micro.backup [--holds 60000]

Builds a ledger of that many settled holds in a folder here (on the disk that is to be judged), then
lets ten callers hold and settle, six seconds without and once with a backup beside them, twice.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from gateway.admin.backup import verified
from gateway.clock import SystemClock
from gateway.settings import LedgerSettings
from ledger import BudgetTerms, Ending, HoldState, Ledger, Order

CALLERS = 10
PAUSE_S = 0.03
ALONE_S = 6.0
MEMO = b"m" * 300


@dataclass
class Crowd:
    """Callers, and what they and the loop's heartbeat measured, in seconds."""

    ledger: Ledger
    accounts: list[int]
    waits: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    async def call(self, number: int) -> None:
        for turn in count():
            begun_s = time.perf_counter()
            await self.settled(number * 7 + turn)
            self.waits.append(time.perf_counter() - begun_s)
            await asyncio.sleep(PAUSE_S)

    async def settled(self, number: int) -> None:
        account = self.accounts[number % len(self.accounts)]
        hold = await self.ledger.hold(account, 1_000, memo=MEMO)
        ending = Ending(hold.hold_id, HoldState.SETTLED, 900)
        self.ledger.book([ending], now_us=time.time_ns() // 1_000)

    async def beat(self) -> None:
        while True:
            begun_s = time.perf_counter()
            await asyncio.sleep(0.001)
            self.lags.append(time.perf_counter() - begun_s - 0.001)

    def told(self, what: str) -> None:
        print(f"{what:<8} {len(self.waits):6} holds  {_ms(self.waits)}   loop {_ms(self.lags)}")
        self.waits.clear()
        self.lags.clear()


def _ms(seconds: list[float]) -> str:
    found = sorted(seconds)
    shown = (found[int(len(found) * part)] * 1_000 for part in (0.5, 0.99))
    middle, high = shown
    return f"p50 {middle:6.2f}  p99 {high:6.2f}  max {found[-1] * 1_000:7.2f} ms"


async def measure(folder: Path, holds: int) -> None:
    shards = tuple(f"sqlite:{folder}/books/ledger-{number}.db" for number in range(2))
    ledger = await Ledger.open(LedgerSettings(shards=shards), SystemClock(), on_death=print)
    terms = BudgetTerms(daily_micros=10**15)
    crowd = Crowd(ledger, [await ledger.open_account(terms) for _ in range(300)])
    for first in range(0, holds, 500):
        await asyncio.gather(*(crowd.settled(first + number) for number in range(500)))
    tasks = [asyncio.ensure_future(crowd.call(number)) for number in range(CALLERS)]
    tasks.append(asyncio.ensure_future(crowd.beat()))
    for _ in range(2):
        await asyncio.sleep(ALONE_S)
        crowd.told("alone")
        begun_s = time.perf_counter()
        copied = await ledger.back_up(Order(folder / "backups"), verified)
        took_s = time.perf_counter() - begun_s
        crowd.told("backup")
        print(f"         {copied.bytes / 1e6:.1f} MB copied and verified in {took_s:.1f} s")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await ledger.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--holds", type=int, default=60_000)
    args = parser.parse_args()
    with TemporaryDirectory(dir=".") as folder:
        uvloop.run(measure(Path(folder), args.holds))


if __name__ == "__main__":
    main()
