"""What is measured: the gateway, its peers, the requests, and the order of rounds.

A benchmark compares programs in one run, on one machine, against one vendor. So all of them run at
once, idle but for the one whose turn it is, and their rounds interleave (A B C, A B C, …): what
the machine does to one it does to the others. Program under test on one core, load and vendor on
another. CPU seconds are read from /proc around each round.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from bench import load
from bench.machine import Process, cores, pinned
from bench.report import percentile

ROOT: Final = Path(__file__).resolve().parents[1]
SECRET: Final = "sk_test_bench"
FORM: Final = "amount=1200&currency=usd&confirm=true"
START_SECONDS: Final = 30.0
WARM_SECONDS: Final = 1.0
GATEWAY_TOML: Final = """\
[server]
listen = "{listen}"
[ledger]
shards = ["sqlite:{var}/ledger-0.db", "sqlite:{var}/ledger-1.db"]
audit = "sqlite:{var}/audit.db"
synchronous = "{synchronous}"
[vendors.stripe]
base_url = "http://{vendor}"
[vendors.stripe.accounts.default]
secret = "env:STRIPE_SECRET_KEY"
"""
WRK_SCRIPT: Final = """\
wrk.method = "{method}"
wrk.body = "{body}"
{headers}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{{"requests":%d,"wall_us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Shot:
    """One kind of request. target: path below the vendor's root."""

    method: str
    target: str
    form: str = ""

    def bytes_for(self, bearer: str, prefix: str) -> bytes:
        if self.form:
            return load.form_post(prefix + self.target, bearer, self.form)
        auth = (("Authorization", f"Bearer {bearer}"),)
        return load.request(self.method, prefix + self.target, headers=auth)


CHARGE: Final = Shot("POST", "/v1/payment_intents", FORM)
READ: Final = Shot("GET", "/v1/payment_intents/pi_000000000000000000000001")


@dataclass(frozen=True, slots=True)
class Contender:
    """One program in one mode. process None: straight to the vendor."""

    name: str
    shot: Shot
    address: str
    bearer: str
    prefix: str
    process: Process | None


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures. cpu_s: of the program under test; load_cpu_s: of load and vendor."""

    contender: str
    kind: str
    callers: int
    requests: int
    wall_s: float
    cpu_s: float
    load_cpu_s: float
    p50_s: float
    p99_s: float
    refused: int
    broken: int
    rss_bytes: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int = 3
    seconds: float = 5.0
    callers: tuple[int, ...] = (1, 32, 256)
    gateway: bool = True
    use_wrk: bool = True


# The stage.


class Stage:
    """All processes of a benchmark, started and stopped together."""

    __slots__ = ("_closing", "_core", "_load_core", "contenders", "var", "vendor")

    def __init__(self, closing: contextlib.ExitStack, var: Path) -> None:
        self._closing = closing
        self._core, self._load_core = cores()
        self.var = var
        self.contenders: list[Contender] = []
        python = sys.executable
        self.vendor = self._start("vendor", [python, "-m", "bench.vendor"], self._load_core)

    def _start(
        self, name: str, command: list[str], core: int | None, **env: str
    ) -> tuple[Process, str]:
        process = self._closing.enter_context(
            Process(name, command, core=core, env=env, log=self.var / f"{name}.log", cwd=ROOT)
        )
        return process, process.first_line()["address"] if not env else ""

    def add_direct(self) -> None:
        for shot in (CHARGE, READ):
            self._add("direct", shot, self.vendor[1], SECRET, "", None)

    def add_aiohttp(self) -> None:
        script = str(ROOT / "bench" / "peers" / "aiohttp_proxy.py")
        command = [sys.executable, script, "--vendor", f"http://{self.vendor[1]}"]
        process, address = self._start("aiohttp", [*command, "--secret", SECRET], self._core)
        for shot in (CHARGE, READ):
            self._add("aiohttp", shot, address, SECRET, "", process)

    def add_gateway(self, synchronous: str, *shots: Shot) -> None:
        """A gateway with a ledger of its own and a vault key without a practical cap."""
        name = f"keybrake {synchronous}"
        var = self.var / synchronous.lower()
        var.mkdir()
        address, admin_key = f"127.0.0.1:{free_port()}", secrets.token_hex(20)
        settings = var / "gateway.toml"
        settings.write_text(
            GATEWAY_TOML.format(
                listen=address, var=var, synchronous=synchronous, vendor=self.vendor[1]
            )
        )
        process, _ = self._start(
            name,
            [str(Path(sys.executable).parent / "keybrake"), "serve", "--config", str(settings)],
            self._core,
            KEYBRAKE_ADMIN_KEY=admin_key,
            STRIPE_SECRET_KEY=SECRET,
        )
        wait_ready(process, address)
        bearer = make_vault_key(address, admin_key)
        for shot in shots:
            self._add(name, shot, address, bearer, "/stripe", process)

    def _add(
        self, name: str, shot: Shot, address: str, bearer: str, prefix: str, process: Process | None
    ) -> None:
        self.contenders.append(Contender(name, shot, address, bearer, prefix, process))

    # One round.

    def play(self, contender: Contender, callers: int, seconds: float, *, use_wrk: bool) -> Round:
        """Load one contender for so long and read what it cost."""
        process, (vendor, _) = contender.process, self.vendor
        cpu, vendor_cpu = process.cpu_s() if process else 0.0, vendor.cpu_s()
        own_cpu = _own_cpu_s()
        figures = (_wrk if use_wrk else _own_loop)(contender, callers, seconds, self._load_core)
        return Round(
            contender=contender.name,
            kind=contender.shot.method,
            callers=callers,
            cpu_s=process.cpu_s() - cpu if process else 0.0,
            load_cpu_s=vendor.cpu_s() - vendor_cpu + _own_cpu_s() - own_cpu,
            rss_bytes=process.rss_bytes() if process else 0,
            **figures,
        )


def _own_cpu_s() -> float:
    """Of this process and the load generators it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@contextlib.contextmanager
def stage(plan: Plan) -> Iterator[Stage]:
    """The processes a plan needs. Ledgers lie below the checkout, on the disk that would really be
    used: on a memory file system a sync would cost nothing."""
    var = ROOT / "var" / f"bench-{os.getpid()}"
    var.mkdir(parents=True)
    with contextlib.ExitStack() as closing:
        closing.callback(shutil.rmtree, var)
        made = Stage(closing, var)
        made.add_direct()
        made.add_aiohttp()
        if plan.gateway:
            made.add_gateway("FULL", CHARGE, READ)
            made.add_gateway("NORMAL", CHARGE)
        yield made


def run(plan: Plan, tell: Any) -> list[Round]:
    """All rounds of a plan, interleaved. tell: called with a line for each."""
    rounds: list[Round] = []
    use_wrk = plan.use_wrk and shutil.which("wrk") is not None
    with stage(plan) as made:
        for callers in plan.callers:
            for contender in made.contenders:
                made.play(contender, callers, WARM_SECONDS, use_wrk=use_wrk)
            for number in range(plan.rounds):
                for contender in made.contenders:
                    played = made.play(contender, callers, plan.seconds, use_wrk=use_wrk)
                    rounds.append(played)
                    tell(f"c={callers} round {number + 1}: {line(played)}")
    return rounds


def line(played: Round) -> str:
    per_second = played.requests / played.wall_s
    cpu_ms = 1_000 * played.cpu_s / max(1, played.requests)
    wrong = f", {played.refused} refused, {played.broken} broken"
    return (
        f"{played.contender} {played.kind}: {per_second:,.0f}/s, {cpu_ms:.3f} ms CPU a call"
        f"{wrong if played.refused or played.broken else ''}"
    )


# Load.


def _wrk(contender: Contender, callers: int, seconds: float, core: int | None) -> dict[str, Any]:
    """One round by wrk, whose figures come as JSON from a script of ours."""
    shot = contender.shot
    headers = {"Authorization": f"Bearer {contender.bearer}"}
    if shot.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    script = WRK_SCRIPT.format(
        method=shot.method,
        body=shot.form,
        headers="\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()),
    )
    url = f"http://{contender.address}{contender.prefix}{shot.target}"
    path = ROOT / "var" / f"bench-{os.getpid()}" / "wrk.lua"
    path.write_text(script)
    command = ["wrk", "-t1", f"-c{callers}", f"-d{seconds:.0f}", "--latency", "-s", str(path), url]
    out = subprocess.run(pinned(command, core), capture_output=True, text=True, check=True).stdout
    found = json.loads(out.strip().splitlines()[-1])
    return {
        "requests": found["requests"],
        "wall_s": found["wall_us"] / 1e6,
        "p50_s": found["p50_us"] / 1e6,
        "p99_s": found["p99_us"] / 1e6,
        "refused": found["refused"],
        "broken": found["broken"],
    }


def _own_loop(
    contender: Contender, callers: int, seconds: float, core: int | None
) -> dict[str, Any]:
    """One round by our own closed loop, in this process, on the load's core."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    tally = uvloop.run(load.closed_loop(contender.address, data, callers, seconds))
    return figures_of(tally)


def figures_of(tally: load.Tally) -> dict[str, Any]:
    tally.seconds.sort()
    good = sum(count for status, count in tally.statuses.items() if 200 <= status < 300)
    broken = tally.statuses.get(0, 0)
    return {
        "requests": len(tally.seconds),
        "wall_s": tally.wall_s,
        "p50_s": percentile(tally.seconds, 50),
        "p99_s": percentile(tally.seconds, 99),
        "refused": len(tally.seconds) - good - broken,
        "broken": broken,
    }


def open_rounds(plan: Plan, rate: float, tell: Any) -> list[Round]:
    """The same contenders under an open loop at a fixed rate: what a caller waits when the load
    does not wait for answers. Charges only."""
    rounds: list[Round] = []
    with stage(plan) as made:
        core = cores()[1]
        if core is not None:
            os.sched_setaffinity(0, {core})
        for _ in range(plan.rounds):
            for contender in made.contenders:
                if contender.shot is CHARGE:
                    rounds.append(_open_round(made, contender, rate, plan.seconds))
                    tell(line(rounds[-1]))
    return rounds


def _open_round(made: Stage, contender: Contender, rate: float, seconds: float) -> Round:
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    process, (vendor, _) = contender.process, made.vendor
    cpu, load_cpu = process.cpu_s() if process else 0.0, vendor.cpu_s() + _own_cpu_s()
    tally = uvloop.run(load.open_loop(contender.address, data, rate, seconds))
    return Round(
        contender=contender.name,
        kind=f"{rate:g}/s",
        callers=0,
        cpu_s=process.cpu_s() - cpu if process else 0.0,
        load_cpu_s=vendor.cpu_s() + _own_cpu_s() - load_cpu,
        rss_bytes=process.rss_bytes() if process else 0,
        **figures_of(tally),
    )


# The gateway's own doors.


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(
    address: str, method: str, path: str, bearer: str = "", data: Any = None
) -> tuple[int, bytes]:
    """One JSON request of the admin side."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        headers = {"Content-Type": "application/json"} if data is not None else {}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        body = None if data is None else json.dumps(data).encode()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_ready(process: Process, address: str) -> None:
    """Until /readyz says so. Raises RuntimeError when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.ended() is not None:
            raise RuntimeError(f"{process.name} ended with exit code {process.ended()}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(address, "GET", "/readyz")[0] == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.name} was not ready after {START_SECONDS:.0f} s")


def make_vault_key(address: str, admin_key: str) -> str:
    terms = {
        "vendor": "stripe",
        "daily_usd_cap": 100_000_000,
        "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/payment_intents/*"],
        "expires_in": "2h",
        "agent_run_label": "bench/1",
    }
    status, body = ask(address, "POST", "/vault/keys", admin_key, terms)
    if status != 201:
        raise RuntimeError(f"no vault key: {status} {body.decode('utf-8', 'replace')}")
    return str(json.loads(body)["key"])


def check_answers(contender: Contender) -> None:
    """One call before any load. Raises RuntimeError when it is not the vendor's 200."""
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    [result] = asyncio.run(load.burst(contender.address, [data], 1))
    if result.status != 200 or b'"object":"payment_intent"' not in result.body:
        raise RuntimeError(
            f"{contender.name} {contender.shot.method} answers {result.status}: "
            f"{result.body[:300].decode('utf-8', 'replace')}{result.broken}"
        )
