"""The script that turns a day's file into our table."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from vendors.rates import Rates
from vendors.refresh_rates import main

SOURCE = '{"date": "2026-01-01", "usd": {"usd": 1, "eur": 0.85123456, "jpy": 150, "doge": 7.1}}'


def test_the_table_can_be_loaded_and_keeps_every_digit(tmp_path: Path) -> None:
    (tmp_path / "usd.json").write_text(SOURCE)
    out = tmp_path / "rates.json"
    assert main([str(tmp_path / "usd.json"), str(out)]) == 0
    assert json.loads(out.read_text())["units_per_usd"] == {"eur": "0.85123456", "jpy": "150"}
    assert Rates.load(out, "0", 30).currencies() == {"usd", "eur", "jpy"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rates.json", "usd.json"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "[]",
        "{}",
        '{"date": "2026-01-01"}',
        '{"date": "2026-01-01", "usd": {"usd": 1, "eur": -1}}',
        '{"date": "2026-01-01", "usd": {"usd": 1, "eur": 1e-7}}',
        '{"date": "2026-01-01", "usd": {"usd": 1, "eur": null}}',
        '{"date": "2026-01-01", "usd": {"eur": 1}}',
        "[" * 100_000,
    ],
)
def test_another_file_is_refused(
    tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "usd.json").write_text(source)
    assert main([str(tmp_path / "usd.json"), str(tmp_path / "rates.json")]) == 1
    assert "not a file of rates" in capsys.readouterr().err
    assert not (tmp_path / "rates.json").exists()


def test_a_table_that_no_gateway_would_load_takes_no_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "usd.json").write_text('{"date": "2026-01-01", "usd": {"usd": 1, "eur": 0.0}}')
    out = tmp_path / "rates.json"
    out.write_text("the last one")
    assert main([str(tmp_path / "usd.json"), str(out)]) == 1
    assert "the rate of 'eur'" in capsys.readouterr().err
    assert out.read_text() == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rates.json", "usd.json"]


def test_a_missing_file(tmp_path: Path) -> None:
    assert main([str(tmp_path / "absent"), str(tmp_path / "rates.json")]) == 1


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_run_as_a_module_it_tells_how(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["refresh_rates"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module("vendors.refresh_rates", run_name="__main__")
    assert "usage" in capsys.readouterr().err
