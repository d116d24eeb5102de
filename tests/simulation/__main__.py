"""`make simulate SEEDS=0..2000 STEPS=200 MIX=everything`: stories by number, on all cores.

    python -m tests.simulation [--seeds A..B] [--steps N] [--mix NAME,NAME] [--jobs N]

A story that turns out untrue is made short and told in words; the exit code is 1 then. `MIX=all` is
every mix, one after the other.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.shrink import shortest, tale
from tests.simulation.story import MIXES, make_story
from tests.simulation.world import play

CHUNK: Final = 20
"""Stories that a core plays at a time."""
_TOLD_MAX: Final = 3


@dataclass
class Done:
    """What some stories came to. untrue: (seed, rule) of each that was."""

    stories: int = 0
    steps: int = 0
    events: int = 0
    cpu_s: float = 0.0
    untrue: list[tuple[int, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Done) -> None:
        self.stories += other.stories
        self.steps += other.steps
        self.events += other.events
        self.cpu_s += other.cpu_s
        self.untrue += other.untrue
        self.counts += other.counts


def play_some(mix: str, seeds: range, steps: int) -> Done:
    done, began_s = Done(), time.process_time()
    for seed in seeds:
        played = play(make_story(seed, steps, mix))
        done.stories += 1
        done.steps += steps
        done.events += played.events
        done.counts.update(played.counts)
        if played.untrue:
            done.untrue.append((seed, played.untrue))
    done.cpu_s = time.process_time() - began_s
    return done


def _chunks(seeds: range) -> Iterator[range]:
    for at in range(0, len(seeds), CHUNK):
        yield seeds[at : at + CHUNK]


def simulate(mixes: list[str], seeds: range, steps: int, jobs: int) -> dict[str, Done]:
    table = {mix: Done() for mix in mixes}
    with ProcessPoolExecutor(jobs) as pool:
        for mix in mixes:
            asked = [pool.submit(play_some, mix, chunk, steps) for chunk in _chunks(seeds)]
            for each in asked:
                table[mix].add(each.result())
                done = table[mix]
                line = f"\r{mix}: {done.stories} stories, {done.events} events, "
                print(f"{line}{len(done.untrue)} untrue", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
    return table


def print_table(table: dict[str, Done]) -> None:
    head = ("mix", "stories", "steps", "events", "events/s", "calls", "crashes", "untrue")
    lines: list[tuple[str, ...]] = [head]
    for mix, done in table.items():
        pace = round(done.events / done.cpu_s) if done.cpu_s else 0
        counts = (done.counts["call"], done.counts["crash"], len(done.untrue))
        figures = (done.stories, done.steps, done.events, pace, *counts)
        lines.append((mix, *(f"{figure:,}" for figure in figures)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def _seeds(text: str) -> range:
    """Raises ArgumentTypeError."""
    first, dots, end = text.partition("..")
    if not first.isdecimal() or (dots and not end.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is neither A..B nor a number")
    seeds = range(int(first), int(end) if dots else int(first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} has no story in it")
    return seeds


def _mixes(text: str) -> list[str]:
    """Raises ArgumentTypeError."""
    mixes = list(MIXES) if text == "all" else text.split(",")
    if unknown := [mix for mix in mixes if mix not in MIXES]:
        raise argparse.ArgumentTypeError(f"no mix {', '.join(unknown)}; see --help")
    return mixes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument(
        "--seeds", type=_seeds, default="0..200", help="A..B, without B; or one number"
    )
    parser.add_argument("--steps", type=int, default=200, help="of each story")
    parser.add_argument(
        "--mix", type=_mixes, default="all", help=f"all, or of {', '.join(MIXES)}, with commas"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cores")
    asked = parser.parse_args()
    table = simulate(asked.mix, asked.seeds, asked.steps, asked.jobs)
    print_table(table)
    for mix, done in table.items():
        for seed, rule in done.untrue[:_TOLD_MAX]:
            print(f"\n{mix}, seed {seed}: {rule}\n")
            print(tale(shortest(make_story(seed, asked.steps, mix))))
    return 1 if any(done.untrue for done in table.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
