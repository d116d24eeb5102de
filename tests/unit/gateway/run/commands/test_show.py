"""Tables, records, and text that moves no cursor."""

from __future__ import annotations

import io
from typing import Any

import pytest

from gateway.run.commands import show

ROWS: list[dict[str, Any]] = [
    {"id": "a", "spent_usd": "9.00", "label": "x\x1b[2J\n", "none": None},
    {"id": "bbb", "spent_usd": "500.00", "label": "y" * 99, "none": ""},
]


def test_a_table_lines_up_and_leaves_empty_columns_out(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_table(ROWS, ("id", "spent_usd", "none", "absent"))
    assert capsys.readouterr().out.splitlines() == [
        "ID    SPENT",
        "a      9.00",
        "bbb  500.00",
    ]


def test_a_pipe_gets_everything_whole() -> None:
    assert list(show.table(ROWS, ("label", "id", "label")))[2].startswith("y" * 99)
    assert list(show.table([{}], ("id",))) == ["", ""]


def test_a_terminal_gets_a_table_that_fits_and_ids_whole() -> None:
    lines = list(show.table(ROWS, ("id", "label", "spent_usd"), 40))
    assert max(map(len, lines)) == 40
    assert lines[2].startswith("bbb  yyy")
    assert "…" in lines[2]
    ids = [{"id": "vk_" + "x" * 40, "label": "y" * 30}]
    narrow = list(show.table(ids, ("id", "label"), 20))
    assert narrow[1] == ids[0]["id"] + "  " + "y" * (show.CELL_CHARS_MIN - 1) + "…"
    assert list(show.table([{"id": "vk_1"}], ("id",), 2))[1] == "vk_1"


def test_a_narrow_terminal_goes_without_what_is_missed_least(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "at": "2026-11-23T09:15:55.509Z", "id": "call_" + "x" * 26, "run": "billing/2",
        "method": "POST", "path": "/v1/payment_intents", "decision": "refused", "status": 429,
        "quote_usd": "12.00", "cost_usd": "0.00", "state": "released", "duration_ms": 0,
    }  # fmt: skip
    head, line = show.table([row], list(row), 80)
    assert head.split() == ["AT", "ID", "RUN", "STATUS", "COST", "STATE"]
    assert line.startswith(f"11-23 09:15  {row['id']}  ")
    assert len(line) <= 80
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    show.as_table([row], list(row))
    assert capsys.readouterr().err == (
        "no room for DURATION MS, METHOD, QUOTE, DECISION, PATH: --json has all\n"
    )


@pytest.mark.parametrize(
    ("chars", "told"),
    [(24, "2026-11-23T09:15:55.509Z"), (20, "11-23 09:15:55"), (11, "11-23 09:15")],
)
def test_a_time_is_cut_to_what_is_read(chars: int, told: str) -> None:
    assert show.cut("2026-11-23T09:15:55.509Z", chars) == told


def test_a_cell_is_one_line() -> None:
    assert show.plain("x\x1b[2J\n") == "x\\u001b[2J\\u000a"
    assert show.plain(["a", "b"]) == "a, b"
    assert show.plain({"a": 1}) == '{"a": 1}'
    assert show.plain(None) == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert show.coloured("ok", "x") == "x"
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert show.coloured("fail", "x") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert show.coloured("fail", "x") == "x"


def test_how_wide_a_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert show.terminal_chars(Terminal()) == 72
    assert show.terminal_chars(io.StringIO()) is None


def test_no_rows_leave_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_table([], ("id",))
    assert capsys.readouterr() == ("", "nothing to show\n")


def test_a_record_tells_what_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_record({"id": "a", "name": "", "caps": [], "in_flight": 0})
    assert capsys.readouterr().out.splitlines() == ["id         a", "in_flight  0"]
