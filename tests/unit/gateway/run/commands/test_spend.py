"""keybrake spend, as it is typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.run import cli


def test_by_account(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"id": "stripe/acme", "vendor": "stripe", "account": "acme", "cost_usd": "12.00"}
    gateway.will("GET", "/vault/spend?by=account&limit=20", {"data": [row], "has_more": False})
    assert cli.main(["spend"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "VENDOR  ACCOUNT   COST",
        "stripe  acme     12.00",
    ]
    assert cli.main(["spend", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == row


def test_with_all_it_may_be_asked(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "by=day&since=A&until=B&vendor=twilio&account=acme"
    first = {"data": [{"id": "2026-11-02", "day": "2026-11-02"}], "has_more": True}
    rest = {"data": [{"id": "2026-11-01", "day": "2026-11-01"}], "has_more": False}
    gateway.will("GET", f"/vault/spend?{asked}&limit=100", first)
    gateway.will("GET", f"/vault/spend?{asked}&limit=100&starting_after=2026-11-02", rest)
    words = ["--since", "A", "--until", "B", "--vendor", "twilio", "--account", "acme"]
    assert cli.main(["spend", "--by", "day", *words, "--limit", "0"]) == 0
    assert capsys.readouterr().out.splitlines() == ["DAY", "2026-11-02", "2026-11-01"]
