"""A real gateway for tests from outside: started as users start it, spoken to over a socket.

    with Sandbox.start() as sandbox, Gateway.start(directory, sandbox.base_url) as gateway:
        key = gateway.make_key(daily_usd_cap="500", allowed_endpoints=["POST /v1/charges"])
        answer = gateway.call(key, "POST", "/v1/charges", form={"amount": 1200, "currency": "usd"})
        gateway.kill()
        gateway.restart()

Blocking, for scenes of a few calls or, in threads, a few hundred. Ports are the system's to pick, a
start is waited for by reading the pipe that the gateway writes its address to, and everything lies
in the directory that the test hands in.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode

ROOT: Final = Path(__file__).resolve().parents[1]
ADMIN_KEY: Final = "kb_admin_of_the_tests_0123456789"
STRIPE_SECRET: Final = "sk_test_houseOfTests"
TWILIO_SID: Final = "AC" + "7" * 32
TWILIO_TOKEN: Final = "5" * 32
RESEND_SECRET: Final = "re_houseOfTests_0123456789"
TWILIO_SANDBOX: Final = ("twilio", "--secret", f"{TWILIO_SID}:{TWILIO_TOKEN}")
RESEND_SANDBOX: Final = ("resend", "--secret", RESEND_SECRET)
"""What `Sandbox.start` takes for an account that the settings below hold the credentials of."""
ANSWER_TIMEOUT_S: Final = 60.0
END_TIMEOUT_S: Final = 120.0

_SETTINGS: Final = """\
[server]
listen = "127.0.0.1:0"
{server}
[ledger]
shards = ["sqlite:ledger-0.db", "sqlite:ledger-1.db"]
audit = "sqlite:audit.db"
{ledger}
[vendors.stripe]
base_url = "{vendor}"
{stripe}
[vendors.stripe.accounts.default]
secret = "env:STRIPE_SECRET_KEY"
{more}
"""


def stripe_at(base_url: str) -> str:
    """Whole settings that lead to a Stripe."""
    return _SETTINGS.format(vendor=base_url, server="", ledger="", stripe="", more="")


def twilio_at(base_url: str, *, lines: str = "", account_lines: str = "") -> str:
    """Sections of the settings that lead to a Twilio. lines: more of the vendor's settings;
    account_lines: whole sections of more accounts."""
    return f"""
[vendors.twilio]
base_url = "{base_url}"
{lines}
[vendors.twilio.accounts.default]
account_sid = "{TWILIO_SID}"
secret = "env:TWILIO_AUTH_TOKEN"
{account_lines}
"""


def resend_at(base_url: str, *, lines: str = "", account_lines: str = "") -> str:
    """The same for Resend."""
    return f"""
[vendors.resend]
base_url = "{base_url}"
{lines}
[vendors.resend.accounts.default]
secret = "env:RESEND_API_KEY"
{account_lines}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. headers: lower-case names; of a repeated one the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str | None:
        """Our code, in the flat shape or inside Stripe's."""
        told = self.json().get("error")
        return told.get("code") if isinstance(told, dict) else told


class Closed(Exception):
    """The other side closed before a whole answer was there. got: what did come."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"closed after {len(got)} bytes")
        self.got = got


class Wire:
    """One connection: raw bytes out, answers in. Nothing is repaired on the way."""

    __slots__ = ("_left", "_socket")

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), ANSWER_TIMEOUT_S)
        self._left = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self, *, head: bool = False) -> Answer:
        """The next answer that is no 1xx. head: it is to a HEAD, without a body. Raises Closed."""
        while True:
            status, headers = self._head()
            if status >= 200:
                return Answer(status, headers, b"" if head else self._body(status, headers))

    def interim(self) -> int:
        """The status of a 1xx answer."""
        return self._head()[0]

    def at_end(self) -> bool:
        """Waits for the other side: True when it closes, False when it sends more."""
        if not self._left:
            self._left = self._receive()
        return not self._left

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _head(self) -> tuple[int, dict[str, str]]:
        start, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines if line)
        return int(start.split(" ", 2)[1]), {n.lower(): v.strip() for n, v in pairs}

    def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return self._chunks()
        if status in (204, 304):
            return b""
        return self._exactly(int(headers["content-length"]))

    def _chunks(self) -> bytes:
        pieces = []
        while size := int(self._until(b"\r\n"), 16):
            pieces.append(self._exactly(size))
            self._exactly(2)
        self._exactly(2)
        return b"".join(pieces)

    def _until(self, mark: bytes) -> bytes:
        while (end := self._left.find(mark)) < 0:
            self._more()
        found, self._left = self._left[:end], self._left[end + len(mark) :]
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._left) < size:
            self._more()
        found, self._left = self._left[:size], self._left[size:]
        return found

    def _more(self) -> None:
        data = self._receive()
        if not data:
            raise Closed(self._left)
        self._left += data

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(262_144)
        except ConnectionResetError:
            return b""


def request_bytes(
    method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """A plain request, its Content-Length set where there is a body."""
    lines = [
        f"{method} {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


@dataclass(frozen=True, slots=True)
class VaultKey:
    """A key as its maker got it. record: the whole answer."""

    id: str
    secret: str
    record: Mapping[str, Any]


class GatewayEnded(Exception):
    """The process ended instead of getting ready. code: its exit code. said: its stderr."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"exit code {code}: {said}")
        self.code = code
        self.said = said


@dataclass(slots=True)
class Gateway:
    """A gateway process and its directory. address, admin_address: host:port, new at each start.
    program: what Python runs at the next start, the gateway itself or something around it.
    python: what runs it; KEYBRAKE_TESTED names another than this Python, such as the binary. A
    program of a test's own runs on this Python all the same.
    more_fds: file descriptors that it inherits then."""

    directory: Path
    env: dict[str, str]
    address: str = ""
    admin_address: str = ""
    admin_key: str = ADMIN_KEY
    program: tuple[str, ...] = ("-m", "gateway")
    python: str = os.environ.get("KEYBRAKE_TESTED", sys.executable)
    more_fds: tuple[int, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        directory: Path,
        vendor: str,
        *,
        server: str = "",
        ledger: str = "",
        stripe: str = "",
        more: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Gateway:
        """vendor: a base URL. server, ledger, stripe: more lines of these sections of the settings;
        more: whole sections. env: more of the environment. Raises GatewayEnded."""
        text = _SETTINGS.format(
            vendor=vendor, server=server, ledger=ledger, stripe=stripe, more=more
        )
        gateway = cls(directory, dict(env or {}))
        gateway.begin(text)
        return gateway

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def said(self) -> str:
        """All that it wrote to its stderr so far, over all starts."""
        return (self.directory / "stderr.log").read_text()

    # -- living and dying ------------------------------------------------------------------------

    def begin(self, settings: str) -> None:
        """Start on these settings. Raises GatewayEnded."""
        (self.directory / "gateway.toml").write_text(settings)
        self.restart()

    def restart(self) -> None:
        """Start on the same directory again, and wait until it is ready. Raises GatewayEnded."""
        reading, writing = os.pipe()
        try:
            self._process = self._spawn(writing)
        finally:
            os.close(writing)
        with os.fdopen(reading) as pipe:
            line = pipe.readline()
        if not line:
            raise GatewayEnded(self.wait(), self.said)
        ready = json.loads(line)
        self.address, self.admin_address = ready["address"], ready["admin_address"]

    def _spawn(self, ready_fd: int) -> subprocess.Popen[bytes]:
        with (
            (self.directory / "stdout.log").open("ab") as out,
            (self.directory / "stderr.log").open("ab") as err,
        ):
            python = sys.executable if self.program[:1] == ("-c",) else self.python
            return subprocess.Popen(
                [python, *self.program, "serve", "--config", "gateway.toml"],
                cwd=self.directory,
                env={**self._environment(), "KEYBRAKE_READY_FD": str(ready_fd)},
                pass_fds=(ready_fd, *self.more_fds),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of keybrake's on this gateway's settings, such as `ledger verify`, to its
        end."""
        return subprocess.run(
            [self.python, "-m", "gateway", *words, "--config", "gateway.toml"],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=END_TIMEOUT_S,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KEYBRAKE_ADMIN_KEY": self.admin_key,
            "STRIPE_SECRET_KEY": STRIPE_SECRET,
            "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
            "RESEND_API_KEY": RESEND_SECRET,
            **self.env,
        }

    def kill(self) -> None:
        """SIGKILL, and nothing of it is left when this returns."""
        self._running().kill()
        self.wait()

    def terminate(self) -> None:
        """SIGTERM; `wait` for its end."""
        self._running().send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code, once it has one."""
        code = self._running().wait(END_TIMEOUT_S)
        self._process = None
        return code

    def stop(self) -> int:
        """End it in good order. Returns its exit code; 0 too if it is not running."""
        if self._process is None:
            return 0
        self.terminate()
        return self.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the gateway is not running"
        return self._process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    # -- speaking --------------------------------------------------------------------------------

    def wire(self) -> Wire:
        """A connection of the callers' side."""
        return Wire(self.address)

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, Any] | None = None,
        json_body: Any = None,
        admin: bool = False,
    ) -> Answer:
        """One request on a connection of its own. form, json_body: its body, if any."""
        address = self.admin_address if admin else self.address
        named = {"Host": address, **(headers or {})}
        body: bytes | None = None
        if form is not None:
            named["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        elif json_body is not None:
            named["Content-Type"] = "application/json"
            body = json.dumps(json_body).encode()
        with Wire(address) as wire:
            wire.send(request_bytes(method, target, named, body))
            return wire.answer(head=method == "HEAD")

    def call(
        self,
        key: VaultKey | str,
        method: str,
        path: str,
        *,
        form: Mapping[str, Any] | None = None,
        json_body: Any = None,
        **headers: str,
    ) -> Answer:
        """A call to the key's vendor through the gateway; of a bare secret, to Stripe. A header
        `idempotency_key=…` goes out as `idempotency-key`."""
        secret, vendor = key, "stripe"
        if isinstance(key, VaultKey):
            secret, vendor = key.secret, key.record["vendor"]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request(
            method,
            f"/{vendor}{path}",
            headers={"Authorization": f"Bearer {secret}", **named},
            form=form,
            json_body=json_body,
        )

    def admin(
        self, method: str, target: str, json_body: Any = None, *, bearer: str | None = None
    ) -> Answer:
        """A request of the admin side; bearer: instead of the admin key."""
        headers = {"Authorization": f"Bearer {bearer or self.admin_key}"}
        return self.request(method, target, headers=headers, json_body=json_body, admin=True)

    def ask(self, target: str) -> Any:
        """What the admin side answers to a GET that succeeds."""
        answer = self.admin("GET", target)
        assert answer.status == 200, answer
        return answer.json()

    def make_key(self, *, bearer: str | None = None, **terms: Any) -> VaultKey:
        """A key of a vendor (Stripe's if none is named); 500 USD a day for everything, unless the
        terms say otherwise."""
        below = "/v1" if terms.get("vendor", "stripe") == "stripe" else ""
        body = {
            "vendor": "stripe",
            "daily_usd_cap": "500",
            "agent_run_label": "house-of-tests/1",
            "allowed_endpoints": [f"{method} {below}/**" for method in ("POST", "GET", "DELETE")],
            **terms,
        }
        answer = self.admin("POST", "/vault/keys", body, bearer=bearer)
        assert answer.status == 201, answer
        record = answer.json()
        return VaultKey(record["id"], record["key"], record)

    def record(self, key: VaultKey) -> Any:
        """A key as it stands now."""
        return self.ask(f"/vault/keys/{key.id}")


@dataclass(slots=True)
class OnThisPython(Gateway):
    """For tests that plant something in Python itself: so, whatever else is tested."""

    python: str = sys.executable
