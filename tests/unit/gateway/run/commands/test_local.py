"""Commands that look at files: settings, the books, the sandbox, the version."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli

pytestmark = pytest.mark.usefixtures("no_secrets")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)
    file = tmp_path / "gateway.toml"
    file.write_text(f'[ledger]\nshards = ["sqlite:{tmp_path}/books/ledger-0.db"]\n')
    return file


def test_check(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "check", "--config", str(settings)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "our own sandbox" in err
    settings.write_text("[server]\nlisen = 1\nheaders_max = 0\n")
    assert cli.main(["config", "check", "--config", str(settings)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "gateway.toml:2: server.lisen: unknown setting (did you mean listen?)",
        "gateway.toml:3: server.headers_max: 0 is not between 8 and 1,000",
    ]


def test_show(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "show", "--config", str(settings)]) == 0
    assert "gateway.toml:2" in capsys.readouterr().out
    assert cli.main(["config", "show", "--json", "--config", str(settings)]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["server.listen"] == {
        "name": "server.listen",
        "value": "127.0.0.1:8080",
        "origin": "default",
    }


def test_an_id_is_shown_for_vendors_that_have_one(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["config", "show", "--json", "--config", str(settings)]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert "vendors.twilio.accounts.default.account_sid" in names
    assert "vendors.stripe.accounts.default.secret" in names
    assert "vendors.stripe.accounts.default.account_sid" not in names


def test_books_that_are_not_there(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ledger", "verify", "--config", str(settings)]) == 3
    assert capsys.readouterr().err.startswith("keybrake: ")


def test_the_openapi_document_needs_no_key(
    gateway: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KEYBRAKE_ADMIN_KEY")
    gateway.will("GET", "/openapi.json", {"openapi": "3.1.0"})
    assert cli.main(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out) == {"openapi": "3.1.0"}
    assert gateway.asked[0][3] is None


def test_the_sandbox_takes_our_place(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []

    def execv(program: str, words: list[str]) -> None:
        became.append(words)
        raise KeyboardInterrupt  # execv does not come back

    monkeypatch.setattr(os, "execv", execv)
    assert cli.main(["sandbox", "stripe", "--listen", "127.0.0.1:0", "--secret", "sk_x"]) == 130
    assert became[0][1:] == [
        "-m", "bench.sandbox", "stripe", "--listen", "127.0.0.1:0", "--secret", "sk_x",
    ]  # fmt: skip


def test_a_sandbox_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sandbox", "paypal"]) == 2
    assert capsys.readouterr().err == "keybrake: there is no sandbox of paypal\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out.startswith("keybrake ")
