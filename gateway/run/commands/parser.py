"""argparse as a reader wants it: examples before anything else, and the nearest word for one that
is misspelt.

The examples stand in each group's own file, as its description; `furnish` gives every command of
the group those that are about it. `walk` visits all commands: docs/cli.md is held to it.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

_HEAD = "examples:"
_NO_COMMAND = "arguments are required: COMMAND"
_CHOICE = re.compile(r"invalid choice: '(.*?)'")


class Parser(argparse.ArgumentParser):
    """examples: shown first by --help."""

    examples = ""

    def format_help(self) -> str:
        return "\n".join(filter(None, [self.examples, super().format_help()]))

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """The innermost command that was not understood says so: it knows its options best."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}{self._meant(left[0])}")
        return found, left

    def error(self, message: str) -> NoReturn:
        if message.endswith(_NO_COMMAND):  # `keybrake`, `keybrake keys`: which are there?
            self.print_help(sys.stderr)
            self.exit(2)
        wrong = _CHOICE.search(message)
        if wrong is not None:
            message += self._meant(wrong[1])
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")

    def _meant(self, word: str) -> str:
        """`; did you mean …?`, or nothing."""
        words = {name.strip("-"): name for action in self._actions for name in _words(action)}
        bare = word.partition("=")[0].strip("-")  # dashes alone make nothing alike
        close = difflib.get_close_matches(bare, words, n=1, cutoff=0.5)
        return f"; did you mean {words[close[0]]}?" if close else ""


def furnish(parser: argparse.ArgumentParser, inherited: str = "") -> None:
    """Put examples before the help of a command and of all below it."""
    told = parser.description or ""
    if told.startswith(_HEAD):
        examples, _, rest = told.partition("\n\n")
        parser.description = rest
    else:
        examples = _about(parser.prog, inherited) or inherited
    if isinstance(parser, Parser):
        parser.examples = examples.rstrip("\n") + "\n"
    for child in children(parser).values():
        furnish(child, examples)


def children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command that can be carried out."""
    below = children(parser)
    if not below:
        yield parser
    for child in below.values():
        yield from walk(child)


def _about(prog: str, examples: str) -> str:
    """Those of a group's examples that are of this command, with their following lines."""
    shown: list[str] = []
    ours = False
    for line in examples.splitlines()[1:]:
        if line.strip().startswith("keybrake "):
            ours = f"{line.strip()} ".startswith(f"{prog} ")
        if ours:
            shown.append(line)
    return "\n".join([_HEAD, *shown]) if shown else ""


def _words(action: Any) -> list[str]:
    choices = action.choices if isinstance(action.choices, (dict, list, tuple)) else ()
    return [*action.option_strings, *map(str, choices)]
