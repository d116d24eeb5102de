"""docs/hardening.md says of each threat in which file it is met and which test shows it, and
docs/security.md of each promise: these are there. And what no other test says of what is
installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = (ROOT / "docs" / "hardening.md").read_text(encoding="utf-8")
ROWS: Final = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and ".py" in line
]
ROWS_MIN: Final = 85
"""As many as there were. A threat that is gone is a change to be made here, too."""
_QUOTED: Final = re.compile(r"`([^`]+)`")
_PIN: Final = re.compile(r"^[a-z0-9][a-z0-9._-]*(?:\[[a-z,]+\])?==[^\s;]+")


def test_the_page_has_all_its_rows() -> None:
    assert len(ROWS) >= ROWS_MIN
    assert all(len(row) == 4 for row in ROWS), [row for row in ROWS if len(row) != 4]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_names_files_and_tests_that_are_there(row: list[str]) -> None:
    held, shown = (_QUOTED.findall(cell) for cell in row[-2:])
    assert held
    assert shown
    assert [name for name in held if not (ROOT / name).is_file()] == []
    assert [name for name in shown if not is_a_test(name)] == []


def test_a_promise_is_tried_by_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py: \w+)`", page)
    assert len(named) >= 20
    assert [name for name in named if not is_a_test(name)] == []


def is_a_test(name: str) -> bool:
    """`unit/x/test_y.py: what_is_true`, or the name of a state machine's test there."""
    file, _, test = name.partition(": ")
    path = ROOT / "tests" / file
    wanted = rf"^{test} = " if test.startswith("Test") else rf"^(?:async )?def test_{test}\("
    return path.is_file() and re.search(wanted, path.read_text(), re.MULTILINE) is not None


def test_what_is_no_test_is_noticed() -> None:
    assert is_a_test("test_hardening.py: the_page_has_all_its_rows")
    assert not is_a_test("test_hardening.py: the_page_has_all")
    assert not is_a_test("test_nothing.py: the_page_has_all_its_rows")


@pytest.mark.parametrize(
    "path",
    sorted((*ROOT.glob("requirements*.txt"), *(ROOT / "bench").rglob("*.txt"))),
    ids=lambda path: path.name,
)
def test_every_package_is_pinned_with_its_hashes(path: Path) -> None:
    lines = path.read_text().replace("\\\n", " ").splitlines()
    packages = [line for line in lines if line and not line.startswith(("#", " "))]
    assert packages
    assert [line for line in packages if not _PIN.match(line) or "--hash=sha256:" not in line] == []
