"""The page of bounds says what the code has: values, settings, and tests that are there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Final

import pytest

from gateway.settings import Settings

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = (ROOT / "docs" / "bounds.md").read_text(encoding="utf-8")
CONSTANTS: Final = re.findall(r"`(_?[A-Z_]+)` = ([\d,]+) \(`([a-z_/]+)\.py`\)", PAGE)
SETTINGS: Final = re.findall(r"`([a-z]+)\.([a-z_]+)` = ([\d,]+)", PAGE)
TESTS: Final = re.findall(r"`((?:unit|integration)/[\w/]+\.py): (\w+)`", PAGE)


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.mark.parametrize(("name", "value", "module"), CONSTANTS)
def test_a_constant_is_what_the_page_says(name: str, value: str, module: str) -> None:
    assert getattr(importlib.import_module(module.replace("/", ".")), name) == number(value)


@pytest.mark.parametrize(("section", "name", "value"), SETTINGS)
def test_a_setting_is_by_default_what_the_page_says(section: str, name: str, value: str) -> None:
    assert getattr(getattr(Settings(), section), name) == number(value)


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_a_test_of_the_page_is_there(file: str, name: str) -> None:
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert re.search(rf"def test_{name}\(", text)


def test_every_row_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    bare = [row for row in rows if not row.startswith("| what ") and not re.search(r"\.py: ", row)]
    assert bare == []
    assert (len(CONSTANTS), len(SETTINGS)) > (15, 5)
