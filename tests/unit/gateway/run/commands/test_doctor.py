"""What the doctor finds."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from gateway.run import cli

pytestmark = pytest.mark.usefixtures("no_secrets")


def test_all_of_it(
    gateway: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)
    gateway.will("GET", "/readyz", {"ready": True})
    gateway.will("GET", "/vault/keys?limit=1", {"data": []})
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'[server]\nlisten = "127.0.0.1:0"\n[ledger]\nshards = ["sqlite:{tmp_path}/a.db"]\n'
    )
    assert cli.main(["doctor", "--config", str(file), "--json"]) == 0
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["stripe"]["mark"] == "warn"
    assert rows["admin key"]["mark"] == rows["ledger"]["mark"] == "ok"
    assert rows["gateway"]["mark"] == rows["python"]["mark"] == "ok"
    assert rows["files"]["mark"] == "ok"
    file.write_text("[server]\nx = 1\ny = 2\n")
    assert cli.main(["doctor", "--config", str(file)]) == 1
    out = capsys.readouterr().out
    assert out.count("unknown setting") == 2
    assert "→ keybrake config check" in out


def test_secret_files_that_others_can_read_are_told(
    gateway: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.will("GET", "/readyz", {"ready": True})
    with TemporaryDirectory(dir="/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        for name in ("admin.key", "asked.key", "stripe.key"):
            (folder / name).write_text(f"sk_test_{'x' * 24}")
            (folder / name).chmod(0o666)
        (folder / "gateway.toml").write_text(
            f'[server]\nlisten = "127.0.0.1:0"\n[ledger]\nshards = ["sqlite:{folder}/a.db"]\n'
            '[vendors.stripe]\nbase_url = "http://127.0.0.1:9"\n'
            f'[vendors.stripe.accounts.default]\nsecret = "file:{folder}/stripe.key"\n'
        )
        monkeypatch.delenv("KEYBRAKE_ADMIN_KEY")
        monkeypatch.setenv("KEYBRAKE_ADMIN_KEY_FILE", f"{folder}/admin.key")
        words = ["--config", f"{folder}/gateway.toml", "--admin-key-file", f"{folder}/asked.key"]
        cli.main(["doctor", "--json", *words])
    told = [row for row in json.loads(capsys.readouterr().out) if row["what"] == "files"]
    assert [row["detail"].partition(": ")[0] for row in told] == [
        "vendors.stripe.accounts.default.secret", "KEYBRAKE_ADMIN_KEY_FILE", "--admin-key-file",
    ]  # fmt: skip
    assert {row["mark"] for row in told} == {"warn"}
    assert all("mode 0666" in row["detail"] and "chmod 6" in row["do"] for row in told)
