"""What the doctor finds."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli
from gateway.run.commands import doctor

pytestmark = pytest.mark.usefixtures("no_secrets")


def test_all_of_it(
    gateway: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)
    gateway.will("GET", "/readyz", {"ready": True})
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'[server]\nlisten = "127.0.0.1:0"\n[ledger]\nshards = ["sqlite:{tmp_path}/a.db"]\n'
    )
    assert cli.main(["doctor", "--config", str(file), "--json"]) == 0
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["stripe"]["mark"] == "note"
    assert rows["gateway"]["mark"] == rows["python"]["mark"] == "ok"
    file.write_text("[server]\nx = 1\ny = 2\n")
    assert cli.main(["doctor", "--config", str(file)]) == 1
    assert capsys.readouterr().out.count("unknown setting") == 2


def test_folders(tmp_path: Path) -> None:
    assert doctor.folder_finding(tmp_path).mark == "ok"
    assert doctor.folder_finding(tmp_path / "new" / "er").detail.endswith("will be made")
    (tmp_path / "file").write_text("")
    assert doctor.folder_finding(tmp_path / "file" / "below").mark == "bad"


def test_addresses_and_vendors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert doctor.address_finding(f"127.0.0.1:{port}").mark == "note"
        assert doctor.vendor_finding("x", f"http://127.0.0.1:{port}").mark == "ok"
    assert doctor.vendor_finding("x", f"http://127.0.0.1:{port}").mark == "bad"


def test_a_gateway_that_is_not_ready_or_not_there(gateway: Any) -> None:
    gateway.will("GET", "/readyz", {"error": "draining", "detail": "x"}, 503)
    assert doctor.gateway_finding(gateway.url).mark == "bad"
    assert doctor.gateway_finding("http://127.0.0.1:1").mark == "note"


def test_a_ready_gateway_tells_of_its_sandbox(gateway: Any) -> None:
    gateway.will("GET", "/readyz", {"status": "ok", "sandbox": ["stripe"]})
    found = doctor.gateway_finding(gateway.url)
    assert found.detail == f"{gateway.url} is ready; a sandbox stands in for stripe"
