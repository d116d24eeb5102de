"""Lines to paste, for each vendor."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.run.paste import TRIALS, call_line, create_line, trial_terms


def words(line: str) -> list[str]:
    return shlex.split(line.replace("\\\n", " "))


def record(vendor: str, entry: str, **more: Any) -> dict[str, Any]:
    return {"vendor": vendor, "allowed_endpoints": [entry], **more}


def test_a_message_names_the_account_and_speaks_basic() -> None:
    entry = "POST /2010-04-01/Accounts/*/Messages.json"
    line = words(call_line("http://h", record("twilio", entry, account_sid="AC1"), "vault_key_x"))
    assert line[2] == "http://h/twilio/2010-04-01/Accounts/AC1/Messages.json"
    assert line[3:5] == ["-u", "AC1:vault_key_x"]
    assert "To=+14155550123" in line


def test_a_mail_is_json() -> None:
    line = words(call_line("http://h", record("resend", "POST /emails"), "vault_key_x"))
    assert json.loads(line[-1])["to"] == "someone@example.com"


@pytest.mark.parametrize(
    ("entry", "path", "last"),
    [
        ("GET /v1/customers/*", "/v1/customers/…", "Authorization: Bearer k"),
        ("DELETE /v1/customers/*", "/v1/customers/…", "Authorization: Bearer k"),
        ("POST /v1/refunds", "/v1/refunds", "…"),
        ("GET /v1/**", "/v1/…", "Authorization: Bearer k"),
    ],
)
def test_an_endpoint_without_an_example(entry: str, path: str, last: str) -> None:
    line = words(call_line("http://h", record("stripe", entry), "k"))
    assert line[2] == f"http://h/stripe{path}"
    assert line[-1] == last
    assert ("DELETE" in line) is entry.startswith("DELETE")


def test_a_record_without_endpoints() -> None:
    assert "http://h/x/" in call_line("http://h", {"vendor": "x"}, "k")


@pytest.mark.parametrize("of_a_file", [False, True])
def test_a_shell_finds_the_admin_key_where_it_is(of_a_file: bool, tmp_path: Path) -> None:
    file = tmp_path / "admin key"
    file.write_text("vk_admin\n")
    environ = {"KEYBRAKE_ADMIN_KEY_FILE": str(file)} if of_a_file else {}
    environ |= {} if of_a_file else {"KEYBRAKE_ADMIN_KEY": "vk_admin"}
    line = create_line("http://h", None, trial_terms("stripe")).replace("curl", "printf '%s|'", 1)
    told = subprocess.run(["sh", "-c", line], env=environ, capture_output=True, text=True)
    assert (told.stderr, told.returncode) == ("", 0)
    assert "|Authorization: Bearer vk_admin|" in told.stdout


@pytest.mark.parametrize("vendor", [*TRIALS, "acme"])
def test_a_key_to_begin_with(vendor: str) -> None:
    text = create_line("http://h", None, trial_terms(vendor, "main"))
    assert (
        '"Authorization: Bearer ${KEYBRAKE_ADMIN_KEY:-$(cat "$KEYBRAKE_ADMIN_KEY_FILE")}"' in text
    )
    line = words(text)
    told = json.loads(line[-1])
    assert (told["vendor"], told["account"], told["expires_in"]) == (vendor, "main", "2h")
