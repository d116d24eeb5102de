"""The table of commands in docs/cli.md, from the parsers themselves.

python -m tests.cli_page        writes it anew; tests/test_cli_page.py holds the page to it
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.run.cli import make_parser
from gateway.run.commands.parser import children

PAGE: Final = Path(__file__).parents[1] / "docs" / "cli.md"
BEGIN: Final = "<!-- commands: python -m tests.cli_page writes them -->\n"
END: Final = "<!-- end of commands -->\n"
COMMON: Final = {"--help", "--url", "--admin-key-file", "--json", "--config", "--version"}
"""Told once, above the table."""


def table() -> str:
    rows = [f"| `{words}` | {told} | {options} |\n" for words, told, options in commands()]
    return "| command | does | takes |\n| --- | --- | --- |\n" + "".join(rows)


def commands() -> Iterator[tuple[str, str, str]]:
    yield from _below(make_parser())


def _below(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, str]]:
    helps = {
        choice.dest: choice.help or ""
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    }
    for name, child in children(parser).items():
        if children(child):
            yield from _below(child)
        else:
            yield child.prog, _cell(helps[name]), _cell(" ".join(_takes(child)))


def _takes(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if not action.option_strings:
            name = action.metavar or "|".join(map(str, action.choices or ())) or action.dest
            yield f"`[{name}]`" if action.nargs == "?" else f"`{name}`"
        elif action.option_strings[-1] not in COMMON:
            yield f"`{action.option_strings[-1]}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page_with(text: str, rows: str) -> str:
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + rows + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(), table()))
