"""A process that holds and settles is killed at a random moment; its books are opened again."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.clock import HandClock
from ledger import (
    BudgetTerms,
    CapExceeded,
    Ending,
    HoldState,
    Ledger,
    Note,
    checkpoints,
    sweep,
    verify,
)
from tests.ledgers import NOON_US, open_in, settings_in

CALLERS = 8
CAP = 1_000_000
KILLS = 6

pytestmark = pytest.mark.crash


async def spend(directory: Path, *, in_parts: bool) -> None:
    """In the child: hold, say so once it is durable, settle; now and then write the books."""
    if in_parts:
        checkpoints.WHOLE_MAX, sweep.BYTES_MAX = 0, 1  # type: ignore[misc]
    settings = settings_in(directory, 2, synchronous="FULL", checkpoint_entries=60)
    ledger = await Ledger.open(settings, HandClock(NOON_US), on_death=sys.exit)
    asyncio.get_running_loop().call_later(0, _tick_often, ledger)
    accounts = list(ledger.notes("account"))
    account = int(accounts[0].name) if accounts else await _first_account(ledger)

    async def caller() -> None:
        while True:
            try:
                hold = await ledger.hold(account, 10)
            except CapExceeded:
                return
            sys.stdout.write(f"{hold.hold_id}\n")
            sys.stdout.flush()
            await asyncio.sleep(0)
            ledger.book([Ending(hold.hold_id, HoldState.SETTLED, 7)], now_us=NOON_US)

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())


def _tick_often(ledger: Ledger) -> None:
    """So that books are written and rows move all the time."""
    for shard in ledger._by_number.values():
        shard.tick(asyncio.get_running_loop().time())
    asyncio.get_running_loop().call_later(0.005, _tick_often, ledger)


async def _first_account(ledger: Ledger) -> int:
    account = await ledger.open_account(BudgetTerms(daily_micros=CAP))
    await ledger.note([Note("account", str(account), b"")], account_id=account)
    return account


def run_and_kill(directory: Path, lines: int, how: str) -> list[int]:
    """What the child said was durable before it was killed."""
    command = [sys.executable, "-m", "tests.crash.test_ledger_sigkill", str(directory), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [int(child.stdout.readline()) for _ in range(lines)]
        child.kill()
        rest = child.stdout.read().split("\n")
    return said + [int(line) for line in rest[:-1]]


@pytest.mark.parametrize("how", ["whole", "in parts"])
async def test_what_was_durable_before_a_kill_counts_after_it(tmp_path: Path, how: str) -> None:
    """The books are written in one row, or a piece at a time while calls go on."""
    chance = random.Random(7)
    promised: set[int] = set()
    for _ in range(KILLS):
        lines = chance.randint(1, 400)
        promised |= set(await asyncio.to_thread(run_and_kill, tmp_path, lines, how))
        assert verify(settings_in(tmp_path, 2)).ok
        ledger = await open_in(tmp_path, shards=2)
        [account] = [int(note.name) for note in ledger.notes("account")]
        standing = ledger.standing(account, NOON_US)
        doubts = list(ledger.open_holds(HoldState.IN_DOUBT))
        settled = standing.settled_micros // 7
        assert standing.held_micros == 0
        assert len(promised) <= settled + len(doubts)
        assert standing.spent_micros <= CAP
        lost_to_the_kill = settled + len(doubts) - len(promised)
        assert lost_to_the_kill <= KILLS * CALLERS
        await ledger.close()


if __name__ == "__main__":
    asyncio.run(spend(Path(sys.argv[1]), in_parts=sys.argv[2] == "in parts"))
