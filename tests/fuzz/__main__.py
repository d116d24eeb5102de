"""Drives the targets with atheris, which finds inputs by what they reach: `make fuzz`.

    python -m tests.fuzz [NAME …] [--seconds 60] [--keep]

Each target runs in a process of its own, one after the other, from its seeds, from the inputs that
are kept (see `corpus.py`) and from what earlier runs left in `build/fuzz/NAME`. What fails is left
there as `crash-…`, and the exit code is 1. --keep writes the smallest set of inputs that reaches as
much back to `found/`, from which a plain test runs them all.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from tests.fuzz import corpus

_BUILD: Final = Path("build/fuzz")
_ONE_INPUT_S_MAX: Final = 20
_MEMORY_MB_MAX: Final = 1_024
_INSIDE: Final = "inside"
_INSTRUMENTED: Final = ("gateway", "ledger", "vendors")
_OURS: Final = tuple(f"{Path.cwd()}/{wing}/" for wing in _INSTRUMENTED)
_LOOKED_AT_MAX: Final = 1_000

Way = tuple[CodeType, int, int]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*", metavar="NAME", help="targets; all if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", action="store_true", help="write back what reaches most")
    asked = parser.parse_args()
    from tests.fuzz.targets import TARGETS

    unknown = [name for name in asked.names if name not in TARGETS]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    failed = [name for name in asked.names or TARGETS if not _run(name, asked.seconds, asked.keep)]
    if failed:
        print(f"failed: {', '.join(failed)}; see {_BUILD}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, seconds: int, keep: bool) -> bool:
    """One target; prints how many inputs were tried in how many seconds."""
    from tests.fuzz.targets import TARGETS

    target, folder = TARGETS[name], _BUILD / name
    found = folder / "inputs"
    found.mkdir(parents=True, exist_ok=True)
    for data in (*corpus.kept(name, corpus.SEEDS), *corpus.kept(name, corpus.FOUND)):
        (found / hashlib.sha1(data).hexdigest()).write_bytes(data)
    words = corpus.kept(name, corpus.WORDS)
    (folder / "words").write_text("".join(f'"{_in_dictionary(word)}"\n' for word in words))
    begun_s = time.monotonic()
    told = _inside(
        name,
        str(found),
        *([f"-dict={folder / 'words'}"] if words else []),  # it takes no empty one
        f"-max_len={target.bytes_max}",
        f"-max_total_time={seconds}",
        f"-artifact_prefix={folder}/",
        f"-timeout={_ONE_INPUT_S_MAX}",
        f"-rss_limit_mb={_MEMORY_MB_MAX}",
        "-print_final_stats=1",
    )
    runs = re.search(rb"stat::number_of_executed_units: +([0-9]+)", told.stderr)
    tried = int(runs[1]) if runs else 0
    (folder / "log").write_bytes(told.stdout + told.stderr)
    shown = "well" if told.returncode == 0 else "FAILED"
    print(f"{name:14} {tried:9} inputs {time.monotonic() - begun_s:6.0f} s  {shown}", flush=True)
    if keep and told.returncode == 0:
        _keep(name, folder)
    return told.returncode == 0


def _keep(name: str, folder: Path) -> None:
    """Shortest first: each that goes a way through our code which none before it went."""
    from tests.fuzz.targets import TARGETS

    found = [path.read_bytes() for path in (folder / "inputs").iterdir()]
    known: set[Way] = set()
    least: list[bytes] = []
    for data in sorted(found, key=len)[:_LOOKED_AT_MAX]:
        ways = _ways(TARGETS[name].run, data)
        if not ways <= known:
            known |= ways
            least.append(data)
    print(f"{name:14} {corpus.keep(name, least):9} kept", flush=True)


def _ways(run: Callable[[bytes], None], data: bytes) -> set[Way]:
    """From which line to which, in our code."""
    ways: set[Way] = set()

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        code, before = frame.f_code, 0
        if not code.co_filename.startswith(_OURS):
            return None

        def line(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal before
            ways.add((code, before, frame.f_lineno))
            before = frame.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        run(data)
    finally:
        sys.settrace(None)
    return ways


def _inside(name: str, *flags: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tests.fuzz", _INSIDE, name, *flags]
    return subprocess.run(command, capture_output=True, check=False)


def _fuzz(name: str, flags: list[str]) -> None:
    """In a process of its own: libFuzzer ends it."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(_INSTRUMENTED)):
        targets = importlib.import_module("tests.fuzz.targets")
    atheris.Setup([sys.argv[0], *flags], targets.TARGETS[name].run)
    atheris.Fuzz()


def _in_dictionary(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    if sys.argv[1:2] == [_INSIDE]:
        _fuzz(sys.argv[2], sys.argv[3:])
    sys.exit(main())
