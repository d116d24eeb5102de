"""Help that begins with examples, and the nearest word for one that is misspelt."""

from __future__ import annotations

import argparse

import pytest

from gateway.run import cli
from gateway.run.commands.parser import Parser, children, furnish, walk

ROOT = cli.make_parser()


def everyone(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [each for child in children(parser).values() for each in everyone(child)]
    return [parser, *below]


@pytest.mark.parametrize("parser", everyone(ROOT), ids=lambda parser: parser.prog)
def test_every_help_begins_with_examples_of_that_command(parser: argparse.ArgumentParser) -> None:
    text = parser.format_help()
    assert text.startswith("examples:\n  ")
    examples = text.partition("\nusage:")[0]
    assert f"{parser.prog} " in f"{examples} ".replace("\n", " "), "one is of this very command"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["keis"], "did you mean keys?"),
        (["keys", "crate"], "did you mean create?"),
        (["keys", "create", "--alow", "x"], "did you mean --allow?"),
        (["calls", "list", "--vender=stripe"], "did you mean --vendor?"),
        (["zzzzzz"], "invalid choice"),
        (["keys", "list", "--config=x"], "unrecognized arguments: --config=x\n"),
    ],
)
def test_the_nearest_word(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["keys"]])
def test_without_a_command_all_are_shown(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    assert told.err.startswith("examples:\n  keybrake ")
    assert "create" in told.err


def test_help_is_a_word_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["help", "keys", "create"])
    assert caught.value.code == 0
    assert "usage: keybrake keys create" in capsys.readouterr().out


def test_a_parser_of_another_make_is_left_alone() -> None:
    plain = argparse.ArgumentParser(prog="x")
    furnish(plain)
    assert list(walk(plain)) == [plain]
    assert not Parser(prog="y").format_help().startswith("examples:")
