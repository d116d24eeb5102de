"""keybrake calls …, as it is typed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli

ROW = {"id": "call_1", "at": "2026-01-01T00:00:00.000Z", "decision": "refused", "status": 429}


def page(*ids: str) -> dict[str, Any]:
    return {"data": [ROW | {"id": name} for name in ids], "has_more": False}


def test_list_with_filters(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("GET", "/vault/calls?run=a%2F1&code=x&limit=20", page("call_1"))
    assert cli.main(["calls", "list", "--run", "a/1", "--code", "x"]) == 0
    assert "refused" in capsys.readouterr().out
    assert cli.main(["calls", "list", "--run", "a/1", "--code", "x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "call_1"


def test_tail_tells_what_is_new_oldest_first(
    gateway: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.will("GET", "/vault/calls?limit=1", page("call_1"))
    gateway.will("GET", "/vault/calls?limit=100", page("call_3", "call_2", "call_1"))

    def second_look(seconds: float) -> None:
        gateway.will("GET", "/vault/calls?limit=100", page("call_4", "call_3"))
        monkeypatch.setattr(time, "sleep", enough)

    def enough(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", second_look)
    assert cli.main(["calls", "tail"]) == 130
    head, *lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["call_2", "call_3", "call_4"]
    for name, text in (("ID", "call_2"), ("DECISION", "refused"), ("STATUS", "429")):
        assert head.index(f" {name} ") == lines[0].index(f" {text}"), "heads stand above"


def test_export_to_stdout_or_a_file(
    gateway: Any, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    gateway.will("GET", "/vault/calls/export?format=csv", b"id,at\nx,y\n")
    file = tmp_path / "calls.csv"
    words = ["calls", "export", "--format", "csv"]
    assert cli.main([*words, "--output", str(file)]) == 0
    assert file.read_bytes() == b"id,at\nx,y\n"
    assert cli.main(words) == 0
    assert cli.main([*words, "--output", str(tmp_path / "no" / "folder")]) == 1


def test_a_refused_export_leaves_an_older_file_alone(gateway: Any, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("older")
    assert cli.main(["calls", "export", "--output", str(file)]) == 4
    assert file.read_text() == "older"
