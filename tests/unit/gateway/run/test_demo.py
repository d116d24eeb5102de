"""The story in a terminal, told against a pretended gateway, and the private gateway it needs."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.run import demo
from gateway.run.commands.api import CommandFailed

CODE = """
import os
pipe = int(os.environ["KEYBRAKE_READY_FD"])
os.write(pipe, b'{"ready": true, "address": "127.0.0.1:9"}\\n')
os.close(pipe)
import signal
signal.pause()
"""


class Pretended:
    """Keeps a cap and revokes runs, as far as the story goes."""

    def __init__(self, cap_usd: int) -> None:
        self.admin: Any = self
        self.left_usd = cap_usd
        self.revoked = False

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.left_usd = 500
        self.revoked = path.endswith("/revoke")
        return {"revoked": 1} if self.revoked else {"id": "vk_1", "key": "vault_key_x"}

    def rows(self, path: str, query: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
        yield {"method": "POST", "path": "/v1/payment_intents", "code": "daily_cap_exceeded"}

    def charge(self, key: str, amount_usd: int) -> demo.Answer:
        if self.revoked:
            return demo.Answer(401, {}, {"error": "key_revoked"})
        if amount_usd > self.left_usd:
            return demo.Answer(429, {}, {"error": "daily_cap_exceeded", "remaining_usd": "6.00"})
        self.left_usd -= amount_usd
        return demo.Answer(200, {"keybrake-remaining-usd": f"{self.left_usd}.00"}, {})


@pytest.fixture
def signals_put_back() -> Iterator[None]:
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, signals_put_back: None) -> Pretended:
    gateway = Pretended(500)

    @contextmanager
    def private() -> Iterator[Pretended]:
        yield gateway

    monkeypatch.setattr(demo, "private_gateway", private)
    return gateway


def test_the_story_ends_at_the_brake_and_in_the_audit(pretended: Pretended) -> None:
    out = io.StringIO()
    assert demo.run(out) == 0
    told = out.getvalue()
    assert "429   the brake holds" in told
    assert '"remaining_usd": "6.00"' in told
    assert "401   key_revoked" in told
    assert told.count("METHOD  PATH") == 2
    assert "\x1b" not in told


def test_colours_on_a_terminal_only(pretended: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    demo.run(out)
    assert "\x1b[31m" in out.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    demo.run(out)
    assert "\x1b" not in out.getvalue()


def test_a_brake_that_does_not_hold_is_a_failure(
    pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    def admit(key: str, amount_usd: int) -> demo.Answer:
        return demo.Answer(200, {}, {})

    monkeypatch.setattr(pretended, "charge", admit)
    with pytest.raises(CommandFailed, match="expected 429 daily_cap_exceeded, got 200"):
        demo.run(io.StringIO())


def test_the_charges_pass_the_cap_with_the_last_one_only() -> None:
    assert sum(demo.CHARGES_USD[:-1]) <= demo.CAP_USD < sum(demo.CHARGES_USD)


Started = list[subprocess.Popen[bytes]]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Started]:
    """Another program in the gateway's place; gives the processes that were started."""

    def replace(code: str) -> Started:
        started: Started = []
        popen = subprocess.Popen

        def start(words: list[str], **more: Any) -> subprocess.Popen[bytes]:
            assert words[1:4] == ["-m", "gateway", "serve"]
            assert not [name for name in more["env"] if name.startswith("KEYBRAKE__")]
            started.append(popen([words[0], "-c", code], **more))
            return started[-1]

        monkeypatch.setattr(subprocess, "Popen", start)
        return started

    return replace


def test_the_private_gateway_goes_away(
    stand_in: Callable[[str], Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYBRAKE__SERVER__LISTEN", "127.0.0.1:8080")
    started = stand_in(CODE)
    with demo.private_gateway() as gateway:
        assert gateway.admin.url == "http://127.0.0.1:9"
        assert started[0].poll() is None
    assert started[0].returncode == -signal.SIGTERM


def test_it_goes_away_even_if_it_does_not_want_to(
    stand_in: Callable[[str], Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = stand_in("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + CODE)
    monkeypatch.setattr(demo, "STOP_TIMEOUT_S", 0.0)
    with demo.private_gateway():
        pass
    assert started[0].returncode in (-signal.SIGKILL, -signal.SIGTERM)


def test_a_gateway_that_does_not_start_is_told(stand_in: Callable[[str], Started]) -> None:
    stand_in("")
    with pytest.raises(CommandFailed, match="did not start"), demo.private_gateway():
        pytest.fail("it did start")


def test_sigterm_ends_the_story_through_every_finally(pretended: Pretended) -> None:
    demo.run(io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
