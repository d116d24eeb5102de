"""Instructions for one call: a figure that hardly depends on the machine or on who else is on it.

A child does a piece N times and another one 2N times; the difference, shared among N, is what one
costs, and starting up drops out. Where the kernel lets us read the processor's counter, `perf stat`
counts. Elsewhere valgrind does, some twenty times slower: its cachegrind without a cache to
simulate counts what callgrind counts, in half the time. Hashes are the same in each child, and
nothing is collected meanwhile, so that two counts of one piece differ by less than a percent.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from bench.micro.child import rounds_of
from bench.micro.piece import Piece

MISSING: Final = (
    "instructions are not counted: the kernel gives no counters (perf), and there is no valgrind. "
    "On Debian: apt-get install valgrind"
)
_CHILD: Final = (sys.executable, "-m", "bench.micro.child")
_PERF: Final = ("perf", "stat", "-x,", "-e", "instructions:u")
_VALGRIND: Final = ("valgrind", "--quiet", "--tool=cachegrind", "--cache-sim=no")
_SUMMARY: Final = re.compile(r"^summary: (\d+)$", re.MULTILINE)
_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0", "MALLOC_PERTURB_": "", "LC_ALL": "C"}

Rounds = dict[tuple[str, int], int]
"""Instructions of a whole process, by piece and calls."""


class CannotCount(Exception):
    """What the one who should have counted said."""


class Counter(Protocol):
    @property
    def name(self) -> str: ...

    def rounds(self, pieces: Sequence[Piece]) -> Rounds:
        """Raises CannotCount."""


@dataclass(frozen=True, slots=True)
class Perf:
    name: str = "perf"

    def rounds(self, pieces: Sequence[Piece]) -> Rounds:
        return {
            (piece.name, calls): self._counted(piece.name, calls)
            for piece in pieces
            for calls in rounds_of(piece)
        }

    def _counted(self, name: str, calls: int) -> int:
        said = _ran([*_PERF, *_CHILD, "--calls", str(calls), name]).stderr
        if (count := read_perf(said)) is None:
            raise CannotCount(said)
        return count


@dataclass(frozen=True, slots=True)
class Valgrind:
    name: str = "valgrind"

    def rounds(self, pieces: Sequence[Piece]) -> Rounds:
        names = [piece.name for piece in pieces]
        with TemporaryDirectory(prefix="keybrake-micro-") as directory:
            out = f"--cachegrind-out-file={directory}/%p"
            lines = _ran([*_VALGRIND, out, *_CHILD, "--each", *names]).stdout.splitlines()
            return {
                (name, int(calls)): read_cachegrind((Path(directory) / pid).read_text())
                for name, calls, pid in map(str.split, lines)
            }


def counter() -> Counter | None:
    """The best there is here; None if there is none: `MISSING` says what to do."""
    if shutil.which("perf") is not None:
        command = [*_PERF, "true"]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
        if tried.returncode == 0 and read_perf(tried.stderr) is not None:
            return Perf()
    return Valgrind() if shutil.which("valgrind") is not None else None


def counted(pieces: Sequence[Piece], by: Counter) -> dict[str, int]:
    """Instructions for one, by piece. Raises CannotCount."""
    return per_call(pieces, by.rounds(pieces))


def per_call(pieces: Iterable[Piece], rounds: Mapping[tuple[str, int], int]) -> dict[str, int]:
    found = {}
    for piece in pieces:
        once, twice = rounds_of(piece)
        difference = rounds[piece.name, twice] - rounds[piece.name, once]
        found[piece.name] = round(difference / ((twice - once) * piece.parts))
    return found


def read_perf(said: str) -> int | None:
    """The count in what `perf stat -x,` says: `1234,,instructions:u,…`; None if it is
    `<not supported>`, or `<not counted>`."""
    for line in said.splitlines():
        value, _, rest = line.partition(",")
        if "instructions" in rest and value.isdecimal():
            return int(value)
    return None


def read_cachegrind(text: str) -> int:
    """The total in a file of cachegrind's. Raises CannotCount."""
    found = _SUMMARY.search(text)
    if found is None:
        raise CannotCount("a file of cachegrind's ends without a summary")
    return int(found[1])


def _ran(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | _ENVIRONMENT
    )
    if done.returncode:
        raise CannotCount(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    return done
