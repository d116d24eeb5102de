"""Setting up what a benchmark needs, without a network: what is there, and what is not."""

from __future__ import annotations

import hashlib
import os
import ssl
from pathlib import Path

import pytest

from bench import gear


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Lines that were told. Nobody is root here, and environments are the test's own."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(gear, "ROOT", tmp_path)
    monkeypatch.setattr(gear, "ENVIRONMENTS", tmp_path / "peers")
    return []


def test_a_program_that_is_here_is_found(told: list[str]) -> None:
    assert Path(gear.program("sh", "dash", told.append)).name == "sh"
    assert told == []


def test_a_program_that_cannot_be_installed_is_told_with_its_package(told: list[str]) -> None:
    with pytest.raises(gear.Unavailable, match="no-such-program is not installed; on Debian: apt"):
        gear.program("no-such-program", "no-such-package", told.append)


def test_an_environment_is_made_once_for_its_pins(
    told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], pins: Path) -> None:
        commands.append(command)
        (tmp_path / "peers" / "some").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(gear, "_run", run)
    pins = tmp_path / "some.txt"
    for text, times in (("a==1", 2), ("a==1", 2), ("a==2", 4)):
        pins.write_text(text)
        assert gear.environment(pins, told.append) == tmp_path / "peers" / "some" / "bin"
        assert len(commands) == times
    assert "--require-hashes" in commands[-1]
    assert told == ["setting up peers/some …"] * 2
    stamp = (tmp_path / "peers" / "some" / "pins.sha256").read_text()
    assert stamp == hashlib.sha256(b"a==2").hexdigest()


def test_pins_that_cannot_be_installed_are_told_by_their_last_line(
    told: list[str], tmp_path: Path
) -> None:
    script = "printf 'first\\nERROR: no such wheel\\nWARNING: a notice\\n' >&2; exit 1"
    why = "some.txt cannot be installed: ERROR: no such wheel"
    with pytest.raises(gear.Unavailable, match=why):
        gear._run(["sh", "-c", script], tmp_path / "some.txt")


def test_the_vendor_s_certificate_is_for_loopback(tmp_path: Path) -> None:
    path = gear.certificate(tmp_path)
    assert path is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    [known] = ssl.create_default_context(cafile=str(path)).get_ca_certs()
    assert known["subjectAltName"] == (("IP Address", "127.0.0.1"),)
