"""How the command line asks a gateway, and what it makes of a no."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli
from gateway.run.commands.api import Api, Misused, Refused, Unreachable, Untrusted


def test_rows_follow_the_pages(gateway: Any) -> None:
    first = {"data": [{"id": "c"}, {"id": "b"}], "has_more": True}
    gateway.will("GET", "/vault/keys?limit=100", first)
    rest = {"data": [{"id": "a"}], "has_more": False}
    gateway.will("GET", "/vault/keys?limit=100&starting_after=b", rest)
    rows = Api(gateway.url, "k").rows("/vault/keys", {"x": None}, limit=None)
    assert [row["id"] for row in rows] == ["c", "b", "a"]
    assert gateway.asked[0][3] == "Bearer k"


def test_rows_stop_at_their_limit(gateway: Any) -> None:
    gateway.will("GET", "/vault/runs?limit=1", {"data": [{"run": "r"}], "has_more": True})
    rows = list(Api(gateway.url, "k").rows("/vault/runs", {}, limit=1))
    assert rows == [{"run": "r"}]
    assert len(gateway.asked) == 1


def test_a_refusal_carries_all_mistakes(gateway: Any) -> None:
    problem = {
        "error": "invalid_request",
        "detail": "The request has mistakes: daily_usd_cap must not be negative.",
        "errors": [{"field": "daily_usd_cap", "problem": "must not be negative"}],
    }
    gateway.will("POST", "/vault/keys", problem, 400)
    with pytest.raises(Refused) as caught:
        Api(gateway.url, "k").post("/vault/keys", {})
    assert str(caught.value).splitlines() == [
        "refused (400 invalid_request):",
        "  daily_usd_cap: must not be negative",
    ]
    assert caught.value.code == 4


def test_an_answer_that_is_no_gateways(gateway: Any) -> None:
    gateway.will("GET", "/x", b"<html>", 502)
    with pytest.raises(Refused, match="not the gateway's"):
        Api(gateway.url, "k").get("/x")


def test_nobody_there() -> None:
    with pytest.raises(Unreachable, match="is it running"):
        Api("http://127.0.0.1:1", "k").get("/x")


@pytest.mark.parametrize(
    ("url", "raised", "wrong", "told"),
    [
        ("http://x", http.client.RemoteDisconnected(""), Unreachable, "if it speaks TLS"),
        ("https://x", http.client.RemoteDisconnected(""), Unreachable, "is it running"),
        ("https://x", ssl.SSLCertVerificationError(1, "no"), Untrusted, "SSL_CERT_FILE"),
    ],
)
def test_tls_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, url: str, raised: Exception, wrong: type, told: str
) -> None:
    def request(*_: Any) -> None:
        raise raised

    if isinstance(raised, ssl.SSLCertVerificationError):
        raised.verify_message = "self-signed certificate"
    monkeypatch.setattr(http.client.HTTPConnection, "request", request)
    with pytest.raises(wrong, match=told):
        Api(url, "k").get("/x")


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Misused, match="--url"):
        Api(url, "k")


def test_where_the_admin_key_comes_from(
    gateway: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway.will("GET", "/vault/keys/vk_1", {"id": "vk_1"})
    file = tmp_path / "key"
    file.write_text("from_a_file\n")
    show = ["keys", "show", "vk_1"]
    assert cli.main([*show, "--admin-key-file", str(file)]) == 0
    monkeypatch.delenv("KEYBRAKE_ADMIN_KEY")
    monkeypatch.setenv("KEYBRAKE_ADMIN_KEY_FILE", str(file))
    assert cli.main(show) == 0
    assert [asked[3] for asked in gateway.asked] == ["Bearer from_a_file"] * 2
    monkeypatch.setenv("KEYBRAKE_ADMIN_KEY_FILE", str(tmp_path / "none"))
    assert cli.main(show) == 2
    monkeypatch.delenv("KEYBRAKE_ADMIN_KEY_FILE")
    assert cli.main(show) == 2
    assert "no admin key" in capsys.readouterr().err
