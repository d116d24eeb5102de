"""SIGKILL under load, as often as you like:

    python -m tests.crash.cycles [--cycles 1000] [--seed 1] [--linger 0.01] [--directory DIR]
                                 [--json]

Each cycle loads a real gateway on a real ledger, kills it, looks at what is on disk, starts it on
the same directory and holds its books against what the vendor charged and what the callers were
told: `life.py` has the whole list. Eight cycles share a directory, a life; then it begins
anew. The first promise that is broken ends it with exit code 1, and the directory is kept.
With `--linger 60` every ending that no later hold takes along is lost to the kill.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Final

from bench.sandbox.launch import Sandbox
from ledger.journal import LINGER_S
from tests.crash.life import Life, NightFell, Told
from tests.house import STRIPE_SECRET

LIFE: Final = 8
"""Cycles in one directory."""


def run(cycles: int, seed: int, parent: Path, told: Told, linger_s: float) -> None:
    """Raises AssertionError, and leaves the directory behind."""
    with Sandbox.start("stripe", "--secret", STRIPE_SECRET) as vendor:
        for number in count():
            left = cycles - told.counts["cycles"]
            if left <= 0:
                return
            directory = parent / f"life-{number}"
            directory.mkdir(mode=0o700)
            dice = random.Random(f"{seed}/{number}")
            life = Life(directory, vendor, dice, told, linger_s=linger_s)
            try:
                life.run(min(LIFE, left))
            except NightFell:
                told.counts["lives cut short at midnight"] += 1
            shutil.rmtree(directory)
            print(f"{told.counts['cycles']} cycles hold", file=sys.stderr, flush=True)


def report(told: Told, seed: int, took_s: float) -> str:
    lines = [f"seed {seed}, {took_s:.0f} s"]
    lines += [f"{times:>9}  {name}" for name, times in told.counts.items()]
    for title, counter in (("kills", told.kills), ("answers", told.statuses)):
        lines += ["", f"{title}: {sum(counter.values())}"]
        lines += [f"{times:>9}  {name}" for name, times in counter.most_common()]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--linger", type=float, default=LINGER_S, help="seconds that the last endings stay away"
    )
    parser.add_argument("--directory", type=Path, help="where the ledgers lie meanwhile")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    parent = Path(tempfile.mkdtemp(dir=given.directory, prefix="keybrake-cycles-"))
    told, began_s = Told(), time.monotonic()
    try:
        run(given.cycles, given.seed, parent, told, given.linger)
    except BaseException:
        done = told.counts["cycles"]
        print(f"seed {given.seed}: broken in cycle {done + 1}; see {parent}", file=sys.stderr)
        raise
    shutil.rmtree(parent)
    if given.json:
        facts = {"counts": told.counts, "kills": told.kills, "answers": told.statuses}
        print(json.dumps(facts))
    else:
        print(report(told, given.seed, time.monotonic() - began_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())
