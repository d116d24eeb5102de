"""keybrake rates: fetched or from a file, and what does not take a table's place."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from gateway.run import cli
from gateway.run.commands import api, rates
from vendors.rates import Rates

DAY = b'{"date": "2026-11-22", "usd": {"usd": 1, "eur": 0.85123456, "jpy": 150, "doge": 7.1}}'


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "rates.json"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine has set for the world is not for the loopback."""
    monkeypatch.setenv("no_proxy", "*")


def failed(out: Path, source: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The table that was there stays; how it ended, and what was said."""
    out.write_text("the last one")
    code = cli.main(["rates", str(out), "--from", source])
    assert out.read_text() == "the last one"
    told = capsys.readouterr()
    assert told.out == ""
    return code, told.err


def test_a_fetched_table_is_one_that_a_gateway_loads(
    gateway: Any,
    out: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway.will("GET", "/usd.json", DAY)
    assert cli.main(["rates", str(out), "--from", f"{gateway.url}/usd.json"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}: 2 currencies of 2026-11-22\n"
    assert "money.rates_file" in told.err
    table = Rates.load(out, "2", 30)
    assert table.currencies() == {"usd", "eur", "jpy"}
    assert str(table.date) == "2026-11-22"
    assert gateway.asked[0][3] is None, "the admin key is the gateway's alone"


@pytest.mark.parametrize(("age_days", "is_told"), [(30, False), (31, True)])
def test_a_file_does_where_nothing_can_be_fetched_and_its_age_is_told(
    tmp_path: Path, out: Path, age_days: int, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    day = (date.today() - timedelta(days=age_days)).isoformat()
    (tmp_path / "usd.json").write_bytes(DAY.replace(b"2026-11-22", day.encode()))
    assert cli.main(["rates", str(out), "--from", str(tmp_path / "usd.json")]) == 0
    assert Rates.load(out, "2", 30).currencies() == {"usd", "eur", "jpy"}
    assert (f"it is {age_days} days old" in capsys.readouterr().err) is is_told


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"<html>", "not a file of rates"),
        (b"\xff", "not a file of rates (UnicodeDecodeError)"),
        (b'{"date": "2026-11-22", "usd": {"usd": 1, "eur": 0}}', "the rate of 'eur'"),
        (b" " * (rates.SOURCE_BYTES_MAX + 1), "longer than 1,048,576 bytes"),
        (None, "HTTP Error 404"),
    ],
)
def test_another_answer_takes_no_tables_place(
    gateway: Any,
    out: Path,
    answer: bytes | None,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if answer is not None:
        gateway.will("GET", "/usd.json", answer)
    code, told = failed(out, f"{gateway.url}/usd.json", capsys)
    assert (code, why in told) == (1, True), told


def test_nothing_is_fetched_in_the_clear(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = failed(out, "http://rates.example.com/usd.json", capsys)
    assert (code, "by https only" in told) == (2, True)
    begun, judged = Request("https://a.example.com/"), rates.Redirects().redirect_request
    followed = judged(begun, None, 302, "Found", {}, "https://b.example.com/")
    assert followed is not None
    assert followed.full_url == "https://b.example.com/"
    with pytest.raises(api.Misused):
        judged(begun, None, 302, "Found", {}, "http://b.example.com/")


@pytest.mark.parametrize(
    "source", ["http://127.0.0.1:1/usd.json", "none.json", ".", "http://127.0.0.1:x/", "https://["]
)
def test_what_cannot_be_read(out: Path, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = failed(out, source, capsys)
    assert (code, told.startswith(f"keybrake: {source}: ")) == (1, True)


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "usd.json").write_bytes(DAY)
    out = tmp_path / "none" / "rates.json"
    assert cli.main(["rates", str(out), "--from", str(tmp_path / "usd.json")]) == 1
    assert f"{out} is as it was: No such file or directory" in capsys.readouterr().err


def test_where_it_comes_from_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["rates", "--help"])
    told = capsys.readouterr().out
    assert told.startswith("examples:\n  keybrake rates ")
    assert rates.SOURCE in "".join(told.split())
