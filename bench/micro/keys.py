"""What a key costs while it lives: memory, time at start, time of a call's booking, and how long
the event loop is held while the books are written whole.

    python -m bench.micro.keys [--keys 1000000] [--counts 1,10000,1000000] [--directory DIR]

For each count of keys a ledger of one shard is built through the registry's own door and closed;
then fresh processes tell, one thing each: the memory and the start after a clean close; a hold and
its settlement, over keys at random; a checkpoint beside holds that come at a steady pace. The last
one ends like a crash, and the start after it is timed too. Callbacks are timed in CPU of the loop's
thread, by asyncio's own loop; waits are compared with a data sync on the same disk. Of a hold and
its settlement the quickest of several rounds counts, in CPU: what else runs on a machine makes none
of them quicker. Starts are told in CPU too; a wait has no such figure and needs a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import subprocess
import sys
import tempfile
import time
from asyncio import events
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.ids import make_id
from gateway.settings import LedgerSettings
from gateway.vault.allowlist import Allowlist
from gateway.vault.registry import Registry
from gateway.vault.terms import Terms
from ledger import Ending, HoldState, Ledger

_AT_ONCE = 2_000
_PAIRS = 10_000
_ROUNDS = 15
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_ENDPOINTS = (
    "POST /v1/payment_intents",
    "POST /v1/payment_intents/*/confirm",
    "GET /v1/customers/*",
)
_EVERY_S = 0.005
_SYNCS = 2_000
_AFTER_S = 1.0


def _settings(directory: Path, synchronous: str) -> LedgerSettings:
    return LedgerSettings(shards=(f"sqlite:{directory}/ledger-0.db",), synchronous=synchronous)


def _die(why: str) -> None:
    raise SystemExit(why)


def _terms(number: int, now_us: int) -> Terms:
    return Terms(
        key_id=make_id("vk_", now_us),
        vendor="stripe",
        account="default",
        allowed=Allowlist.parse(_ENDPOINTS),
        daily_cap_micros=500_000_000,
        created_at_us=now_us,
        expires_at_us=now_us + 86_400_000_000,
        label=f"make-billing-scenario/{number:x}",
    )


async def build(directory: Path, keys: int) -> None:
    clock = SystemClock()
    ledger = await Ledger.open(_settings(directory, "NORMAL"), clock, on_death=_die)
    registry = Registry.load(ledger, clock)
    gc.disable()
    for first in range(0, keys, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, keys))
        await asyncio.gather(*(registry.issue(_terms(n, clock.now_us())) for n in numbers))
    before_s = time.perf_counter()
    await ledger.close()
    print(f"{time.perf_counter() - before_s:.2f}")


async def start(directory: Path) -> None:
    """Seconds of ledger and registry, those of CPU in both, and the memory of both."""
    gc.collect()
    before = _resident_bytes()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    clock = SystemClock()
    ledger = await Ledger.open(_settings(directory, "NORMAL"), clock, on_death=_die)
    opened_s = time.perf_counter()
    registry = Registry.load(ledger, clock)
    loaded_s, cpu_s = time.perf_counter(), time.process_time() - began_cpu_s
    gc.collect()
    size = _resident_bytes() - before
    print(f"{opened_s - began_s:.3f} {loaded_s - opened_s:.3f} {cpu_s:.3f} {size}")
    assert registry is not None
    os._exit(0 if sys.stdout.flush() is None else 1)


async def pairs(directory: Path) -> None:
    """Microseconds of the loop's thread for a hold and its settlement, keys at random."""
    clock = SystemClock()
    ledger = await Ledger.open(_settings(directory, "NORMAL"), clock, on_death=_die)
    accounts = _accounts(ledger)
    gc.collect()
    gc.freeze()
    chance = random.Random(1)

    async def caller(count: int) -> None:
        for _ in range(count):
            hold = await ledger.hold(chance.choice(accounts), 1, memo=b"{}", call_id="call_1")
            ledger.book((Ending(hold.hold_id, HoldState.SETTLED, 1),), now_us=clock.now_us())

    await asyncio.gather(*(caller(20) for _ in range(64)))
    rounds = []
    for _ in range(_ROUNDS):
        began_s = time.thread_time()
        await asyncio.gather(*(caller(_PAIRS // 64) for _ in range(64)))
        rounds.append((time.thread_time() - began_s) / (_PAIRS // 64 * 64) * 1e6)
    print(f"{min(rounds):.1f} us of CPU (median {sorted(rounds)[_ROUNDS // 2]:.1f})", flush=True)
    os._exit(0)


def _accounts(ledger: Ledger) -> list[int]:
    return list(next(iter(ledger._by_number.values())).state.accounts)


async def checkpoint(directory: Path, synchronous: str) -> None:
    """The longest callback; then a hold's waits before and during, and syncs of the same disk."""
    clock = SystemClock()
    ledger = await Ledger.open(_settings(directory, synchronous), clock, on_death=_die)
    [shard] = ledger._by_number.values()
    accounts = _accounts(ledger)
    gc.collect()
    gc.freeze()
    gc.disable()
    longest = _time_callbacks()
    waits_s: list[float] = []
    waiting: set[asyncio.Task[None]] = set()

    async def hold() -> None:
        began_s = time.perf_counter()
        made = await ledger.hold(random.choice(accounts), 1, memo=b"{}", call_id="call_1")
        waits_s.append(time.perf_counter() - began_s)
        ledger.book((Ending(made.hold_id, HoldState.SETTLED, 1),), now_us=clock.now_us())

    async def steadily(until: asyncio.Event) -> list[float]:
        while not until.is_set():
            task = asyncio.create_task(hold())
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            await asyncio.sleep(_EVERY_S)
        await asyncio.gather(*waiting)
        told = sorted(waits_s)
        waits_s.clear()
        return told

    async def whole() -> None:
        began_s = time.perf_counter()
        shard.checkpoint()
        await _written(shard)
        took.append(time.perf_counter() - began_s)
        await asyncio.sleep(_AFTER_S)
        over.set()

    took: list[float] = []
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(3, over.set)
    calm = await steadily(over)
    calm_callback_s, longest[0] = longest[0], 0.0
    over = asyncio.Event()
    task = asyncio.create_task(whole())
    during = await steadily(over)
    await task
    sync = _syncs(directory)
    print(
        f"longest callback {longest[0] * 1e3:.2f} ms (otherwise {calm_callback_s * 1e3:.2f}), "
        f"written in {took[0]:.2f} s; a hold waits "
        f"{_ms(during, 50)} / {_ms(during, 99)} / {_ms(during, 99.9)} ms at p50 / p99 / p99.9 of "
        f"{len(during)} (otherwise {_ms(calm, 50)} / {_ms(calm, 99)} / {_ms(calm, 99.9)}); "
        f"a data sync takes {_ms(sync, 50)} / {_ms(sync, 99)} / {_ms(sync, 99.9)} ms: at p99.9 a "
        f"hold waits for {_at(during, 99.9) / _at(sync, 99.9):.1f} of them "
        f"(otherwise {_at(calm, 99.9) / _at(sync, 99.9):.1f}), or "
        f"{_at(during, 99.9) / _at(sync, 50):.1f} usual ones "
        f"(otherwise {_at(calm, 99.9) / _at(sync, 50):.1f})",
        flush=True,
    )
    os._exit(0)


async def _written(shard: Any) -> None:
    while shard._checkpoints._sweep is not None:  # noqa: ASYNC110 - a bench may poll
        await asyncio.sleep(_EVERY_S)
    await shard.journal.latest().durable()


def _time_callbacks() -> list[float]:
    """The longest callback from here on, in seconds of the loop's thread."""
    longest = [0.0]
    run = events.Handle._run

    def timed(handle: events.Handle) -> None:
        began_s = time.thread_time()
        run(handle)
        took_s = time.thread_time() - began_s
        if took_s > longest[0]:
            longest[0] = took_s

    setattr(events.Handle, "_run", timed)  # noqa: B010
    return longest


def _syncs(directory: Path) -> list[float]:
    took_s = []
    fd = os.open(directory / "sync", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(fd, bytes(4096 * 16))
    for number in range(_SYNCS):
        os.pwrite(fd, bytes(4096), number % 16 * 4096)
        began_s = time.perf_counter()
        os.fdatasync(fd)
        took_s.append(time.perf_counter() - began_s)
    os.close(fd)
    return sorted(took_s)


def _at(ordered_s: list[float], percent: float) -> float:
    return ordered_s[min(len(ordered_s) - 1, int(len(ordered_s) * percent / 100))]


def _ms(ordered_s: list[float], percent: float) -> str:
    return f"{_at(ordered_s, percent) * 1e3:.2f}"


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _in_a_fresh_process(step: str, directory: Path, keys: int, *more: str) -> str:
    command = [sys.executable, "-m", "bench.micro.keys", "--step", step, "--keys", str(keys)]
    command += ["--directory", str(directory), *more]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _start(directory: Path, keys: int, after: str, empty_bytes: int = 0) -> int:
    ledger_s, registry_s, cpu_s, size = _in_a_fresh_process("start", directory, keys).split()
    each = (int(size) - empty_bytes) / keys
    print(
        f"  start after {after}: {float(ledger_s) + float(registry_s):.2f} s (ledger {ledger_s}, "
        f"registry {registry_s}; {cpu_s} s of CPU); memory {int(size) / 1e6:.0f} MB, "
        f"{each:.0f} bytes a key",
        flush=True,
    )
    return int(size)


def measure(directory: Path, keys: int, synchronous: str) -> None:
    directory.mkdir()
    closed_s = _in_a_fresh_process("build", directory, keys)
    size_mb = sum(path.stat().st_size for path in directory.iterdir()) // 1_000_000
    print(f"{keys} keys ({size_mb} MB on disk, closed in {closed_s} s):", flush=True)
    _start(directory, keys, "a clean close")
    print("  hold and settle:", _in_a_fresh_process("pairs", directory, keys), flush=True)
    print(
        "  checkpoint:", _in_a_fresh_process("checkpoint", directory, keys, synchronous), flush=True
    )
    _start(directory, keys, "a crash")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--counts", help="instead of 1, 10000 and --keys")
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--step", choices=("build", "start", "pairs", "checkpoint"))
    parser.add_argument("synchronous", nargs="?", default="FULL")
    given = parser.parse_args()
    if given.step == "build":
        asyncio.run(build(given.directory, given.keys))
    elif given.step == "start":
        asyncio.run(start(given.directory))
    elif given.step == "pairs":
        asyncio.run(pairs(given.directory))
    elif given.step == "checkpoint":
        asyncio.run(checkpoint(given.directory, given.synchronous))
    else:
        counts = given.counts.split(",") if given.counts else ["1", "10000", str(given.keys)]
        with tempfile.TemporaryDirectory(dir=given.directory) as made:
            for keys in map(int, counts):
                measure(Path(made) / str(keys), keys, given.synchronous)


if __name__ == "__main__":
    main()
