"""How long a start takes: builds a ledger of a million entries and ten thousand live keys through
the ledger's own door, ends that process without closing (as a crash would), and times the open in a
fresh one.

    python -m bench.micro.ledger_start [--entries 1000000] [--keys 10000] [--directory DIR]

Three figures: after the crash, with as long a tail to replay as the last checkpoint left; after
that with the worst tail that can be (no checkpoint was ever written, `--worst`); and after a clean
close.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from gateway.clock import SystemClock
from gateway.settings import LedgerSettings
from ledger import BudgetTerms, Ending, HoldState, Ledger, Note, RetryKey

_CALLERS = 64
_RETRIES_EVERY = 10
_MEMO = b'{"method":"POST","path":"/v1/payment_intents","key":"vk_01jdb3x8k3cq9v8t5e7h2n4m6p",' + (
    b'"label":"make-billing-scenario/8f31","quote_micros":12000000}'
)
_BLOB = (
    b'{"vendor":"stripe","account":"default","allowed":["POST /v1/payment_intents"],' + b" " * 300
)


def _settings(directory: Path, *, worst: bool) -> LedgerSettings:
    return LedgerSettings(
        shards=(f"sqlite:{directory}/ledger-0.db", f"sqlite:{directory}/ledger-1.db"),
        synchronous="NORMAL",  # only for building faster: a start reads the same either way
        checkpoint_entries=10**9 if worst else LedgerSettings().checkpoint_entries,
    )


async def build(directory: Path, entries: int, keys: int, *, worst: bool) -> None:
    clock = SystemClock()
    ledger = await Ledger.open(_settings(directory, worst=worst), clock, on_death=_die)
    accounts = []
    for first in range(0, keys, 1_000):
        made = (_make_key(ledger, number) for number in range(first, min(first + 1_000, keys)))
        accounts += await asyncio.gather(*made)
    pairs = (entries - 2 * keys) // 2

    async def caller(start: int) -> None:
        for number in range(start, pairs, _CALLERS):
            retry = None
            if number % _RETRIES_EVERY == 0:
                retry = RetryKey(number.to_bytes(16, "big"), bytes(16))
            account_id = accounts[number % keys]
            hold = await ledger.hold(
                account_id, 12_000_000, memo=_MEMO, call_id=f"call_{number:026}", retry=retry
            )
            ending = Ending(hold.hold_id, HoldState.SETTLED, 12_000_000, memo=_MEMO)
            ledger.book((ending,), now_us=clock.now_us())

    await asyncio.gather(*(caller(start) for start in range(_CALLERS)))
    os._exit(0)  # as a crash leaves it


async def _make_key(ledger: Ledger, number: int) -> int:
    terms = BudgetTerms(zone="Europe/Berlin", daily_micros=10**15, daily_units=10**9)
    return await ledger.open_account(terms, notes=[Note("key", f"vk_{number:026}", _BLOB)])


async def open_and_close(directory: Path) -> None:
    settings = _settings(directory, worst=False)
    began_s = time.perf_counter()
    ledger = await Ledger.open(settings, SystemClock(), on_death=_die)
    took_s = time.perf_counter() - began_s
    keys = sum(1 for _ in ledger.notes("key"))
    metrics = ledger.metrics()
    accounts, cpu_s = metrics["accounts"], os.times()[0]
    print(f"{took_s:.2f} s ({accounts:.0f} accounts, {keys} keys, {cpu_s:.2f} s CPU)")
    await ledger.close()


def _die(why: str) -> None:
    raise SystemExit(why)


def _in_a_fresh_process(*arguments: str) -> str:
    command = [sys.executable, "-m", "bench.micro.ledger_start", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def measure(directory: Path, entries: int, keys: int, *, worst: bool) -> None:
    size = ["--directory", str(directory), "--entries", str(entries), "--keys", str(keys)]
    _in_a_fresh_process("--step", "build", *size, *(["--worst"] if worst else []))
    size_mb = sum(path.stat().st_size for path in directory.iterdir()) // 1_000_000
    name = "no checkpoint at all" if worst else "checkpoints as by default"
    print(f"{entries} entries, {size_mb} MB, {name}:")
    print("  after a crash:      ", _in_a_fresh_process("--step", "open", *size))
    print("  after a clean close:", _in_a_fresh_process("--step", "open", *size))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--worst", action="store_true")
    parser.add_argument("--step", choices=("build", "open"))
    given = parser.parse_args()
    if given.step == "build":
        uvloop.run(build(given.directory, given.entries, given.keys, worst=given.worst))
    elif given.step == "open":
        uvloop.run(open_and_close(given.directory))
    else:
        with tempfile.TemporaryDirectory(dir=given.directory) as made:
            measure(Path(made), given.entries, given.keys, worst=given.worst)


if __name__ == "__main__":
    main()
