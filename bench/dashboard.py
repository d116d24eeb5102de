"""How long each page of the dashboard takes on a big audit log: a gateway is started on the file,
signed in to as a browser is, and every page is asked for a few times.

    python -m bench.dashboard --audit FILE [--asks 10] [--days 90] [--bar 300]

FILE is used where it lies, and written to as any gateway would; `bench.micro.history --keep FILE`
makes one.
The table has the first answer, the median and the worst, and the gateway's CPU for one of them. A
page beyond the bar (ms) is marked, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from bench.machine import Process
from bench.stage import ask, free_port, wait_ready

ROOT: Final = Path(__file__).resolve().parents[1]
SETTINGS: Final = """\
[server]
listen = "{address}"
[ledger]
shards = ["sqlite:{folder}/ledger-0.db"]
audit = "sqlite:{audit}"
"""
HOUSE_PAGES: Final = (
    ("keys", "/keys"),
    ("keys, spent most", "/keys?sort=spent&status=all"),
    ("a new key", "/keys/new"),
    *((f"open, {state}", f"/open?state={state}") for state in ("in_doubt", "pending", "standing")),
    ("issuers", "/issuers"),
    ("vendors", "/vendors"),
    ("settings", "/settings"),
)
"""What is told from memory more than from the log."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One page. seconds: of each ask, in order. cpu_s: of the gateway, for all of them."""

    name: str
    status: int
    size_bytes: int
    seconds: tuple[float, ...]
    cpu_s: float

    @property
    def row(self) -> str:
        first, middle, worst = (
            1_000 * s for s in (self.seconds[0], statistics.median(self.seconds), max(self.seconds))
        )
        size = f"{self.size_bytes / 1024:.0f}"
        cpu = f"{1_000 * self.cpu_s / len(self.seconds):8.1f}"
        times = f"{first:9.1f} {middle:9.1f} {worst:9.1f}"
        return f"{self.name:44} {self.status} {size:>6} {times} {cpu}"


class Person:
    """One browser without its scripts, on one connection."""

    def __init__(self, address: str, admin_key: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=300)
        self._connection.request("GET", "/dashboard/sign-in")
        self._connection.getresponse().read()
        form = urlencode({"key": admin_key, "next": "/dashboard"})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/dashboard/sign-in", form, kind)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 303:
            raise RuntimeError(f"not signed in: {answer.status}")
        self.cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]

    def get(self, path: str) -> tuple[int, str, float]:
        """Status, page, seconds to its last byte."""
        began = time.perf_counter()
        headers = {"Cookie": self.cookie}
        self._connection.request("GET", f"/dashboard{path}", headers=headers)
        answer = self._connection.getresponse()
        page = answer.read().decode()
        return answer.status, page, time.perf_counter() - began

    def export_starts(self, path: str) -> tuple[int, int, float]:
        """Status, the length of the first piece, seconds to it. Ends the connection."""
        began = time.perf_counter()
        self._connection.request("GET", f"/dashboard{path}", headers={"Cookie": self.cookie})
        answer = self._connection.getresponse()
        piece = answer.read(4_096)
        took_s = time.perf_counter() - began
        self._connection.close()
        return answer.status, len(piece), took_s


def pages(call: dict[str, Any], days: int) -> Iterator[tuple[str, str]]:
    """(name, path) of every page. call: a record that is in the log."""
    wide = {"range": "90d"}
    if days > 90:
        begin = time.strftime("%Y-%m-%d", time.gmtime(time.time() - days * 86_400))
        wide = {"from": begin}
    yield "overview", ""
    one = {name: call[name] for name in ("key_id", "run", "scenario", "vendor", "operation")}
    single = [*one.items(), ("account", "default"), ("decision", "refused")]
    single += [("state", "in_doubt"), ("state", "settled"), ("code", "policy_refused")]
    single += [("object_id", call["object_id"] or "pi_1"), ("key_id", "vk_nobody")]
    yield "calls", "/calls"
    yield "calls, the whole span", f"/calls?{urlencode(wide)}"
    for name, value in single:
        yield f"calls by {name}={value[:18]}", f"/calls?{urlencode({name: value, **wide})}"
    several = (
        {"key_id": call["key_id"], "decision": "refused"},
        {"vendor": call["vendor"], "state": "in_doubt", "decision": "allowed"},
        {"scenario": call["scenario"], "code": "policy_refused"},
        {"vendor": call["vendor"], "operation": call["operation"], "decision": "refused"},
        {"key_id": call["key_id"], "scenario": "nobody's"},
    )
    for filters in several:
        yield f"calls by {' + '.join(filters)}", f"/calls?{urlencode({**filters, **wide})}"
    yield "one call", f"/calls/{call['id']}"
    for by in ("run", "scenario"):
        yield f"runs by {by}", f"/runs?{urlencode({'by': by, **wide})}"
    yield "one run", f"/runs/one?{urlencode({'label': call['run']})}"
    yield "revoke a run", f"/runs/revoke?{urlencode({'label': call['run']})}"
    for by in ("vendor", "account", "operation", "scenario", "key"):
        for span in ({"range": "24h"}, {"range": "30d"}, wide):
            query = urlencode({"by": by, **span})
            yield f"spend by {by}, {next(iter(span.values()))}", f"/spend?{query}"
    yield from HOUSE_PAGES


def measure(
    person: Person, gateway: Process, call: dict[str, Any], days: int, asks: int
) -> Iterator[Timed]:
    for name, path in pages(call, days):
        timed, page = _timed(person, gateway, name, path, asks)
        yield timed
        if name in ("calls, the whole span", "runs by run"):
            found = re.search(r'id="older" href="/dashboard([^"]+)"', page)
            if found:
                older = found[1].replace("&amp;", "&")
                yield _timed(person, gateway, f"{name}, older", older, asks)[0]


def _timed(person: Person, gateway: Process, name: str, path: str, asks: int) -> tuple[Timed, str]:
    cpu_s = gateway.cpu_s()
    told = [person.get(path) for _ in range(asks)]
    cpu_s = gateway.cpu_s() - cpu_s
    status, page, _ = told[0]
    return Timed(name, status, len(page), tuple(seconds for *_, seconds in told), cpu_s), page


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.dashboard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--audit", type=Path, required=True, metavar="FILE")
    parser.add_argument("--asks", type=int, default=10)
    parser.add_argument("--days", type=int, default=90, help="how far back it reaches")
    parser.add_argument("--bar", type=float, default=300.0, metavar="MS")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as closing:
        address, admin_key = f"127.0.0.1:{free_port()}", secrets.token_hex(20)
        settings = Path(folder) / "gateway.toml"
        settings.write_text(
            SETTINGS.format(address=address, folder=folder, audit=given.audit.resolve())
        )
        began = time.perf_counter()
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(settings)]
        log = Path(folder) / "gateway.log"
        env = {"KEYBRAKE_ADMIN_KEY": admin_key}
        gateway = closing.enter_context(
            Process("gateway", command, core=None, env=env, log=log, cwd=ROOT)
        )
        wait_ready(gateway, address)
        print(f"ready after {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        _, body = ask(address, "GET", "/vault/calls?decision=allowed&limit=1", admin_key)
        call = json.loads(body)["data"][0]
        person = Person(address, admin_key)
        times = f"{'first ms':>9} {'median':>9} {'worst':>9} {'CPU ms':>8}"
        print(f"{'page':44} got {'KiB':>6} {times}")
        slow = 0
        for timed in measure(person, gateway, call, given.days, given.asks):
            too_slow = 1_000 * max(timed.seconds) > given.bar
            slow += too_slow
            print(timed.row + ("  <- beyond the bar" if too_slow else ""), flush=True)
        status, size, took_s = person.export_starts("/calls/export?format=csv&range=90d")
        print(f"{'export, its first bytes':44} {status} {size:>6} {1_000 * took_s:9.1f}")
    return 1 if slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
