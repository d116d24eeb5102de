"""A gateway's admin side, pretended: it answers what a test laid out, and remembers what it was
asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

ADMIN_KEY = "kb_admin_0123456789abcdefghij"


@dataclass
class Pretended:
    """answers: (method, target) -> (status, value). asked: (method, target, body, key)."""

    url: str
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any, str | None]] = field(default_factory=list)

    def will(self, method: str, target: str, value: Any, status: int = 200) -> None:
        self.answers[method, target] = (status, value)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, no_secrets: None) -> Iterator[Pretended]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            pretended.asked.append((self.command, self.path, body, self.headers["Authorization"]))
            lost = (404, {"error": "not_found", "detail": f"{self.command} {self.path}"})
            status, value = pretended.answers.get((self.command, self.path), lost)
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_PATCH = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pretended = Pretended(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("KEYBRAKE_URL", pretended.url)
    monkeypatch.setenv("KEYBRAKE_ADMIN_KEY", ADMIN_KEY)
    yield pretended
    server.shutdown()
    thread.join()
    server.server_close()
