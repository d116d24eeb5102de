"""`keybrake demo`: the whole story in a terminal, in less than 20 seconds, on a gateway of its own.

It starts a private gateway with the Stripe sandbox in a temporary folder, on ports that the system
picks, and then does what a scenario and its owner would do: issue a key with a 500 USD cap, charge
until the brake holds, revoke another run in the middle, and read the audit. Whatever happens, both
are gone afterwards.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

from gateway.run.commands import show
from gateway.run.commands.api import Api, CommandFailed
from gateway.run.layers import PREFIX
from gateway.run.sandbox import read_ready_line

START_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 10.0
CALL_TIMEOUT_S: Final = 15.0

CAP_USD: Final = 500
CHARGES_USD: Final = (120, 80, 150, 99, 45, 20)
"""Together 514 USD: the last one is over the cap, whatever the order of the others."""

KEY: Final[Mapping[str, Any]] = {
    "vendor": "stripe",
    "daily_usd_cap": CAP_USD,
    "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/customers/*"],
    "expires_in": "2h",
}
BRAKED: Final = "make-billing-scenario/8f31"
REVOKED: Final = "make-billing-scenario/9c02"

COLUMNS: Final = ("method", "path", "decision", "code", "status", "quote_usd", "cost_usd", "state")


def run(out: TextIO | None = None) -> int:
    """Tell the story. Raises CommandFailed if a step of it does not go as it should."""
    out = out or sys.stdout
    teller = Teller(out, colour=out.isatty() and "NO_COLOR" not in os.environ)
    signal.signal(signal.SIGTERM, _leave)
    teller.step("Starting a private gateway with a Stripe sandbox; no real money moves")
    with private_gateway() as gateway:
        _charge_until_it_brakes(teller, gateway)
        _revoke_in_the_middle(teller, gateway)
        _read_the_audit(teller, gateway)
    teller.step("The private gateway is gone. Yours: keybrake serve")
    return 0


# ── the story ───────────────────────────────────────────────────────────────────────────────────


def _charge_until_it_brakes(teller: Teller, gateway: Gateway) -> None:
    teller.step(
        f"Issue a vault key: at most {CAP_USD} USD a day, one endpoint to charge, two hours"
    )
    made = gateway.admin.post("/vault/keys", {**KEY, "agent_run_label": BRAKED})
    teller.line(f"{made['id']}  for the run {BRAKED}")
    teller.step("An automation charges with it")
    for amount_usd in CHARGES_USD:
        answer = gateway.charge(made["key"], amount_usd)
        if answer.status != 200:
            break
        left = answer.headers.get("keybrake-remaining-usd", "?")
        teller.good(f"charge {amount_usd:>4} USD   200   {left:>7} USD left")
    teller.bad(f"charge {amount_usd:>4} USD   {answer.status}   the brake holds:")
    teller.body(answer.body)
    _expect(answer, 429, "daily_cap_exceeded")


def _revoke_in_the_middle(teller: Teller, gateway: Gateway) -> None:
    teller.step("Another run goes wrong: its owner revokes it in the middle")
    made = gateway.admin.post("/vault/keys", {**KEY, "agent_run_label": REVOKED})
    answer = gateway.charge(made["key"], 60)
    teller.good(f"charge   60 USD   {answer.status}")
    revoked = gateway.admin.post("/vault/runs/revoke", {"label": REVOKED})
    teller.line(f"revoke {REVOKED}: {json.dumps(revoked)}")
    answer = gateway.charge(made["key"], 60)
    teller.bad(f"charge   60 USD   {answer.status}   {answer.body.get('error')}")
    _expect(answer, 401, "key_revoked")


def _read_the_audit(teller: Teller, gateway: Gateway) -> None:
    for label in (BRAKED, REVOKED):
        teller.step(f"The audit of {label}")
        rows = list(gateway.admin.rows("/vault/calls", {"run": label}, limit=20))
        for line in show.table(rows[::-1], COLUMNS):
            teller.line(line)


def _expect(answer: Answer, status: int, error: str) -> None:
    """The demo is a promise: a story that goes otherwise is a failure, not a story."""
    if (answer.status, answer.body.get("error")) != (status, error):
        raise CommandFailed(f"expected {status} {error}, got {answer.status}: {answer.body}")


# ── the gateway it is told with ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Answer:
    """headers: by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class Gateway:
    """A running gateway, as an automation and its owner see it."""

    def __init__(self, address: str, admin_key: str) -> None:
        self.admin = Api(f"http://{address}", admin_key)
        self._address = address

    def charge(self, vault_key: str, amount_usd: int) -> Answer:
        """What a scenario's HTTP module sends: the base URL and the Authorization header changed,
        no more."""
        connection = http.client.HTTPConnection(self._address, timeout=CALL_TIMEOUT_S)
        body = json.dumps({"amount": amount_usd * 100, "currency": "usd", "customer": "cus_1"})
        headers = {"Authorization": f"Bearer {vault_key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/stripe/v1/payment_intents", body, headers)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, json.loads(answer.read()))
        finally:
            connection.close()


@contextmanager
def private_gateway() -> Iterator[Gateway]:
    """A gateway with the sandbox, in a folder that goes away with it. Raises CommandFailed."""
    with tempfile.TemporaryDirectory(prefix="keybrake-demo-") as folder:
        admin_key = f"kb_admin_{secrets.token_hex(20)}"
        settings = Path(folder, "gateway.toml")
        settings.write_text(_settings(folder))
        read_end, write_end = os.pipe()
        environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environ.pop("KEYBRAKE_ADMIN_KEY_FILE", None)
        environ |= {"KEYBRAKE_ADMIN_KEY": admin_key, "KEYBRAKE_READY_FD": str(write_end)}
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--config", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environ,
            pass_fds=[write_end],
            start_new_session=True,
        )
        try:
            os.close(write_end)
            yield Gateway(_address(read_end), admin_key)
        finally:
            os.close(read_end)
            _stop(process)


def _settings(folder: str) -> str:
    """As TOML; a JSON text is a TOML text."""
    quoted = {name: json.dumps(f"sqlite:{folder}/{name}.db") for name in ("ledger-0", "audit")}
    return f"""
[server]
listen = "127.0.0.1:0"
[ledger]
shards = [{quoted["ledger-0"]}]
audit = {quoted["audit"]}
[log]
level = "error"
[vendors.stripe]
sandbox = true
"""


def _address(pipe: int) -> str:
    try:
        line = read_ready_line(pipe, START_TIMEOUT_S)
        address: str = json.loads(line)["address"]
    except (TimeoutError, ValueError, KeyError):
        raise CommandFailed("the private gateway did not start; see above") from None
    return address


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _leave(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the story as Ctrl-C does: through every `finally`."""
    raise KeyboardInterrupt


# ── how it is told ──────────────────────────────────────────────────────────────────────────────


class Teller:
    """Lines with colour on a terminal, plain elsewhere."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._colour = colour

    def step(self, text: str) -> None:
        self._write(f"\n{self._in('1;36', '▸ ' + text)}")

    def line(self, text: str) -> None:
        self._write(f"  {text}")

    def good(self, text: str) -> None:
        self.line(self._in("32", text))

    def bad(self, text: str) -> None:
        self.line(self._in("31", text))

    def body(self, body: Mapping[str, Any]) -> None:
        for text in json.dumps(body, indent=2).splitlines():
            self.line("  " + text)

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        print(text, file=self._out, flush=True)
