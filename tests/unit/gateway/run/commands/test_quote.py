"""keybrake quote, as it is typed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli

TOLD = {
    "allowed": True,
    "code": None,
    "quote_usd": "12.00",
    "how": "amount",
    "remaining_usd": "488.00",
    "rules": [
        {"rule": "endpoint", "pass": True, "detail": "The key's allowed_endpoints have it."},
        {"rule": "key_daily", "pass": False, "detail": "8.00 USD are left of today's cap."},
    ],
}
PAY = ["quote", "vk_1", "POST /v1/charges"]


def test_a_form(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("POST", "/vault/quote", TOLD)
    assert cli.main([*PAY, "--data", "amount=1200", "--header", "Stripe-Version: x"]) == 0
    assert gateway.asked[0][2] == {
        "key": "vk_1",
        "method": "POST",
        "path": "/v1/charges",
        "headers": {
            "Stripe-Version": "x",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        "body": "amount=1200",
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["allowed        true", "quote_usd      12.00", "how            amount"]
    assert lines[-1] == "NO    key_daily  8.00 USD are left of today's cap."


def test_a_call_that_would_be_refused_has_the_exit_code_of_a_refusal(
    gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.will("POST", "/vault/quote", {**TOLD, "allowed": False})
    assert cli.main([*PAY, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["allowed"] is False
    assert gateway.asked[0][2]["headers"] == {}


def test_json_from_a_file_or_stdin(
    gateway: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.will("POST", "/vault/quote", TOLD)
    (tmp_path / "body").write_text('{"amount": 1}')
    assert cli.main([*PAY, "--data", f"@{tmp_path}/body"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("[1]"))
    assert cli.main([*PAY, "--data", "@-", "--header", "content-type: text/plain"]) == 0
    sent = [asked[2] for asked in gateway.asked]
    assert [body["body"] for body in sent] == ['{"amount": 1}', "[1]"]
    assert sent[0]["headers"] == {"Content-Type": "application/json"}
    assert sent[1]["headers"] == {"content-type": "text/plain"}


@pytest.mark.parametrize(
    "words",
    [
        ["quote", "vk_1", "/v1/charges"],
        [*PAY, "--header", "nothing"],
        [*PAY, "--data", "@no/such/file"],
    ],
)
def test_what_cannot_be_asked(gateway: Any, words: list[str]) -> None:
    assert cli.main(words) == 2
    assert gateway.asked == []
