"""`python -m bench`: CPU and latency per call, next to a bare aiohttp proxy, in one table."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench import machine, report, scenarios

RESULTS = Path(__file__).resolve().parent / "results"


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--open", type=float, metavar="RATE", help="open loop, requests a second")
    parser.add_argument("--no-wrk", action="store_true", help="our own load even if wrk is there")
    parser.add_argument("--no-gateway", action="store_true", help="peers only")
    parser.add_argument("--name", default="", help="of the result file")
    return parser.parse_args(argv)


def main() -> int:
    given = arguments(sys.argv[1:])
    plan = scenarios.Plan(
        rounds=given.rounds,
        seconds=given.seconds,
        callers=tuple(given.callers),
        gateway=not given.no_gateway,
        use_wrk=not given.no_wrk,
    )
    if plan.use_wrk and not shutil.which("wrk"):
        print("wrk is not installed (Debian: apt-get install wrk): using our own load", flush=True)
        plan = replace(plan, use_wrk=False)
    started = time.strftime("%Y%m%d-%H%M%S")
    try:
        if given.open:
            rounds = scenarios.open_rounds(plan, given.open, _tell)
        else:
            rounds = scenarios.run(plan, _tell)
    except RuntimeError as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    facts = {**machine.facts(), "started": started, "arguments": sys.argv[1:]}
    path = RESULTS / f"{given.name or started}.json"
    report.save(path, facts, rounds)
    print(f"\n{report.table(report.rows(rounds))}\n\n{path.relative_to(Path.cwd())}")
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
