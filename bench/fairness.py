"""What one quiet key waits while others behave badly: two gateways, a quiet key of the first at a
fixed rate, and one kind of trouble after the other, through the same gateway and through the other.

    python -m bench.fairness [--rounds 5] [--seconds 6] [--rate 50] [--only KIND …]
                             [--var FOLDER] [--save FILE]

| kind | beside the quiet key |
| --- | --- |
| `quiet`, `again` | nothing: what two equal parts differ by is the machine's noise |
| `flood` | another key, 512 connections, a charge on each as soon as the last is answered |
| `busy` | another key, 32 connections, the same: no flood, a neighbour with much to do |
| `many` | eight other keys, 64 connections each, the same |
| `capped` | a key at its cap, 512 connections, refused each time |
| `waiting` | 500 calls of another key on the same vendor account, whose answers take 30 s |
| `crowd` | 1,000 of them: more than the account has places |
| `strangers` | 512 connections with a key that nobody knows, refused each time |
| `churn` | connections that are closed as soon as they are open |

Trouble takes from a quiet key in two ways: the machine, which everybody on it shares, and the
gateway. Therefore each kind has two parts in a round: `here`, through the quiet key's own gateway,
and `there`, through a second one, which runs on the same core with the same settings, a ledger of
its own, before the same vendor. There the kernel shares the core out between two processes: no
gateway could keep a quiet key freer of others than one of its own. What `here` is beyond `there`
is what it costs that both come through one gateway.

Two clocks. Milliseconds are of the wall, from when a call was due. `own` is the CPU time that the
quiet key's gateway spent, by the kernel's count, between a call's sending and its answer, on it and
on others: it stands still while others have the core, so other work on the machine does not show in
it, and all that the gateway puts in front of a call does.

Rounds interleave, in changing order. Ratios are taken within a round; to nothing is to the
geometric mean of its two quiet parts. The gateways have core 0 to themselves; vendor, quiet caller
and trouble share core 1. Where we may (as root) vendor and quiet caller run in real time there, so
that they do not wait for the trouble's own load, and all of ours goes before whatever else the
machine does. `answered` is what the trouble got a second: a flood that had no CPU was none.

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
HERE, THERE = "here", "there"
BUSY, FLOOD, KEYS, WAITING, CROWD = 32, 512, 8, 500, 1_000
SLOW_TARGET: Final = "/stripe/files/v1/files/file_1"
"""Another host of the same account, which takes its time."""
LEAD_S: Final = 1.0
"""Trouble has begun when the quiet key's calls are counted."""
_SESSION: Final = Path("/proc/self/autogroup")
FIRST: Final = -15
"""As `nice` counts."""
_CALLS: Final = "keybrake_calls_total{"
_ALLOWED: Final = 'decision="allowed"'
_REFUSALS: Final = "keybrake_refusals_total{"
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
    """One part of a round. where: the trouble's gateway, `here`, `there`, or '' where there is no
    trouble. own: see above. answered: the trouble's calls, a second. seconds: what the quiet key's
    calls waited."""

    round: int
    kind: str
    where: str
    p50_ms: float
    p99_ms: float
    own_p50_ms: float
    own_p99_ms: float
    statuses: dict[int, int]
    answered: float
    cpu_share: float
    rss_mb: float
    seconds: list[float] = field(repr=False)


class Gateway:
    """Living: one gateway, and what an operator asks of it."""

    def __init__(self, process: Process, address: str, admin_key: str) -> None:
        self.process, self.address, self._admin_key = process, address, admin_key

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

    def abort(self, key_id: str) -> None:
        """Revoke a key, and end what it has under way."""
        path, how = f"/vault/keys/{key_id}/revoke", {"in_flight": "abort"}
        ask(self.address, "POST", path, self._admin_key, how)

    def answers(self) -> float:
        """How many it gave, of any status, since its start."""
        _, body = ask(self.address, "GET", "/metrics", self._admin_key)
        return sum(
            float(line.rpartition(" ")[2])
            for line in body.decode().splitlines()
            if line.startswith(_REFUSALS) or (line.startswith(_CALLS) and _ALLOWED in line)
        )


class Scene:
    """Living: the gateways, the quiet key, and who comes beside it."""

    def __init__(self, here: Gateway, there: Gateway, var: Path) -> None:
        self.here, self.there, self.var = here, there, var
        self._wrk = gear.program("wrk", "wrk", print)
        self._core = cores()[1]
        self._quiet = CHARGE.bytes_for(here.make_key()[1], "/stripe")

    def quiet(self, rate: float, seconds: float) -> load.Tally:
        """The quiet key's calls."""
        with on_core(self._core):
            return uvloop.run(
                load.open_loop(
                    self.here.address, self._quiet, rate, seconds, watch=self.here.process.clock_s
                )
            )

    @contextlib.contextmanager
    def loops(self, at: Gateway, bearers: Sequence[str], connections: int) -> Iterator[None]:
        """Closed loops of charges, one wrk for each of these keys."""
        with contextlib.ExitStack() as running:
            for bearer in bearers:
                script = self.var / f"{secrets.token_hex(4)}.lua"
                script.write_text(wrk.script("POST", CHARGE.headers(bearer), CHARGE.body))
                url = f"http://{at.address}/stripe{CHARGE.target}"
                words = wrk.command(self._wrk, url, script, connections, 3_600, self._core)
                running.enter_context(at_leisure(words))
            yield

    @contextlib.contextmanager
    def flood(self, at: Gateway, *, keys: int, connections: int) -> Iterator[None]:
        with self.loops(at, [at.make_key()[1] for _ in range(keys)], connections):
            yield

    @contextlib.contextmanager
    def capped(self, at: Gateway) -> Iterator[None]:
        with self.loops(at, [at.make_key(0)[1]], FLOOD):
            yield

    @contextlib.contextmanager
    def strangers(self, at: Gateway) -> Iterator[None]:
        with self.loops(at, ["vault_key_" + "x" * 36], FLOOD):
            yield

    @contextlib.contextmanager
    def waiting(self, at: Gateway, *, calls: int) -> Iterator[None]:
        """Calls that hang at the vendor; their key is revoked at the end, which aborts them."""
        key_id, bearer = at.make_key()
        words = [sys.executable, "-m", "bench.fairness", "--hang", at.address, bearer, str(calls)]
        with at_leisure(pinned(words, self._core)):
            yield
        at.abort(key_id)

    @contextlib.contextmanager
    def churn(self, at: Gateway) -> Iterator[None]:
        words = [sys.executable, "-c", _CHURN, at.address]
        with at_leisure(pinned(words, self._core)):
            yield


def _at_once(pid: int) -> None:
    """This process is not kept waiting for its core. It uses little of it."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


def _at_leisure() -> None:
    """After vendor and quiet caller; what is started inherits the latter's place."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextlib.contextmanager
def at_leisure(words: Sequence[str], out: IO[bytes] | int = subprocess.DEVNULL) -> Iterator[None]:
    """A process that does not run in real time, until the end of the block."""
    with subprocess.Popen(
        words, stdout=out, stderr=subprocess.DEVNULL, preexec_fn=_at_leisure, cwd=ROOT
    ) as process:
        try:
            yield
        finally:
            process.kill()


@contextlib.contextmanager
def before_others() -> Iterator[None]:
    """Where the kernel shares cores out by session, ours weighs more than others', if we may."""
    try:
        before = _SESSION.read_text().split()[-1]
        _SESSION.write_text(str(FIRST))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        _SESSION.write_text(before)


Trouble = Callable[[Scene, Gateway], contextlib.AbstractContextManager[None]]
TROUBLE: Final[dict[str, Trouble]] = {
    "flood": partial(Scene.flood, keys=1, connections=FLOOD),
    "busy": partial(Scene.flood, keys=1, connections=BUSY),
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
        closing.enter_context(before_others())
        vendors = [
            closing.enter_context(
                Process(name, [sys.executable, "-m", "bench.vendor"], core=cores()[1], cwd=ROOT)
            )
            for name in ("vendor", "other")
        ]
        at, other = (each.first_line() for each in vendors)
        here, there = (
            closing.enter_context(_gateway(var / name, at["stripe"], other[files]))
            for name in (HERE, THERE)
        )
        for pid in (0, vendors[0].pid):
            _at_once(pid)
        yield Scene(here, there, var)


@contextlib.contextmanager
def _gateway(var: Path, vendor: str, files: str) -> Iterator[Gateway]:
    var.mkdir()
    address, admin_key = f"127.0.0.1:{free_port()}", secrets.token_hex(20)
    settings = var / "gateway.toml"
    settings.write_text(SETTINGS.format(address=address, var=var, vendor=vendor, files=files))
    with Process(
        f"gateway {var.name}",
        [sys.executable, "-m", "gateway", "serve", "--config", str(settings)],
        core=cores()[0],
        env={"KEYBRAKE_ADMIN_KEY": admin_key, "STRIPE_SECRET_KEY": SECRET},
        log=var / "gateway.log",
        cwd=ROOT,
    ) as process:
        wait_ready(process, address)
        yield Gateway(process, address, admin_key)


# The rounds


def play(scene: Scene, given: argparse.Namespace, number: int, kind: str, where: str) -> Part:
    at = scene.there if where == THERE else scene.here
    with TROUBLE[kind](scene, at) if where else contextlib.nullcontext():
        scene.quiet(given.rate, LEAD_S)
        cpu_s, answers = at.process.clock_s(), at.answers()
        began_s = time.monotonic()
        tally = scene.quiet(given.rate, given.seconds)
        took_s = time.monotonic() - began_s
        cpu_s = at.process.clock_s() - cpu_s
        answers = at.answers() - answers - (0 if where == THERE else len(tally.seconds))
    waits_s, own_s = sorted(tally.seconds), sorted(tally.watched)
    return Part(
        number,
        kind,
        where,
        1e3 * percentile(waits_s, 50),
        1e3 * percentile(waits_s, 99),
        1e3 * percentile(own_s, 50),
        1e3 * percentile(own_s, 99),
        tally.statuses,
        answers / took_s,
        cpu_s / took_s,
        at.process.rss_bytes() / 1e6,
        waits_s,
    )


def play_all(scene: Scene, given: argparse.Namespace) -> list[Part]:
    scene.quiet(given.rate, 2.0)
    parts = [(kind, where) for kind in given.only for where in (HERE, THERE)]
    parts, played = [(QUIET, ""), *parts, (AGAIN, "")], []
    for number in range(given.rounds):
        at = number % len(parts)
        for kind, where in parts[at:] + parts[:at]:
            part = play(scene, given, number, kind, where)
            played.append(part)
            told = f"p50 {part.p50_ms:.1f}, p99 {part.p99_ms:.1f}, "
            told += f"own {part.own_p50_ms:.1f}, {part.own_p99_ms:.1f} ms, "
            told += f"CPU {100 * part.cpu_share:.0f} %, {part.answered:.0f}/s, {part.statuses}"
            print(f"round {number + 1} {kind} {where}: {told}", file=sys.stderr, flush=True)
            time.sleep(LEAD_S)  # what the trouble had begun ends
    return played


# The table


def table(played: Sequence[Part]) -> str:
    """A line for each kind and place: medians of the parts, and of the ratios within a round."""
    lines = [
        "| beside it | p50 ms | p99 ms | to nothing (range) | here to there (range) | own p50 |"
    ]
    lines[0] += " own p99 ms | answered/s | gateway CPU | wrong |"
    lines.append("| --- |" + " ---: |" * 9)
    calm = [math.sqrt(q * a) for q, a in zip(_p99(played, QUIET), _p99(played, AGAIN), strict=True)]
    for kind, where in dict.fromkeys((part.kind, part.where) for part in played):
        parts = [part for part in played if (part.kind, part.where) == (kind, where)]
        mine = _p99(played, kind, where)
        to_calm = _ratio(mine, _p99(played, QUIET) if kind == AGAIN else calm)
        to_there = _ratio(mine, _p99(played, kind, THERE)) if where == HERE else ""
        p50, p99, own_50, own_99, answered, cpu = (
            statistics.median(getattr(part, name) for part in parts) for name in _SHOWN
        )
        wrong = sum(n for part in parts for status, n in part.statuses.items() if status != 200)
        lines.append(
            f"| `{kind}` {where} | {p50:.1f} | {p99:.1f} | {to_calm} | {to_there} | {own_50:.2f} |"
            f" {own_99:.2f} | {answered:.0f} | {100 * cpu:.0f} % | {wrong} |"
        )
    return "\n".join(lines)


_SHOWN: Final = ("p50_ms", "p99_ms", "own_p50_ms", "own_p99_ms", "answered", "cpu_share")


def _ratio(these: Sequence[float], those: Sequence[float]) -> str:
    ratios = [one / other for one, other in zip(these, those, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def _p99(played: Sequence[Part], kind: str, where: str = "") -> list[float]:
    """By round."""
    parts = [part for part in played if (part.kind, part.where) == (kind, where)]
    return [part.p99_ms for part in sorted(parts, key=lambda part: part.round)]


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
