"""keybrake revoke and keybrake resume, as they are typed."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.run import cli

BARRED = {"barred": [{"vendor": "twilio", "account": None}]}
CUT = {"revoked": 2, "in_flight": 1, "aborted": 1, "aborted_in_doubt": 0, "keys": [], **BARRED}


def test_the_brake_for_all_of_a_vendor(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("POST", "/vault/revoke", CUT)
    assert cli.main(["revoke", "--vendor", "twilio", "--abort", "--cancel-open"]) == 0
    assert gateway.asked[-1][2] == {
        "vendor": "twilio",
        "in_flight": "abort",
        "cancel_open_intents": True,
    }
    assert "revoked" in capsys.readouterr().out
    assert cli.main(["revoke", "--all"]) == 0
    assert gateway.asked[-1][2] == {"all": True, "in_flight": "finish"}


def test_what_is_meant_must_be_said(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("revoke", "resume"):
        assert cli.main([command]) == 2
    revoke, resume = capsys.readouterr().err.splitlines()
    assert "--all" in revoke
    assert "--label" not in revoke
    assert "--label" in resume
    assert gateway.asked == []


def test_going_on(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("POST", "/vault/resume", BARRED)
    assert cli.main(["resume", "--account", "acme"]) == 0
    assert gateway.asked[-1][2] == {"account": "acme"}
    assert "twilio" in capsys.readouterr().out
    gateway.will("POST", "/vault/resume", {"barred": []})
    assert cli.main(["resume", "--label", "a/1"]) == 0
    assert gateway.asked[-1][2] == {"label": "a/1"}
    assert capsys.readouterr().err.startswith("its calls may leave; keys that were revoked")
    assert cli.main(["resume", "--vendor", "twilio"]) == 0
    assert capsys.readouterr().err == "nothing is barred any more\n"
    assert cli.main(["resume", "--prefix", "a/"]) == 0
    assert gateway.asked[-1][2] == {"prefix": "a/"}
    assert cli.main(["resume", "--all", "--json"]) == 0
