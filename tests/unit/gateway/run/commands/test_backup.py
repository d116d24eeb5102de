"""keybrake backup, as it is typed: who makes the copy, and what is said of it."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli
from ledger.lock import Lock
from tests.ledgers import funded, open_in

MADE = {
    "object": "backup", "path": "/b/now", "bytes": 1_234, "audit": "audit.db", "with_key": False,
    "shards": [{"shard": 0, "file": "ledger-0.db", "archives": 0, "seq": 7, "mac": "ab"}],
    "verified": True, "seconds": 0.5,
}  # fmt: skip


@pytest.fixture(autouse=True)
def stays_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of all tests: a command's own steps back for the gateway beside it."""
    monkeypatch.setattr("os.nice", lambda steps: steps)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_secrets: None) -> tuple[str, str]:
    """Of a ledger with an account in it. What is not [ledger] is wrong, and nobody minds."""

    async def make() -> None:
        ledger = await open_in(tmp_path / "var")
        await funded(ledger)
        await ledger.close()

    asyncio.run(make())
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'[server]\nlisen = 1\n[ledger]\nshards = ["sqlite:{tmp_path}/var/ledger-0.db"]\n'
        f'backups = "{tmp_path}/backups"\naudit = "sqlite:{tmp_path}/audit.db"\n'
    )
    return "--config", str(file)


def test_a_gateway_that_is_named_makes_it(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("POST", "/vault/backup", MADE)
    assert cli.main(["backup"]) == 0
    out, err = capsys.readouterr()
    assert out == "/b/now\n", "so that a script can take it away"
    assert "1,234 bytes" in err
    assert "ledger-0.db" in err
    assert "keep that apart" in err
    assert cli.main(["backup", "--with-key", "--json"]) == 0
    assert gateway.asked[-1][2] == {"with_key": True}
    assert json.loads(capsys.readouterr().out) == MADE
    gateway.will("POST", "/vault/backup", {"error": "backup_running", "detail": "x"}, 409)
    assert cli.main(["backup"]) == 4


def test_a_stopped_gateway_that_is_named_cannot_be_copied(
    settings: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator has the address in the environment: who is asked then has to be said."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monkeypatch.setenv("KEYBRAKE_ADMIN_KEY", "x" * 40)
    monkeypatch.setenv("KEYBRAKE_URL", f"http://127.0.0.1:{port}")
    assert cli.main(["backup", *settings]) == 1
    told = capsys.readouterr().err
    assert "no gateway answers" in told
    assert "without --url and KEYBRAKE_URL" in told


def test_where_no_gateway_runs_it_is_made_here_and_looked_at(
    settings: tuple[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["backup", "--with-key", *settings]) == 0
    copy = capsys.readouterr().out.strip()
    assert Path(copy).parent == tmp_path / "backups"
    assert cli.main(["backup", "--verify", copy]) == 0
    assert "the copy is whole" in capsys.readouterr().err
    (Path(copy) / "ledger.key").unlink()
    assert cli.main(["backup", "--verify", copy, "--json", *settings]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    (Path(copy) / "ledger-0.db").write_bytes(b"no" * 500)
    assert cli.main(["backup", "--verify", copy, *settings]) == 1
    assert "NOT WHOLE" in capsys.readouterr().err
    assert cli.main(["backup", "--verify", str(tmp_path), *settings]) == 1


def test_the_lock_says_that_a_gateway_has_it(
    gateway: Any,
    settings: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway.will("POST", "/vault/backup", {**MADE, "with_key": True})
    monkeypatch.setattr("gateway.run.commands.api.url_is_given", lambda args: False)
    lock = Lock(tmp_path / "var")
    assert cli.main(["backup", *settings]) == 0
    assert gateway.asked[-1][1] == "/vault/backup"
    lock.release()


def test_why_no_copy_is_made_here(
    settings: tuple[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "backups").write_text("in the way")
    assert cli.main(["backup", *settings]) == 1
    assert "no backup was made" in capsys.readouterr().err
    (tmp_path / "var" / "ledger-0.db").unlink()
    assert cli.main(["backup", *settings]) == 3
