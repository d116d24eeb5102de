"""keybrake issuers …, as it is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli


def test_an_issuer_is_made_from_options(gateway: Any) -> None:
    gateway.will("POST", "/vault/issuers", {"id": "iss_1", "key": "kb_issuer_x"}, 201)
    words = ["--cap", "2000", "--key-cap", "500", "--allow", "POST /v1/charges", "--name", "b"]
    assert cli.main(["issuers", "create", *words]) == 0
    assert gateway.asked[0][2] == {
        "name": "b",
        "daily_usd_cap": "2000",
        "template": {
            "vendors": ["stripe"],
            "allowed_endpoints": ["POST /v1/charges"],
            "daily_usd_cap_max": "500",
            "expires_in_max": "24h",
        },
    }
    assert cli.main(["issuers", "create", "--call-cap", "9", *words]) == 0
    assert gateway.asked[1][2]["template"]["daily_call_cap_max"] == 9
    assert cli.main(["issuers", "create", "--cap", "1"]) == 2


def test_its_template_is_readable(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    template = {"vendors": ["stripe", "twilio"], "account": None, "expires_in_max": "86400s"}
    gateway.will("POST", "/vault/issuers", {"id": "iss_1", "template": template}, 201)
    assert cli.main(["issuers", "create", "--cap", "1", "--allow", "GET /v1/**"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "id                       iss_1",
        "template.vendors         stripe, twilio",
        "template.expires_in_max  86400s",
    ]


def test_list_show_revoke(gateway: Any) -> None:
    gateway.will("GET", "/vault/issuers?limit=100", {"data": [], "has_more": False})
    gateway.will("GET", "/vault/issuers/iss_1", {"id": "iss_1"})
    gateway.will("POST", "/vault/issuers/iss_1/revoke", {"revoked": 3})
    assert cli.main(["issuers", "list", "--limit", "0"]) == 0
    assert cli.main(["issuers", "show", "iss_1"]) == 0
    assert cli.main(["issuers", "revoke", "iss_1", "--keep-keys"]) == 0
    assert gateway.asked[-1][2] == {"in_flight": "finish", "keys": "keep"}


def test_an_update_says_only_what_changes(
    gateway: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.will("PATCH", "/vault/issuers/iss_1", {"id": "iss_1", "cap_usd": "3000.00"})
    words = ["issuers", "update", "iss_1"]
    assert cli.main([*words, "--cap", "3000", "--keys-per-hour", "none"]) == 0
    assert gateway.asked[-1][2] == {"daily_usd_cap": "3000", "keys_per_hour": None}
    assert "3000.00" in capsys.readouterr().out
    file = tmp_path / "template.json"
    file.write_text('{"vendors": ["stripe"]}')
    assert cli.main([*words, "--template", str(file), "--keys-per-hour", "9", "--json"]) == 0
    assert gateway.asked[-1][2] == {"keys_per_hour": 9, "template": {"vendors": ["stripe"]}}
    file.write_text("{")
    assert cli.main([*words, "--template", str(file)]) == 2
    assert "--template" in capsys.readouterr().err
    assert cli.main(words) == 2
