"""The gateway's own doors, as an operator uses them: is it ready, and a vault key for the load."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from bench.machine import Process

START_SECONDS: Final = 60.0
PORTS: Final = range(20_000, 32_000)
ENDPOINTS: Final = {
    "stripe": [
        "POST /v1/payment_intents",
        "GET /v1/payment_intents/*",
        "POST /files/v1/files",
        "GET /files/v1/files/*",
    ],
    "twilio": ["POST /2010-04-01/Accounts/*/Messages.json"],
    "resend": ["POST /emails"],
}


def free_port() -> int:
    """One that nobody listens on, below those that the system hands out: until it is taken, no
    connection of anybody's gets it."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def ask(
    address: str, method: str, path: str, bearer: str = "", data: Any = None
) -> tuple[int, bytes]:
    """One JSON request of the admin side."""
    connection = http.client.HTTPConnection(address, timeout=30)
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
    wait_until(process, lambda: ask(address, "GET", "/readyz")[0] == 200, START_SECONDS)


def wait_until(process: Process, is_ready: Callable[[], bool], seconds: float) -> None:
    """Ask until it is so; a connection that is refused is a no. Raises RuntimeError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.ended() is not None:
            raise RuntimeError(
                f"{process.name} ended, code {process.ended()}\n{process.last_words()}"
            )
        with contextlib.suppress(OSError, http.client.HTTPException):
            if is_ready():
                return
        time.sleep(0.05)
    raise RuntimeError(
        f"{process.name} was not ready after {seconds:.0f} s\n{process.last_words()}"
    )


def make_vault_key(address: str, admin_key: str, vendor: str = "stripe") -> str:
    """One without a practical cap."""
    terms = {
        "vendor": vendor,
        "daily_usd_cap": 100_000_000,
        "allowed_endpoints": ENDPOINTS[vendor],
        "expires_in": "12h",
        "agent_run_label": "bench/1",
    }
    status, body = ask(address, "POST", "/vault/keys", admin_key, terms)
    if status != 201:
        raise RuntimeError(f"no vault key: {status} {body.decode('utf-8', 'replace')}")
    return str(json.loads(body)["key"])
