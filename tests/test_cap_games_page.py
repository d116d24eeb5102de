"""docs/cap-games.md names every game against a cap and what shows that it fails: all of it is
there, and no game of `test_cap_games.py` is left out."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Final

from tests.integration.test_cap_games import GAMES
from tests.test_hardening import is_a_test

TESTS: Final = Path(__file__).parent
PAGE: Final = (TESTS.parent / "docs" / "cap-games.md").read_text(encoding="utf-8")
SHOWN: Final = re.compile(r"`([\w/.]+): ([^`]+)`")
GAMES_MIN: Final = 50


def shown() -> list[tuple[str, str]]:
    return [
        (file, name)
        for line in PAGE.splitlines()
        if line.startswith("| ")
        for file, name in SHOWN.findall(line.rpartition(" | ")[2])
    ]


def is_there(file: str, name: str) -> bool:
    if file == "cap_games":
        return name in {game.__name__ for game in GAMES}
    if file.endswith(".toml"):
        rows = tomllib.loads((TESTS / "corpus" / file).read_text(encoding="utf-8"))["entry"]
        return name in {row["name"] for row in rows}
    if file.endswith(".json"):
        rows = json.loads((TESTS / file).read_text(encoding="utf-8"))["entries"]
        return name in {row["name"] for row in rows}
    return is_a_test(f"{file}: {name}")


def test_what_the_page_names_is_there() -> None:
    assert len(shown()) >= GAMES_MIN
    assert [one for one in shown() if not is_there(*one)] == []


def test_each_game_stands_on_the_page() -> None:
    named = {name for file, name in shown() if file == "cap_games"}
    assert {game.__name__ for game in GAMES} == named


def test_what_is_not_there_is_noticed() -> None:
    assert not is_there("cap_games", "wins")
    assert not is_there("cap_stripe.toml", "amount thrice")
    assert not is_there("answers/ends.json", "never")
    assert not is_there("integration/test_caps.py", "nothing")
