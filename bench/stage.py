"""The processes on stage: a vendor, the gateway in its modes, its peers; and the calls they get.

All run at once for the whole benchmark, idle but for the one whose turn it is: the program under
test on one core, load and vendor on another.
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
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import load
from bench.machine import Process, cores

ROOT: Final = Path(__file__).resolve().parents[1]
SECRET: Final = "sk_test_bench"
FORM: Final = "amount=1200&currency=usd&confirm=true"
START_SECONDS: Final = 30.0
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


# The stage.


class Stage:
    """All processes of a benchmark, started and stopped together."""

    __slots__ = ("_closing", "_core", "contenders", "load_core", "var", "vendor")

    def __init__(self, closing: contextlib.ExitStack, var: Path) -> None:
        self._closing = closing
        self._core, self.load_core = cores()
        self.var = var
        self.contenders: list[Contender] = []
        python = sys.executable
        self.vendor = self._start("vendor", [python, "-m", "bench.vendor"], self.load_core)

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


@contextlib.contextmanager
def stage(*, gateway: bool) -> Iterator[Stage]:
    """All processes, until the end of the block. Ledgers lie below the checkout, on a real disk: on
    a memory file system a sync would cost nothing."""
    var = ROOT / "var" / f"bench-{os.getpid()}"
    var.mkdir(parents=True)
    with contextlib.ExitStack() as closing:
        closing.callback(shutil.rmtree, var)
        made = Stage(closing, var)
        made.add_direct()
        made.add_aiohttp()
        if gateway:
            made.add_gateway("FULL", CHARGE, READ)
            made.add_gateway("NORMAL", CHARGE)
        yield made


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
            raise RuntimeError(
                f"{process.name} ended, code {process.ended()}\n{process.last_words()}"
            )
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(address, "GET", "/readyz")[0] == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(
        f"{process.name} was not ready after {START_SECONDS:.0f} s\n{process.last_words()}"
    )


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
