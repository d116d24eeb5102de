"""keybrake reconcile, as it is typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.run import cli

ROW = {"vendor": "stripe", "account": "default", "queue": {"in_doubt": 2, "pending": 0}, "due": 1}


def test_how_far_it_is(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"enabled": True, "accounts": [ROW, {**ROW, "account": "acme", "queue": {}}]}
    gateway.will("GET", "/vault/reconciler", answer)
    assert cli.main(["reconcile"]) == 0
    out, err = capsys.readouterr()
    assert "2 in_doubt" in out
    assert "nothing" in out
    assert err == ""
    assert cli.main(["reconcile", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == answer
    gateway.will("GET", "/vault/reconciler", {"enabled": False, "accounts": []})
    assert cli.main(["reconcile"]) == 0
    assert "switched off" in capsys.readouterr().err


def test_one_call_now(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("POST", "/vault/calls/call_1/reconcile", {"id": "call_1", "found": "succeeded"})
    assert cli.main(["reconcile", "call_1"]) == 0
    assert "succeeded" in capsys.readouterr().out
    assert cli.main(["reconcile", "call_1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["found"] == "succeeded"
