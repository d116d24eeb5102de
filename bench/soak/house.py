"""The processes of a soak: a Stripe, a Twilio and a Resend of our own, and the gateway before them,
all by the same fast clock. The gateway keeps its address over all of its lives."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.doors import free_port
from bench.sandbox.launch import Sandbox
from bench.soak.warp import VARIABLE, Warp
from bench.stage import ROOT
from bench.vendor import TWILIO_SID

ADMIN_KEY: Final = "kb_admin_of_the_soak_0123456789"
STRIPE_SECRET: Final = "sk_test_51Hsoak" + "0" * 84
TWILIO_TOKEN: Final = "5" * 32
RESEND_SECRET: Final = "re_soak_0123456789abcdef"
END_S: Final = 60.0
UNDER_WARP: Final = (sys.executable, "-m", "bench.soak.warp")
SETTINGS: Final = """\
[server]
listen = "{address}"
[ledger]
shards = ["sqlite:ledger-0.db", "sqlite:ledger-1.db"]
audit = "sqlite:audit.db"
backups = "backups"
checkpoint_entries = 5000
[money]
rates_age_max_days = 3650
[reconciler]
calls_per_second_max = 20
doubt_first_look_s = 3600
listing_gap_s = 7200
[log]
level = "info"
format = "json"
calls = false
[vendors.stripe]
base_url = "{stripe}"
first_byte_timeout_s = 3
total_timeout_s = 6
queue_wait_s = {queue_wait_s}
[vendors.stripe.accounts.default]
secret = "env:STRIPE_SECRET_KEY"
[vendors.twilio]
base_url = "{twilio}"
first_byte_timeout_s = 3
[vendors.twilio.accounts.default]
account_sid = "{sid}"
secret = "env:TWILIO_AUTH_TOKEN"
[vendors.resend]
base_url = "{resend}"
first_byte_timeout_s = 3
calls_per_second_max = 10
[vendors.resend.accounts.default]
secret = "env:RESEND_API_KEY"
"""
"""A call in doubt is first looked at when all that a sandbox was asked to do late is done: an hour
of its days is ten seconds of ours."""


@dataclass(slots=True)
class House:
    """Living. lives: how often the gateway was started."""

    folder: Path
    warp: Warp
    stripe: Sandbox
    twilio: Sandbox
    resend: Sandbox
    address: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    lives: int = 0
    _ready: bool = False
    _process: subprocess.Popen[bytes] | None = None

    # -- living ----------------------------------------------------------------------------------

    def settle(self, queue_wait_s: float) -> None:
        """Write the settings; a gateway that runs reads them at its next SIGHUP."""
        text = SETTINGS.format(
            address=self.address,
            stripe=self.stripe.base_url,
            twilio=self.twilio.base_url,
            resend=self.resend.base_url,
            sid=TWILIO_SID,
            queue_wait_s=queue_wait_s,
        )
        (self.folder / "gateway.toml").write_text(text)

    def start(self) -> None:
        """Until it is ready. Raises RuntimeError when it ends instead."""
        reading, writing = os.pipe()
        with (self.folder / "stderr.log").open("ab") as err, os.fdopen(writing) as ready:
            self._process = subprocess.Popen(
                [*UNDER_WARP, sys.executable, "-m", "gateway", "serve", "--config", "gateway.toml"],
                cwd=self.folder,
                env={**_environment(), "KEYBRAKE_READY_FD": str(ready.fileno())},
                pass_fds=(ready.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
            )
        with os.fdopen(reading) as pipe:
            line = pipe.readline()
        if not line:
            raise RuntimeError(f"the gateway ended at its start, code {self._process.wait()}")
        self.lives += 1
        self._ready = True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ended(self) -> int | None:
        """Its exit code, when nobody asked it to end."""
        return None if self._process is None else self._process.poll()

    def hang_up(self) -> None:
        """Only to one that is ready: before it can hear, SIGHUP ends a process."""
        if self._ready and self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def end(self, *, kill: bool) -> int:
        """Its exit code: of SIGKILL, or of SIGTERM and an end in good order."""
        assert self._process is not None
        self._ready = False
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        code = self._process.wait(END_S)
        self._process = None
        return code

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of keybrake's on these settings, to its end."""
        return subprocess.run(
            [*UNDER_WARP, sys.executable, "-m", "gateway", *words, "--config", "gateway.toml"],
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    # -- speaking --------------------------------------------------------------------------------

    def ask(
        self, method: str, path: str, data: Any = None, *, bearer: str = ADMIN_KEY,
        timeout_s: float = 60.0,
    ) -> tuple[int, bytes]:  # fmt: skip
        """One request of the admin side. Raises OSError or HTTPException where nobody answers."""
        connection = http.client.HTTPConnection(self.address, timeout=timeout_s)
        headers = {"Authorization": f"Bearer {bearer}"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(
                method, path, None if data is None else json.dumps(data).encode(), headers
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def told(self, path: str, *, timeout_s: float = 60.0) -> Any:
        """What a GET that succeeds answers. Raises RuntimeError as well."""
        status, body = self.ask("GET", path, timeout_s=timeout_s)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:300]!r}")
        return json.loads(body)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "KEYBRAKE_ADMIN_KEY": ADMIN_KEY,
        "KEYBRAKE_DEBUGGABLE": "1",  # `watch` counts its descriptors from outside
        "STRIPE_SECRET_KEY": STRIPE_SECRET,
        "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "RESEND_API_KEY": RESEND_SECRET,
    }


@contextlib.contextmanager
def opened(folder: Path, speed: int) -> Iterator[House]:
    """A house that serves. All processes end with the block, however it ends."""
    warp = Warp.begin(speed)
    os.environ[VARIABLE] = str(warp)
    with contextlib.ExitStack() as down:
        secrets = (STRIPE_SECRET, f"{TWILIO_SID}:{TWILIO_TOKEN}", RESEND_SECRET)
        stripe, twilio, resend = (
            down.enter_context(
                Sandbox.start(
                    vendor,
                    *("--secret", secret, "--state-file", str(folder / f"{vendor}.money")),
                    prefix=UNDER_WARP,
                )
            )
            for vendor, secret in zip(("stripe", "twilio", "resend"), secrets, strict=True)
        )
        house = House(folder, warp, stripe, twilio, resend)
        house.settle(queue_wait_s=2.0)
        house.start()
        down.callback(lambda: house.ended() is None and house._process and house.end(kill=True))
        yield house
