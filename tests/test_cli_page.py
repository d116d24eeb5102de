"""docs/cli.md has every command as the parsers have it, and its examples are commands."""

from __future__ import annotations

import re
import shlex

import pytest

from gateway.run.cli import make_parser
from tests.cli_page import PAGE, commands, page_with, table

TEXT = PAGE.read_text()
LINES = re.findall(r"(?m)^keybrake (.+?)(?:  +#.*)?$", TEXT)


def test_every_command_is_in_it() -> None:
    assert page_with(TEXT, table()) == TEXT, "python -m tests.cli_page"
    assert len(list(commands())) > 30


@pytest.mark.parametrize("line", LINES)
def test_what_is_to_be_typed_is_understood(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    make_parser().parse_args(words)


def test_there_are_lines_to_type() -> None:
    assert len(LINES) > 15
