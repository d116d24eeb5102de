"""The command line's own part: exit codes, serving, and the welcome."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.run import app, cli, log
from gateway.run.app import Ready, StartRefused
from gateway.run.sandbox import SandboxFailed
from gateway.settings import Settings, VendorSettings
from vendors.contract import Vendor

pytestmark = pytest.mark.usefixtures("no_secrets")

SANDBOXED = Settings(vendors={"stripe": VendorSettings("stripe", "x", sandbox=True)})

STRIPE_ONLY = Settings(vendors={"stripe": VendorSettings("stripe", "x")})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logging_put_back: None) -> list[str]:
    """Arguments that serve on a file of their own; no stand-in is really started."""
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)

    @contextmanager
    def none(settings: Settings, known: Mapping[str, Vendor]) -> Iterator[Settings]:
        yield settings

    monkeypatch.setattr(cli, "sandboxes", none)
    file = tmp_path / "gateway.toml"
    file.write_text('[log]\nformat = "text"\n')
    return ["serve", "--config", str(file)]


def test_serving_gives_the_exit_code_of_the_gateway(
    settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Settings] = []

    def run(
        settings: Settings,
        known: Mapping[str, Vendor],
        ready: Callable[[Ready], None],
        read: Callable[[], Settings],
    ) -> int:
        served.append(settings)
        return 0

    monkeypatch.setattr(app, "run", run)
    assert cli.main(settings) == 0
    assert served[0].vendors["stripe"].sandbox


@pytest.mark.parametrize("refusal", [StartRefused("port 8080 is in use"), SandboxFailed("no")])
def test_a_gateway_that_cannot_start_says_so_in_one_line(
    settings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refusal: Exception,
) -> None:
    def run(
        settings: Settings,
        known: Mapping[str, Vendor],
        ready: Callable[[Ready], None],
        read: Callable[[], Settings],
    ) -> int:
        raise refusal

    monkeypatch.setattr(app, "run", run)
    assert cli.main(settings) == 3
    assert capsys.readouterr().err == f"keybrake cannot start: {refusal}\n"


def test_wrong_settings_start_nothing(
    settings: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(settings[-1]).write_text("[server]\nlisen = 1\n")
    monkeypatch.setattr(app, "run", None)
    assert cli.main(settings) == 2
    assert "did you mean listen?" in capsys.readouterr().err


def greeted(ready: Ready, settings: Settings) -> None:
    """As `welcome`, to its end."""
    before = set(threading.enumerate())
    cli.welcome(settings, ready)
    for thread in set(threading.enumerate()) - before:
        thread.join()


def test_a_first_start_with_the_sandbox_has_a_key_to_paste_and_says_so_loudly(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def made(address: str, key: str, vendor: str) -> dict[str, str]:
        return {"vendor": vendor, "daily_usd_cap": "5.00", "key": f"vault_key_at_{address}"}

    monkeypatch.setattr(cli, "trial_key", made)
    greeted(Ready("127.0.0.1:1", "127.0.0.1:2", "kb_admin_fresh"), SANDBOXED)
    out = capsys.readouterr().out
    assert "kb_admin_fresh" in out
    assert "Bearer vault_key_at_127.0.0.1:2" in out
    assert log.redact("kb_admin_fresh") == log.HIDDEN
    assert "STRIPE SANDBOX" in caplog.text


@pytest.mark.parametrize(("settings", "fresh"), [(SANDBOXED, None), (STRIPE_ONLY, "kb_fresh_one")])
def test_no_trial_key_with_real_money_or_an_old_admin_key(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    fresh: str | None,
) -> None:
    def never(address: str, key: str, vendor: str) -> None:
        raise AssertionError("a key was asked for")

    monkeypatch.setattr(cli, "trial_key", never)
    greeted(Ready("127.0.0.1:1", "127.0.0.1:1", fresh), settings)
    assert "make a vault key" in capsys.readouterr().out


def test_a_trial_key_that_cannot_be_made_is_none() -> None:
    assert cli.trial_key("127.0.0.1:1", "k", "stripe") is None


@pytest.mark.parametrize(("exc", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 0)])
def test_ends_that_are_no_mistakes(
    monkeypatch: pytest.MonkeyPatch, exc: BaseException, code: int
) -> None:
    def run(args: argparse.Namespace) -> int:
        raise exc

    monkeypatch.setattr(cli, "run_demo", run)
    monkeypatch.setattr(os, "dup2", lambda old, new: new)
    assert cli.main(["demo"]) == code


def test_usage_mistakes_are_code_2() -> None:
    for words in ([], ["nothing"], ["keys"], ["keys", "show"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(words)
        assert caught.value.code == 2


def test_the_version_is_there_under_its_usual_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("keybrake ")
