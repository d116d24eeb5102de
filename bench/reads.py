"""What a busy office before the dashboard costs the calls: a gateway on a big audit log, under a
load of durable charges, in rounds without readers and with them.

    python -m bench.reads --audit FILE [--rounds 8] [--seconds 4] [--callers 32] [--keys 300]
                          [--share 0.6 | --rate CALLS] [--exports 1] [--soak SECONDS]
                          [--var FOLDER] [--save FILE]

A round has three parts in changing order: quiet, quiet again (what two equal parts differ by is
the machine's noise) and readers (`office.py`: three live pages, a person who opens each page, an
export). Each part is a closed loop, which says what CPU a call takes, and an open loop at a share
of what the gateway can carry (the least of three looks), which says what callers wait. Ratios are
taken within a round, to the geometric mean of its two quiet parts: medians, and the range over the
rounds. The gateway has core 0 to itself; load, vendor and office share core 1, so that what
browsers cost is not in its figures.

The ledger lies below the checkout. On a shared disk most of what callers wait is that disk's;
`--var /dev/shm` takes it out, so that what readers add shows. FILE is used where it lies, and
written to; `python -m bench.micro.history --keep FILE` makes one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import uvloop

from bench import load
from bench.dashboard import Person, pages
from bench.machine import Process, cores, on_core, pinned
from bench.report import percentile
from bench.stage import CHARGE, ROOT, SECRET, ask, free_port, make_vault_key, wait_ready

QUIET, AGAIN, READERS = "quiet", "again", "readers"
LIVE: Final = ("", "/keys", "/calls")
SETTINGS: Final = """\
[server]
listen = "{address}"
[ledger]
shards = ["sqlite:{var}/ledger-0.db", "sqlite:{var}/ledger-1.db"]
audit = "sqlite:{audit}"
synchronous = "FULL"
[vendors.stripe]
base_url = "http://{vendor}"
[vendors.stripe.accounts.default]
secret = "env:STRIPE_SECRET_KEY"
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a round. calls_s: answered in a second of the closed loop; cpu_ms: of the
    gateway for each of those, readers included. open_*: of the open loop."""

    round: int
    kind: str
    calls_s: float
    cpu_ms: float
    closed_p99_ms: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    open_cpu_ms: float
    rate: float
    wrong: int
    rss_mb: float


class Scene:
    """Living: the gateway and who comes to it."""

    def __init__(self, gateway: Process, address: str, bearer: str, office: Office) -> None:
        self.gateway, self.address, self.office = gateway, address, office
        self._data = CHARGE.bytes_for(bearer, "/stripe")
        self._core = cores()[1]

    def closed(self, callers: int, seconds: float) -> tuple[load.Tally, float]:
        """What was answered, and the gateway's CPU seconds for it."""
        cpu_s = self.gateway.cpu_s()
        with on_core(self._core):
            tally = uvloop.run(load.closed_loop(self.address, self._data, callers, seconds))
        return tally, self.gateway.cpu_s() - cpu_s

    def open(self, rate: float, seconds: float) -> tuple[load.Tally, float]:
        cpu_s = self.gateway.cpu_s()
        with on_core(self._core):
            tally = uvloop.run(load.open_loop(self.address, self._data, rate, seconds))
        return tally, self.gateway.cpu_s() - cpu_s


class Office:
    """The process with the readers, and what they have read."""

    def __init__(self, address: str, cookie: str, paths: Sequence[str], exports: int) -> None:
        command = [sys.executable, "-m", "bench.office", address, cookie, "--live", *LIVE]
        command += ["--page", *paths, "--exports", str(exports)]
        self._process = subprocess.Popen(
            pinned(command, cores()[1]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.hours: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        self._order("go")
        yield
        self._order("stop")
        assert self._process.stdout is not None
        self.hours.append(json.loads(self._process.stdout.readline()))

    def _order(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(15)


@contextlib.contextmanager
def scene(given: argparse.Namespace) -> Iterator[Scene]:
    var = (given.var or ROOT / "var") / f"reads-{secrets.token_hex(4)}"
    var.mkdir(parents=True)
    with contextlib.ExitStack() as closing:
        closing.callback(shutil.rmtree, var)
        core, load_core = cores()
        vendor = closing.enter_context(
            Process("vendor", [sys.executable, "-m", "bench.vendor"], core=load_core, cwd=ROOT)
        )
        address, admin_key = f"127.0.0.1:{free_port()}", secrets.token_hex(20)
        names = {"address": address, "var": var, "audit": given.audit.resolve()}
        settings = var / "gateway.toml"
        settings.write_text(SETTINGS.format(vendor=vendor.first_line()["address"], **names))
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(settings)]
        env = {"KEYBRAKE_ADMIN_KEY": admin_key, "STRIPE_SECRET_KEY": SECRET}
        log = var / "gateway.log"
        gateway = closing.enter_context(
            Process("gateway", command, core=core, env=env, log=log, cwd=ROOT)
        )
        wait_ready(gateway, address)
        for _ in range(given.keys):
            bearer = make_vault_key(address, admin_key)
        _, body = ask(address, "GET", "/vault/calls?decision=allowed&limit=1", admin_key)
        paths = [path for _, path in pages(json.loads(body)["data"][0], 90)]
        cookie = Person(address, admin_key).cookie
        office = closing.enter_context(Office(address, cookie, paths, given.exports))
        yield Scene(gateway, address, bearer, office)


# The rounds


def play(scene: Scene, given: argparse.Namespace, number: int, kind: str, rate: float) -> Part:
    with scene.office.at_work() if kind == READERS else contextlib.nullcontext():
        closed, closed_cpu_s = scene.closed(given.callers, given.seconds)
        opened, open_cpu_s = scene.open(rate, given.seconds)
    waits_s = sorted(opened.seconds)
    wrong = sum(n for tally in (closed, opened) for s, n in tally.statuses.items() if s != 200)
    p50_ms, p99_ms, p999_ms = (1e3 * percentile(waits_s, at) for at in (50, 99, 99.9))
    return Part(
        number,
        kind,
        len(closed.seconds) / closed.wall_s,
        1e3 * closed_cpu_s / len(closed.seconds),
        1e3 * percentile(sorted(closed.seconds), 99),
        p50_ms,
        p99_ms,
        p999_ms,
        1e3 * open_cpu_s / len(waits_s),
        rate,
        wrong,
        scene.gateway.rss_bytes() / 1e6,
    )


def play_all(scene: Scene, given: argparse.Namespace) -> list[Part]:
    scene.closed(given.callers, 2.0)
    warm = [scene.closed(given.callers, given.seconds)[0] for _ in range(3)]
    rate = given.rate or given.share * min(len(tally.seconds) / tally.wall_s for tally in warm)
    print(f"an open loop of {rate:.0f} calls/s", file=sys.stderr, flush=True)
    kinds, played = [QUIET, READERS, AGAIN], []
    for number in range(given.rounds):
        for kind in kinds[number % 3 :] + kinds[: number % 3]:
            part = play(scene, given, number, kind, rate)
            played.append(part)
            told = f"{part.calls_s:.0f}/s, {part.cpu_ms:.3f} ms CPU a call, p99 {part.p99_ms:.1f}"
            print(f"round {number + 1} {kind}: {told} ms", file=sys.stderr, flush=True)
    return played


def soak(scene: Scene, rate: float, seconds: float) -> None:
    """Memory while readers and calls go on, a line each half minute."""
    with scene.office.at_work():
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            scene.open(rate, min(30.0, seconds))
            left_s = max(0.0, until_s - time.monotonic())
            print(f"{seconds - left_s:.0f} s: {scene.gateway.rss_bytes() / 1e6:.1f} MB", flush=True)


# The tables


FIGURES: Final = {
    "cpu_ms": "CPU a call, closed loop",
    "open_cpu_ms": "CPU a call, open loop",
    "closed_p99_ms": "p99, closed loop",
    "p50_ms": "p50, open loop",
    "p99_ms": "p99, open loop",
    "p999_ms": "p99.9, open loop",
}


def table(played: Sequence[Part]) -> str:
    """A line for each figure: medians of the parts, and of the ratios within a round."""
    lines = ["| figure, ms | quiet | with readers | ratio (range) | quiet to quiet (range) |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for name, told in FIGURES.items():
        of = {kind: _by_round(played, kind, name) for kind in (QUIET, AGAIN, READERS)}
        quiet, busy = (statistics.median(of[kind]) for kind in (QUIET, READERS))
        both = [math.sqrt(one * two) for one, two in zip(of[QUIET], of[AGAIN], strict=True)]
        ratios, control = _ratios(of[READERS], both), _ratios(of[AGAIN], of[QUIET])
        lines.append(f"| {told} | {quiet:.3g} | {busy:.3g} | {ratios} | {control} |")
    return "\n".join(lines)


def _by_round(played: Sequence[Part], kind: str, name: str) -> list[float]:
    return [getattr(part, name) for part in played if part.kind == kind]


def _ratios(these: Sequence[float], to: Sequence[float]) -> str:
    found = [one / other for one, other in zip(these, to, strict=True)]
    return f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})"


def readers_cost(played: Sequence[Part]) -> str:
    """What the gateway spent beside its calls, a second: more than as many calls cost when it was
    quiet."""
    quiet = statistics.median(_by_round(played, QUIET, "open_cpu_ms"))
    quiet = (quiet + statistics.median(_by_round(played, AGAIN, "open_cpu_ms"))) / 2
    more = [p.rate * (p.open_cpu_ms - quiet) for p in played if p.kind == READERS]
    told = f"{statistics.median(more):.0f} ms of CPU a second ({min(more):.0f}-{max(more):.0f})"
    return f"readers: {told} beside {played[0].rate:.0f} calls/s"


def pages_table(hours: Sequence[dict[str, Any]], shown: int = 12) -> str:
    """The slowest pages while calls went on, and how much of an export came."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for each in hours:
        for path, read in each["pages"].items():
            seconds[path] += read["seconds"]
    slowest = sorted(seconds, key=lambda path: max(seconds[path]), reverse=True)
    lines = ["| page, under load | times | median ms | worst ms |", "| --- | ---: | ---: | ---: |"]
    for path in slowest[:shown]:
        times = seconds[path]
        middle, worst = 1e3 * statistics.median(times), 1e3 * max(times)
        lines.append(f"| `{path or '/'}` | {len(times)} | {middle:.0f} | {worst:.0f} |")
    wrong = sum(read["wrong"] for each in hours for read in each["pages"].values())
    exported_mb = sum(each["exported_bytes"] for each in hours) / 1e6
    count = sum(len(times) for times in seconds.values())
    lines.append(f"\n{count} pages, {wrong} wrong; {exported_mb:.0f} MB exported")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.reads",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--audit", type=Path, required=True, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each loop of each part")
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--share", type=float, default=0.6, help="of what the gateway can carry")
    parser.add_argument("--rate", type=float, help="calls a second instead of a share")
    parser.add_argument("--exports", type=int, default=1)
    parser.add_argument("--soak", type=float, default=0.0, metavar="SECONDS", help="memory, after")
    parser.add_argument("--var", type=Path, metavar="FOLDER", help="for the ledger")
    parser.add_argument("--save", type=Path, help="a JSON file for all parts")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    with scene(given) as made:
        played = play_all(made, given)
        print(f"\n{table(played)}\n\n{readers_cost(played)}\n\n{pages_table(made.office.hours)}")
        print(f"\n{sum(part.wrong for part in played)} answers to calls were wrong", flush=True)
        if given.save:
            parts = [asdict(part) for part in played]
            given.save.write_text(json.dumps({"parts": parts, "hours": made.office.hours}))
        if given.soak:
            soak(made, played[0].rate, given.soak)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
