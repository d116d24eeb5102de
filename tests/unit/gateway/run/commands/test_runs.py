"""keybrake runs …, as it is typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.run import cli

RUN = {
    "run": "a/1",
    "calls": 2,
    "by_operation": [{"operation": "x", "calls": 2}],
    "by_code": [],
    "keys": ["vk_1"],
}


def test_list_and_show(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("GET", "/vault/runs?limit=20", {"data": [{"run": "a/1"}], "has_more": False})
    gateway.will("GET", "/vault/runs/detail?label=a%2F1", RUN)
    assert cli.main(["runs", "list"]) == 0
    assert cli.main(["runs", "show", "a/1"]) == 0
    out = capsys.readouterr().out
    assert "OPERATION  CALLS\nx          2\n" in out
    assert "keys   vk_1\n" in out
    assert cli.main(["runs", "show", "a/1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == RUN


def test_revoke_by_label_or_prefix(gateway: Any) -> None:
    gateway.will("POST", "/vault/runs/revoke", {"revoked": 1})
    assert cli.main(["runs", "revoke", "a/1"]) == 0
    assert cli.main(["runs", "revoke", "--prefix", "a/", "--abort"]) == 0
    assert [asked[2] for asked in gateway.asked] == [
        {"label": "a/1", "in_flight": "finish"},
        {"prefix": "a/", "in_flight": "abort"},
    ]
    with pytest.raises(SystemExit) as caught:
        cli.main(["runs", "revoke"])
    assert caught.value.code == 2


def test_a_label_that_no_key_carries_is_doubted(
    gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.will("POST", "/vault/runs/revoke", {"revoked": 0})
    assert cli.main(["runs", "revoke", "mistyped/1"]) == 0
    assert capsys.readouterr().err.startswith("no active key carried 'mistyped/1'")


def test_a_list_that_was_cut_says_so(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("GET", "/vault/runs?limit=1", {"data": [{"run": "a/1"}], "has_more": True})
    assert cli.main(["runs", "list", "--limit", "1"]) == 0
    assert capsys.readouterr().err == "the latest 1; --limit 0 shows all\n"
    with pytest.raises(SystemExit) as caught:
        cli.main(["runs", "list", "--limit", "-1"])
    assert caught.value.code == 2
