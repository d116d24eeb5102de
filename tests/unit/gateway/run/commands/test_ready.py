"""A health check's question."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.run import cli

pytestmark = pytest.mark.usefixtures("no_secrets")


def test_it_is(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("GET", "/readyz", {"status": "ok"})
    assert cli.main(["ready"]) == 0
    assert capsys.readouterr().err == f"{gateway.url} is ready\n"
    assert cli.main(["ready", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": "ok"}
    assert [key for *_, key in gateway.asked] == [None, None]


def test_it_is_not(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("GET", "/readyz", {"status": "unavailable", "reasons": ["draining"]}, 503)
    assert cli.main(["ready"]) == 1
    assert "is not ready" in capsys.readouterr().err
    assert cli.main(["ready", "--url", "http://127.0.0.1:9"]) == 1
