"""keybrake keys …, as it is typed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli

MADE = {
    "id": "vk_1", "key": "vault_key_x", "daily_usd_cap": "500.00", "vendor": "stripe",
    "allowed_endpoints": ["POST /v1/payment_intents"], "base_url": "http://gw1", "mode": "enforce",
}  # fmt: skip
CREATE = ["keys", "create", "--cap", "500", "--allow", "POST /v1/payment_intents", "--label", "a/1"]


def test_a_key_is_made_from_options(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("POST", "/vault/keys", MADE, 201)
    more = ["--call-cap", "9", "--country", "DE", "--country", "FR"]
    assert cli.main([*CREATE, "--expires", "never", "--shadow", *more]) == 0
    assert gateway.asked[0][2] == {
        "vendor": "stripe",
        "daily_usd_cap": "500",
        "allowed_endpoints": ["POST /v1/payment_intents"],
        "agent_run_label": "a/1",
        "mode": "shadow",
        "daily_call_cap": 9,
        "countries": ["DE", "FR"],
        "expires_in": None,
    }
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "vault_key_x", "first, and alone on its line"
    assert "cap_usd    500.00" in lines
    assert "curl -i http://gw1/stripe/v1/payment_intents \\" in lines
    assert "mode" not in out
    assert "shown this once" in err


def test_the_whole_record_and_what_the_gateway_warns_of(
    gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.will("POST", "/vault/keys", {**MADE, "warnings": ["no operation is POST /v1/x"]}, 201)
    assert cli.main([*CREATE, "-v"]) == 0
    out, err = capsys.readouterr()
    assert "mode" in out
    assert "warning: no operation is POST /v1/x" in err


def test_json_is_all_there_is_on_stdout(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("POST", "/vault/keys", MADE, 201)
    assert cli.main([*CREATE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == MADE
    assert "expires_in" not in gateway.asked[0][2]


def test_a_key_is_made_from_a_body(
    gateway: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway.will("POST", "/vault/keys", MADE, 201)
    file = tmp_path / "body.json"
    file.write_text('{"vendor": "stripe"}')
    assert cli.main(["keys", "create", "--body", str(file)]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO('{"vendor": "other"}'))
    assert cli.main(["keys", "create", "--body", "-"]) == 0
    assert [asked[2]["vendor"] for asked in gateway.asked] == ["stripe", "other"]
    for text in ("[]", "{"):
        file.write_text(text)
        assert cli.main(["keys", "create", "--body", str(file)]) == 2
    assert "--body" in capsys.readouterr().err


def test_what_a_key_needs(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["keys", "create", "--cap", "1"]) == 2
    assert "--allow" in capsys.readouterr().err
    assert gateway.asked == []


def test_an_update_says_only_what_changes(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("PATCH", "/vault/keys/vk_1", {"id": "vk_1", "cap_usd": "850.00"})
    words = ["keys", "update", "vk_1"]
    assert cli.main([*words, "--cap", "800", "--top-up", "50", "--top-up-expires", "2h"]) == 0
    assert gateway.asked[-1][2] == {
        "daily_usd_cap": "800",
        "top_up": {"usd": "50", "expires_in": "2h"},
    }
    lifted = ["--expires", "never", "--total-cap", "none", "--rate", "60", "--call-cap", "x"]
    assert cli.main([*words, *lifted, "--top-up", "1"]) == 0
    assert gateway.asked[-1][2] == {
        "expires_in": None,
        "total_usd_cap": None,
        "rate_per_minute": 60,
        "daily_call_cap": "x",
        "top_up": {"usd": "1"},
    }
    assert "850.00" in capsys.readouterr().out
    assert cli.main(words) == 2
    assert "something to change" in capsys.readouterr().err


def test_a_key_is_shown_in_short_or_whole(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    record = {"id": "vk_1", "spent_usd": "0.00", "in_doubt_usd": "0.00", "error_style": "auto"}
    gateway.will("GET", "/vault/keys/vk_1", record)
    assert cli.main(["keys", "show", "vk_1"]) == 0
    assert capsys.readouterr().out.splitlines() == ["id         vk_1", "spent_usd  0.00"]
    assert cli.main(["keys", "show", "vk_1", "--verbose"]) == 0
    assert "error_style" in capsys.readouterr().out
    assert cli.main(["keys", "show", "vk_1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == record


def test_lists_are_narrowed(gateway: Any) -> None:
    page = {"data": [], "has_more": False}
    query = "issuer_id=iss_1&status=active&vendor=stripe&label=a%2F1&limit=20"
    gateway.will("GET", f"/vault/keys?{query}", page)
    words = ["--status", "active", "--vendor", "stripe", "--label", "a/1", "--issuer", "iss_1"]
    assert cli.main(["keys", "list", *words]) == 0


def test_a_list_has_the_cap_that_is_in_force(
    gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """As set it was 500: what is left would not be what is missing from that."""
    topped_up = {
        "id": "vk_1", "daily_usd_cap": "500.00", "cap_usd": "550.00", "spent_usd": "510.00",
        "held_usd": "0.00", "remaining_usd": "40.00",
    }  # fmt: skip
    gateway.will("GET", "/vault/keys?limit=20", {"data": [topped_up], "has_more": False})
    assert cli.main(["keys", "list"]) == 0
    head, line = (each.split() for each in capsys.readouterr().out.splitlines())
    assert head == ["ID", "CAP", "SPENT", "HELD", "REMAINING"]
    assert line == ["vk_1", "550.00", "510.00", "0.00", "40.00"]


def test_list_show_revoke(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("GET", "/vault/keys?limit=20", {"data": [{"id": "vk_1"}], "has_more": False})
    gateway.will("GET", "/vault/keys/vk_1", {"id": "vk_1", "spent_usd": "1.00"})
    gateway.will("POST", "/vault/keys/vk_1/revoke", {"revoked": 1, "in_flight": 0, "aborted": 2})
    assert cli.main(["keys", "list"]) == 0
    assert cli.main(["keys", "show", "vk_1"]) == 0
    assert cli.main(["keys", "revoke", "vk_1", "--abort"]) == 0
    assert gateway.asked[-1][2] == {"in_flight": "abort"}
    assert cli.main(["keys", "revoke", "vk_1", "--json"]) == 0
    assert gateway.asked[-1][2] == {"in_flight": "finish"}
    assert "aborted" in capsys.readouterr().out


def test_an_id_cannot_become_another_path(gateway: Any) -> None:
    assert cli.main(["keys", "show", "../runs?x=1"]) == 4
    assert gateway.asked[0][1] == "/vault/keys/..%2Fruns%3Fx%3D1"
