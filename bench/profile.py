"""A flame graph of a gateway under 32 callers of durable charges.

    python -m bench.profile [--seconds 10] [--callers 32] [--out var/profile.svg]

py-spy looks at the process 200 times a second from outside, with the frames of C libraries where it
can see them (uvloop, SQLite, orjson), else with Python's alone. It runs in the environment of
tools/tools.txt. Looking at another process's memory needs root, or kernel.yama.ptrace_scope=0.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from bench import cast, gear
from bench.__main__ import find_wrk, tell
from bench.scenarios import line, play
from bench.stage import Contender, Stage, stage

OUT: Final = gear.ROOT / "var" / "profile.svg"
LOOKS_A_SECOND: Final = 200
AROUND_S: Final = 3.0
"""The load runs for longer than the looking: it begins before and ends after."""


def record(spy: Path, pid: int, seconds: int, out: Path) -> bool:
    """Write the graph; with native frames, else without. False: it could not be, and py-spy said
    why."""
    words = [str(spy), "record", "--pid", str(pid), "--output", str(out), "--threads"]
    words += ["--duration", str(seconds), "--rate", str(LOOKS_A_SECOND)]
    for more in (["--native"], []):
        ended = subprocess.run([*words, *more], stdout=subprocess.DEVNULL, check=False)
        if ended.returncode == 0:
            tell("with native frames" if more else "with Python's frames alone")
            return True
    return False


def profile(made: Stage, ours: Contender, callers: int, seconds: int, out: Path) -> bool:
    """Load and looks at once."""
    spy = gear.environment(gear.BENCH / "tools" / "tools.txt", tell) / "py-spy"
    assert ours.process is not None
    pid, good = ours.process.pid, []
    looker = threading.Thread(target=lambda: good.append(record(spy, pid, seconds, out)))
    play(made, ours, callers, 1.0)
    looker.start()
    while looker.is_alive():
        tell(line(play(made, ours, callers, seconds + AROUND_S)))
    return good == [True]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with stage() as made:
            made.wrk = find_wrk()
            cast.enter(made, ["keybrake"], tell)
            good = profile(made, made.contenders[0], given.callers, given.seconds, given.out)
    except (RuntimeError, gear.Unavailable) as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    if good:
        print(given.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
