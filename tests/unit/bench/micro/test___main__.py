"""The command, with a counter that is pretended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.micro import counting
from bench.micro.__main__ import main
from bench.micro.counting import MISSING, Rounds
from bench.micro.piece import Piece
from bench.micro.pieces import ALL

NAME = "admission.allowlist"


class Counts:
    """Counts so many instructions for one."""

    name = "fingers"

    def __init__(self, each: int) -> None:
        self.each = each

    def rounds(self, pieces: Sequence[Piece]) -> Rounds:
        return {
            (piece.name, calls): 7_000 + calls * self.each
            for piece in pieces
            for calls in (piece.calls, 2 * piece.calls)
        }


def count_with(monkeypatch: pytest.MonkeyPatch, counter: Counts | None) -> None:
    monkeypatch.setattr(counting, "counter", lambda: counter)


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        piece.name for piece in ALL
    ]


def test_saved_and_then_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.json"
    asked = [NAME, "--rounds", "1", "--against", str(file)]
    count_with(monkeypatch, Counts(50_000))
    assert main([*asked, "--save"]) == 0
    assert f"kept in {file}" in capsys.readouterr().out
    assert json.loads(file.read_text())["instructions"] == {NAME: 50_000}
    count_with(monkeypatch, Counts(60_000))
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert "60,000" in shown
    assert "1.200  GREW" in shown
    assert "note:" not in shown


def test_without_a_counter_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    count_with(monkeypatch, None)
    assert main([NAME, "--rounds", "1"]) == 0
    assert MISSING in capsys.readouterr().err
    assert main([NAME, "--rounds", "1", "--no-count"]) == 0
    assert capsys.readouterr().err == ""


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert capsys.readouterr().err == "there is no piece 'nothing'; --list shows all\n"
    assert main([NAME, "--against", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
