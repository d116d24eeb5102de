"""What the doctor finds."""

from __future__ import annotations

import json
from pathlib import Path
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
    file.write_text("[server]\nx = 1\ny = 2\n")
    assert cli.main(["doctor", "--config", str(file)]) == 1
    out = capsys.readouterr().out
    assert out.count("unknown setting") == 2
    assert "→ keybrake config check" in out
