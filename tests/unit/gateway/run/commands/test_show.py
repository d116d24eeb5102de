"""Tables, records, and text that moves no cursor."""

from __future__ import annotations

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


def test_the_last_column_is_shown_whole() -> None:
    assert list(show.table(ROWS, ("label", "id", "label")))[2].endswith("  " + "y" * 99)
    assert list(show.table([{}], ("id",))) == ["", ""]


def test_a_cell_is_one_line_of_bounded_length() -> None:
    assert show.cell("x\x1b[2J\n") == "x\\u001b[2J\\u000a"
    assert len(show.cell("y" * 99)) == show.CELL_CHARS_MAX
    assert show.cell(["a", "b"]) == "a, b"
    assert show.cell({"a": 1}) == '{"a": 1}'
    assert show.cell(None) == ""


def test_no_rows_leave_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_table([], ("id",))
    assert capsys.readouterr() == ("", "nothing to show\n")


def test_a_record_tells_what_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_record({"id": "a", "name": "", "caps": [], "in_flight": 0})
    assert capsys.readouterr().out.splitlines() == ["id         a", "in_flight  0"]
