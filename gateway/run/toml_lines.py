"""Which line of a TOML file does a setting stand on?

tomllib forgets lines, so this reads the file once more, statement by statement: lines are gathered
until tomllib takes them as a whole, which leaves quoting, dotted keys and values over several lines
to it. Only for messages, and only for text that tomllib has read already.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]


def locate(text: str) -> dict[Path, int]:
    """Path of each key and table -> line of the statement that first names it, counted from 1."""
    found: dict[Path, int] = {}
    table: Path = ()
    for line, statement, parsed in _statements(text):
        if statement.lstrip().startswith("["):
            table = _header_path(parsed)
            paths = [table[: end + 1] for end in range(len(table))]
        else:
            paths = [table + path for path in _all_paths(parsed)]
        for path in paths:
            found.setdefault(path, line)
    return found


def _statements(text: str) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """(first line, source, what it says alone) of each statement. Blank lines and comments give
    nothing."""
    pending = ""
    begun = 1
    for number, line in enumerate(text.split("\n"), start=1):  # not every line that Python knows
        begun = begun if pending else number
        pending += line + "\n"
        try:
            parsed = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # a value that goes on in the next line
        if parsed:
            yield begun, pending, parsed
        pending = ""


def _header_path(parsed: Mapping[str, Any]) -> Path:
    """`[a.b]` reads as {a: {b: {}}}, `[[a.b]]` as {a: {b: [{}]}}: a chain without a fork."""
    path: list[str] = []
    node: Any = parsed
    while isinstance(node, Mapping) and node:
        (name, node) = next(iter(node.items()))
        path.append(name)
    return tuple(path)


def _all_paths(tree: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    for name, value in tree.items():
        yield (*above, name)
        if isinstance(value, Mapping):
            yield from _all_paths(value, (*above, name))
