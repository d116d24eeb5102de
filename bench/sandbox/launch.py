"""Start a sandbox from a test or a benchmark, and talk to its control door.

    with Sandbox.start() as sandbox:
        sandbox.behave(path="/v1/payment_intents", status=500)
        ...
        sandbox.stats()["charged"]          # {"usd": 1200}

Blocking calls, over http.client: for setting scenes and reading results, not for load. The process
ends when this one does, however that ends (its stdin closes).
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


class Sandbox:
    """A running sandbox. address: host:port."""

    __slots__ = ("_process", "address", "base_url")

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self._process = process
        self.address = address
        self.base_url = f"http://{address}"

    @classmethod
    def start(
        cls,
        vendor: str = "stripe",
        *options: str,
        listen: str = "127.0.0.1:0",
        python: str = sys.executable,
        prefix: tuple[str, ...] = (),
    ) -> Sandbox:
        """options: more of the command line. prefix: such as ("taskset", "-c", "1")."""
        command = [*prefix, python, "-m", "bench.sandbox", vendor]
        process = subprocess.Popen(
            [*command, "--listen", listen, "--exit-with-parent", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            with process:
                raise RuntimeError(f"the sandbox ended at once, exit code {process.wait()}")
        return cls(process, json.loads(line)["address"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> int:
        """End it in good order; its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.stdin.close()
        self._process.stdout.close()
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stats(self) -> dict[str, Any]:
        return self.control("GET", "stats")

    def state(self) -> dict[str, Any]:
        return self.control("GET", "state")

    def behave(self, **fault: Any) -> None:
        """Script one fault; its fields are `faults.Fault`'s."""
        self.control("POST", "behave", fault)

    def calm(self) -> None:
        self.control("POST", "calm")

    def reset(self) -> None:
        self.control("POST", "reset")

    def charged(self, currency: str = "usd") -> int:
        """What payers were really charged, in minor units."""
        return int(self.stats()["charged"].get(currency, 0))

    def control(self, method: str, action: str, data: Any = None) -> dict[str, Any]:
        """One call to `/_sandbox/{action}`. Raises ValueError with its message when refused."""
        status, _, body = self.request(
            method, f"/_sandbox/{action}", None if data is None else json.dumps(data).encode()
        )
        answer: dict[str, Any] = json.loads(body)
        if status != 200:
            raise ValueError(answer["error"])
        return answer

    def request(
        self, method: str, target: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers in lower case, body.
        A header `idempotency_key=…` is sent as `idempotency-key`."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, body, named)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, {n.lower(): v for n, v in answer.getheaders()}, content
        finally:
            connection.close()
