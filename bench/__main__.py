"""`python -m bench`: what a call costs here, next to other proxies, in one run."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import bursts, cast, gear, machine, scenarios, streams, tables
from bench.results import Results
from bench.scenarios import Plan
from bench.stage import Stage, stage

RESULTS: Final = Path(__file__).resolve().parent / "results"
QUICK: Final = Plan(cast.USUAL, bursts=3, stream_bytes=1 << 28)
FULL: Final = Plan(
    tuple(cast.CAST), rounds=5, seconds=5.0, bursts=5, stream_bytes=1 << 30, open_share=0.6
)
EPILOG: Final = """
The usual run takes some 8 minutes, --full some 35. Others:
  python -m bench --only direct aiohttp keybrake --callers 32 --rounds 8    one question
  python -m bench --callers --open-share 0.6                                an open loop alone
  python -m bench --callers --bursts 9                                      bursts
  python -m bench --callers --stream-mib 1024                               streams
"""


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="everything, long enough to believe")
    parser.add_argument(
        "--only", nargs="+", choices=cast.CAST, metavar="NAME", help=", ".join(cast.CAST)
    )
    parser.add_argument("--no-gateway", action="store_true", help="peers only")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each round")
    parser.add_argument(
        "--callers", type=int, nargs="*", help="of closed loops; none: no such loop"
    )
    parser.add_argument("--open", type=float, metavar="RATE", help="an open loop, calls a second")
    parser.add_argument("--open-share", type=float, metavar="SHARE", help="of our own peak")
    parser.add_argument("--bursts", type=int, metavar="TIMES", help="256 callers at once")
    parser.add_argument("--stream-mib", type=int, metavar="SIZE", help="one body, up and down")
    parser.add_argument("--no-wrk", action="store_true", help="our own load even if wrk is there")
    parser.add_argument("--name", default="", help="of the result file")
    return parser.parse_args(argv)


def plan_of(given: argparse.Namespace) -> Plan:
    """A plan from what was asked for. Whoever names loops gets those and no other scenario."""
    plan = FULL if given.full else QUICK
    loops = (given.callers, given.open, given.open_share, given.bursts, given.stream_mib)
    if not given.full and any(each is not None for each in loops):
        plan = replace(plan, bursts=0, stream_bytes=0)
    names = tuple(given.only or plan.names)
    if given.no_gateway:
        names = tuple(name for name in names if name in cast.PEERS)
    return replace(
        plan,
        names=names,
        rounds=plan.rounds if given.rounds is None else given.rounds,
        seconds=plan.seconds if given.seconds is None else given.seconds,
        callers=plan.callers if given.callers is None else tuple(given.callers),
        bursts=plan.bursts if given.bursts is None else given.bursts,
        stream_bytes=plan.stream_bytes if given.stream_mib is None else given.stream_mib << 20,
        open_rate=given.open or 0.0,
        open_share=plan.open_share if given.open_share is None else given.open_share,
    )


def play(made: Stage, plan: Plan, results: Results) -> None:
    """Every scenario of a plan, one after the other."""
    cast.enter(made, plan.names, tell)
    results.rounds, results.data_syncs_s = scenarios.closed_rounds(made, plan, tell)
    results.open_rounds += scenarios.open_rounds(made, plan, tell)
    results.bursts += bursts.play_all(made, plan.bursts, tell)
    results.streams += streams.play_all(made, plan.stream_bytes, 3, tell)
    results.left_out += made.left_out


def main() -> int:
    given = arguments(sys.argv[1:])
    plan = plan_of(given)
    started = time.strftime("%Y%m%d-%H%M%S")
    results = Results({**machine.facts(), "started": started, "arguments": sys.argv[1:]})
    results.facts |= {"rounds": plan.rounds, "seconds": plan.seconds}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the ends of all processes
    try:
        with stage(tls="tls" in plan.names) as made:
            made.wrk = None if given.no_wrk else find_wrk()
            play(made, plan, results)
    except RuntimeError as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    path = RESULTS / f"{given.name or started}.json"
    results.save(path)
    told = [tables.text(table) for table in tables.all_of(results)]
    left = [f"left out: {line}" for line in results.left_out]
    print("", *told, *left, path.relative_to(gear.ROOT), sep="\n\n")
    return 0


def find_wrk() -> str | None:
    try:
        return gear.program("wrk", "wrk", tell)
    except gear.Unavailable as exc:
        tell(f"{exc}: using our own load")
        return None


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
