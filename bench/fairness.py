"""What one quiet key waits while others behave badly: a gateway, a quiet key at a fixed rate, and
beside it one kind of trouble after the other.

    python -m bench.fairness [--rounds 5] [--seconds 6] [--rate 50] [--only KIND …]
                             [--var FOLDER] [--save FILE]

| kind | beside the quiet key |
| --- | --- |
| `quiet`, `again` | nothing: what two equal parts differ by is the machine's noise |
| `flood` | another key, 512 connections, a charge on each as soon as the last is answered |
| `many` | eight other keys, 64 connections each, the same |
| `capped` | a key at its cap, 512 connections, refused each time |
| `waiting` | 500 calls of another key on the same vendor account, whose answers take 30 s |
| `crowd` | 1,000 of them: more than the account has places |
| `strangers` | 512 connections with a key that nobody knows, refused each time |
| `churn` | connections that are closed as soon as they are open |

Rounds interleave, in changing order. The quiet key's calls leave on a schedule, and latency counts
from it. Ratios are taken within a round, to the geometric mean of its two quiet parts; `all` puts
the waits of all rounds together first, which says more about a p99. The gateway has core 0 to
itself; vendor, quiet caller and trouble share core 1. The trouble runs at the lowest priority, and
vendor and quiet caller in real time where we may (as root), so that what trouble costs to make is
not in the quiet key's figures: without that they wait for it some milliseconds each time.

The ledger lies below the checkout. On a shared disk most of what callers wait is that disk's;
`--var /dev/shm` takes it out, so that what the trouble adds shows: ratios are larger there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final

import uvloop

from bench import gear, load, wrk
from bench.doors import ask, free_port, wait_ready
from bench.machine import Process, allow_descriptors, cores, on_core, pinned
from bench.report import percentile
from bench.shots import CHARGE
from bench.stage import ROOT, SECRET

QUIET, AGAIN = "quiet", "again"
FLOOD, KEYS, WAITING, CROWD = 512, 8, 500, 1_000
SLOW_TARGET: Final = "/stripe/files/v1/files/file_1"
"""Another host of the same account, which takes its time."""
LEAD_S: Final = 1.0
"""Trouble has begun when the quiet key's calls are counted."""
SETTINGS: Final = """\
[server]
listen = "{address}"
[ledger]
shards = ["sqlite:{var}/ledger-0.db", "sqlite:{var}/ledger-1.db"]
audit = "sqlite:{var}/audit.db"
[vendors.stripe]
base_url = "http://{vendor}"
hosts = {{files = "http://{files}"}}
[vendors.stripe.accounts.default]
secret = "env:STRIPE_SECRET_KEY"
"""
_CHURN: Final = """\
import socket, sys
host, port = sys.argv[1].split(":")
while True:
    with socket.socket() as one:
        one.connect((host, int(port)))
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a round. others: what the trouble was answered, a second. places: the waits of
    the quiet key's calls, in seconds, sorted."""

    round: int
    kind: str
    p50_ms: float
    p99_ms: float
    worst_ms: float
    statuses: dict[int, int]
    cpu_share: float
    rss_mb: float
    seconds: list[float] = field(repr=False)


class Scene:
    """Living: the gateway, its vendor, and who comes to it."""

    def __init__(self, gateway: Process, address: str, admin_key: str, var: Path) -> None:
        self.gateway, self.address, self._admin_key, self.var = gateway, address, admin_key, var
        self._wrk = gear.program("wrk", "wrk", print)
        self._core = cores()[1]
        self._quiet = CHARGE.bytes_for(self.make_key()[1], "/stripe")

    def make_key(self, cap: int = 100_000_000) -> tuple[str, str]:
        """Its id and its secret."""
        terms = {
            "vendor": "stripe",
            "daily_usd_cap": cap,
            "allowed_endpoints": ["POST /v1/payment_intents", "GET /files/v1/files/*"],
            "agent_run_label": "bench/fairness",
        }
        status, body = ask(self.address, "POST", "/vault/keys", self._admin_key, terms)
        if status != 201:
            raise RuntimeError(f"no vault key: {status} {body.decode('utf-8', 'replace')}")
        made = json.loads(body)
        return made["id"], made["key"]

    def quiet(self, rate: float, seconds: float) -> tuple[load.Tally, float]:
        """The quiet key's calls, and the CPU seconds of the gateway meanwhile."""
        cpu_s = self.gateway.cpu_s()
        with on_core(self._core):
            tally = uvloop.run(load.open_loop(self.address, self._quiet, rate, seconds))
        return tally, self.gateway.cpu_s() - cpu_s

    @contextlib.contextmanager
    def loops(self, bearers: Sequence[str], connections: int) -> Iterator[None]:
        """Closed loops of charges, one wrk for each of these keys."""
        with contextlib.ExitStack() as running:
            for bearer in bearers:
                script = self.var / f"{secrets.token_hex(4)}.lua"
                script.write_text(wrk.script("POST", CHARGE.headers(bearer), CHARGE.body))
                url = f"http://{self.address}/stripe{CHARGE.target}"
                words = wrk.command(self._wrk, url, script, connections, 3_600, self._core)
                running.enter_context(at_leisure(words))
            yield

    @contextlib.contextmanager
    def flood(self, keys: int, connections: int) -> Iterator[None]:
        with self.loops([self.make_key()[1] for _ in range(keys)], connections):
            yield

    @contextlib.contextmanager
    def capped(self) -> Iterator[None]:
        with self.loops([self.make_key(0)[1]], FLOOD):
            yield

    @contextlib.contextmanager
    def strangers(self) -> Iterator[None]:
        with self.loops(["vault_key_" + "x" * 36], FLOOD):
            yield

    @contextlib.contextmanager
    def waiting(self, calls: int) -> Iterator[None]:
        """Calls that hang at the vendor; their key is revoked at the end, which aborts them."""
        key_id, bearer = self.make_key()
        words = [sys.executable, "-m", "bench.fairness", "--hang", self.address, bearer, str(calls)]
        with at_leisure(pinned(words, self._core)):
            yield
        path, how = f"/vault/keys/{key_id}/revoke", {"in_flight": "abort"}
        ask(self.address, "POST", path, self._admin_key, how)

    @contextlib.contextmanager
    def churn(self) -> Iterator[None]:
        words = [sys.executable, "-c", _CHURN, self.address]
        with at_leisure(pinned(words, self._core)):
            yield


def _lowest() -> None:
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(19)


def _at_once(pid: int) -> None:
    """This process is not kept waiting for its core. It uses little of it."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


@contextlib.contextmanager
def at_leisure(words: Sequence[str], out: IO[bytes] | int = subprocess.DEVNULL) -> Iterator[None]:
    """A process at the lowest priority, until the end of the block."""
    with subprocess.Popen(
        words, stdout=out, stderr=subprocess.DEVNULL, preexec_fn=_lowest, cwd=ROOT
    ) as process:
        try:
            yield
        finally:
            process.kill()


TROUBLE: Final[dict[str, Callable[[Scene], contextlib.AbstractContextManager[None]]]] = {
    "flood": partial(Scene.flood, keys=1, connections=FLOOD),
    "many": partial(Scene.flood, keys=KEYS, connections=FLOOD // KEYS),
    "capped": Scene.capped,
    "waiting": partial(Scene.waiting, calls=WAITING),
    "crowd": partial(Scene.waiting, calls=CROWD),
    "strangers": Scene.strangers,
    "churn": Scene.churn,
}


@contextlib.contextmanager
def scene(folder: Path, *, files: str = "slow") -> Iterator[Scene]:
    """files: who answers at the account's other host, see bench.vendor."""
    allow_descriptors()
    var = folder / f"fairness-{secrets.token_hex(4)}"
    var.mkdir(parents=True)
    with contextlib.ExitStack() as closing:
        closing.callback(shutil.rmtree, var)
        core, load_core = cores()
        vendor = closing.enter_context(
            Process("vendor", [sys.executable, "-m", "bench.vendor"], core=load_core, cwd=ROOT)
        )
        at = vendor.first_line()
        other = closing.enter_context(
            Process("other", [sys.executable, "-m", "bench.vendor"], core=load_core, cwd=ROOT)
        )
        address, admin_key = f"127.0.0.1:{free_port()}", secrets.token_hex(20)
        settings = var / "gateway.toml"
        settings.write_text(
            SETTINGS.format(
                address=address, var=var, vendor=at["stripe"], files=other.first_line()[files]
            )
        )
        gateway = closing.enter_context(
            Process(
                "gateway",
                [sys.executable, "-m", "gateway", "serve", "--config", str(settings)],
                core=core,
                env={"KEYBRAKE_ADMIN_KEY": admin_key, "STRIPE_SECRET_KEY": SECRET},
                log=var / "gateway.log",
                cwd=ROOT,
            )
        )
        wait_ready(gateway, address)
        for pid in (0, vendor.pid):
            _at_once(pid)
        yield Scene(gateway, address, admin_key, var)


# The rounds


def play(scene: Scene, given: argparse.Namespace, number: int, kind: str) -> Part:
    with TROUBLE[kind](scene) if kind in TROUBLE else contextlib.nullcontext():
        scene.quiet(given.rate, LEAD_S)
        tally, cpu_s = scene.quiet(given.rate, given.seconds)
    waits_s = sorted(tally.seconds)
    p50_ms, p99_ms = (1e3 * percentile(waits_s, at) for at in (50, 99))
    return Part(
        number,
        kind,
        p50_ms,
        p99_ms,
        1e3 * waits_s[-1],
        tally.statuses,
        cpu_s / tally.wall_s,
        scene.gateway.rss_bytes() / 1e6,
        waits_s,
    )


def play_all(scene: Scene, given: argparse.Namespace) -> list[Part]:
    scene.quiet(given.rate, 2.0)
    kinds, played = [QUIET, *given.only, AGAIN], []
    for number in range(given.rounds):
        at = number % len(kinds)
        for kind in kinds[at:] + kinds[:at]:
            part = play(scene, given, number, kind)
            played.append(part)
            told = f"p50 {part.p50_ms:.1f}, p99 {part.p99_ms:.1f}, worst {part.worst_ms:.1f} ms"
            told += f", CPU {100 * part.cpu_share:.0f} %, {part.statuses}"
            print(f"round {number + 1} {kind}: {told}", file=sys.stderr, flush=True)
            time.sleep(LEAD_S)  # what the trouble had begun ends
    return played


# The table


def table(played: Sequence[Part]) -> str:
    """A line for each kind: medians of the parts, and of the ratios within a round."""
    lines = ["| beside it | p50 ms | p99 ms | p99 ratio (range) | all | gateway CPU | wrong |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    calm = [math.sqrt(q * a) for q, a in zip(_p99(played, QUIET), _p99(played, AGAIN), strict=True)]
    calm_all_s = percentile(_together(played, QUIET, AGAIN), 99)
    for kind in dict.fromkeys(part.kind for part in sorted(played, key=lambda p: p.round)):
        parts = [part for part in played if part.kind == kind]
        to = _p99(played, QUIET) if kind == AGAIN else calm
        ratios = [one / other for one, other in zip(_p99(played, kind), to, strict=True)]
        shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        p50_ms, p99_ms = (statistics.median(getattr(p, n) for p in parts) for n in _SHOWN)
        together = percentile(_together(played, kind), 99) / calm_all_s
        cpu = statistics.median(part.cpu_share for part in parts)
        wrong = sum(n for part in parts for status, n in part.statuses.items() if status != 200)
        figures = f"{p50_ms:.1f} | {p99_ms:.1f} | {shown} | {together:.2f} | {100 * cpu:.0f} %"
        lines.append(f"| `{kind}` | {figures} | {wrong} |")
    return "\n".join(lines)


_SHOWN: Final = ("p50_ms", "p99_ms")


def _p99(played: Sequence[Part], kind: str) -> list[float]:
    """By round."""
    return [p.p99_ms for p in sorted(played, key=lambda p: p.round) if p.kind == kind]


def _together(played: Sequence[Part], *kinds: str) -> list[float]:
    return sorted(wait_s for part in played if part.kind in kinds for wait_s in part.seconds)


# Calls that hang


async def hang(address: str, bearer: str, calls: int) -> None:
    """Each on a connection of its own, and again as soon as it is answered, until killed."""
    headers = [("Authorization", f"Bearer {bearer}")]
    await load.closed_loop(
        address, load.request("GET", SLOW_TARGET, headers=headers), calls, 3_600.0
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.fairness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each part")
    parser.add_argument("--rate", type=float, default=50.0, help="the quiet key's calls a second")
    parser.add_argument("--only", nargs="*", choices=TROUBLE, default=list(TROUBLE))
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="for the ledger")
    parser.add_argument("--save", type=Path, help="a JSON file for all parts")
    parser.add_argument("--hang", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    given = arguments()
    if given.hang:
        address, bearer, calls = given.hang
        allow_descriptors()
        uvloop.run(hang(address, bearer, int(calls)))
        return 0
    with scene(given.var) as made:
        played = play_all(made, given)
    print(f"\n{table(played)}")
    if given.save:
        given.save.write_text(json.dumps([asdict(part) for part in played]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
