"""Where settings come from: a TOML file and the environment, flattened to one dictionary of named
values.

Each value keeps its origin (`gateway.toml:12`, or a variable's name), so that a mistake tells where
it stands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.run.log import redact
from gateway.run.toml_lines import locate

PREFIX: Final = "KEYBRAKE__"

Name = tuple[str, ...]


class ConfigMistakes(Exception):
    """All that is wrong, one sentence each, beginning with where it stands. Shows no secret."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(redact(mistake) for mistake in mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, slots=True)
class Given:
    """One value as somebody wrote it. origin: `gateway.toml:12`, a variable's name, or `default`.
    from_text: it came from the environment and is still to be read by the type of its field."""

    value: Any
    origin: str
    from_text: bool = False


def from_file(path: Path) -> dict[Name, Given]:
    """Raises ConfigMistakes for a file that is not there or is not TOML."""
    try:
        text = path.read_bytes().decode()
        tree = tomllib.loads(text)
    except OSError as exc:
        raise ConfigMistakes([f"{path}: cannot be read: {exc.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigMistakes([f"{path}: is not UTF-8"]) from None
    except tomllib.TOMLDecodeError as exc:
        raise ConfigMistakes([_not_toml(path, str(exc))]) from None
    except (ValueError, RecursionError) as exc:  # a number of thousands of digits, lists in lists
        raise ConfigMistakes([f"{path.name}: cannot be read: {exc}"]) from None
    lines = locate(text)
    return {
        name: Given(value, f"{path.name}:{_line(lines, name)}") for name, value in _leaves(tree)
    }


def from_environment(environ: Mapping[str, str]) -> dict[Name, Given]:
    """KEYBRAKE__SERVER__LISTEN is server.listen."""
    return {
        tuple(variable.removeprefix(PREFIX).lower().split("__")): Given(value, variable, True)
        for variable, value in environ.items()
        if variable.startswith(PREFIX)
    }


def _not_toml(path: Path, message: str) -> str:
    """tomllib says `… (at line 3, column 5)`."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message)
    if found is None:
        return f"{path.name}: not TOML: {message}"
    return f"{path.name}:{found[2]}: not TOML: {found[1]}"


def _leaves(tree: Mapping[str, Any], above: Name = ()) -> Iterator[tuple[Name, Any]]:
    """Values by their whole names; an empty table counts as a value, so that nothing is
    overlooked."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _line(lines: Mapping[Name, int], name: Name) -> int:
    """That of the longest part of the name that has one."""
    while name not in lines:
        name = name[:-1]
    return lines[name]
