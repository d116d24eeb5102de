"""Answers for people and for machines: tables on stdout, or JSON; talk goes to stderr.

On a terminal a table fits its width: what is too long is cut with …, ids never are, times lose
their year and their seconds, and of too many columns those go that are missed least. Anywhere else
nothing is cut, since nobody can ask a pipe for the rest. What is shown was written by callers and
vendors, so control characters are escaped: nothing that an agent puts into a label can move the
cursor of whoever reads it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from gateway.run.log import escape

CELL_CHARS_MIN: Final = 8
"""A column is not made narrower than that; a terminal that is too narrow even so has to wrap."""
TIME_CHARS_MIN: Final = 11
"""`11-23 09:15`: a time that is cut at its end says nothing."""
GAP: Final = 2
SPARE: Final = (
    "duration_ms", "looks", "evidence", "first_at", "restored_usd", "held_usd", "account",
    "method", "quote_usd", "decision", "revoked_at", "operation", "rule", "path", "code",
    "expires_at", "name", "vendor",
)  # fmt: skip
"""Columns that a narrow terminal goes without, the first of these first."""
_TIME: Final = re.compile(r"\d{4}-(\d\d-\d\d)T((\d\d:\d\d):\d\d)(?:\.\d+)?Z")
COLOURS: Final = {"ok": 32, "warn": 33, "fail": 31}

Row = Mapping[str, Any]


def as_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def as_json_lines(rows: Iterable[Row]) -> None:
    for row in rows:
        print(json.dumps(row, ensure_ascii=False), flush=True)


def as_table(rows: Sequence[Row], columns: Sequence[str], *, err: bool = False) -> None:
    """No rows: a word on stderr, nothing on stdout. err: beside the data, as talk."""
    if not rows:
        say("nothing to show")
        return
    out = sys.stderr if err else sys.stdout
    chars = terminal_chars(out)
    for line in table(rows, columns, chars):
        print(line, file=out)
    if gone := spared(filled(rows, columns), widths_of(rows, filled(rows, columns)), chars):
        say(f"no room for {', '.join(heading(name) for name in gone)}: --json has all")


def table(rows: Sequence[Row], columns: Sequence[str], chars: int | None = None) -> Iterator[str]:
    """A head and a line for each row; columns that no row fills are left out. chars: how wide it
    may be."""
    names = filled(rows, columns)
    gone = spared(names, widths_of(rows, names), chars)
    names = [name for name in names if name not in gone]
    widths = widths_of(rows, names)
    if chars is not None:
        widths = fitting(names, widths, chars)
    cells = [
        [cut(text, width) for text, width in zip(line, widths, strict=True)]
        for line in _cells(rows, names)
    ]
    widths = _widths(cells)
    for line in cells:
        padded = (
            text.rjust(width) if "_usd" in name else text.ljust(width)
            for text, width, name in zip(line, widths, names, strict=True)
        )
        yield (" " * GAP).join(padded).rstrip()


def filled(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    return [name for name in columns if any(row.get(name) not in (None, "") for row in rows)]


def widths_of(rows: Sequence[Row], names: Sequence[str]) -> list[int]:
    return _widths(list(_cells(rows, names)))


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*cells, strict=True)]


def _cells(rows: Sequence[Row], names: Sequence[str]) -> Iterator[list[str]]:
    yield [heading(name) for name in names]
    for row in rows:
        yield [plain(row.get(name)) for name in names]


def spared(names: Sequence[str], widths: Sequence[int], chars: int | None) -> list[str]:
    """Columns to leave out, since even with all of them at their narrowest there is no room."""
    if chars is None:
        return []
    left = {name: _chars_min(name, width) for name, width in zip(names, widths, strict=True)}
    gone: list[str] = []
    for name in SPARE:
        if sum(left.values()) + GAP * (len(left) - 1) <= chars:
            break
        if left.pop(name, None) is not None:
            gone.append(name)
    return gone


def _chars_min(name: str, width: int) -> int:
    if name in ("id", "key_id"):
        return width
    return min(width, TIME_CHARS_MIN if name.endswith("at") else CELL_CHARS_MIN)


def fitting(names: Sequence[str], widths: Sequence[int], chars: int) -> list[int]:
    """Widths that fit: the widest column gives, again and again; ids never do, since they are
    copied."""
    fit = list(widths)
    room = chars - GAP * (len(fit) - 1)
    gives = {at for at, name in enumerate(names) if fit[at] > _chars_min(name, fit[at])}
    while sum(fit) > room and gives:
        widest = max(gives, key=lambda at: (fit[at], -at))
        fit[widest] -= 1
        if fit[widest] <= _chars_min(names[widest], fit[widest] + 1):
            gives.remove(widest)
    return fit


def terminal_chars(out: TextIO) -> int | None:
    """None: it is no terminal."""
    return shutil.get_terminal_size().columns if out.isatty() else None


def coloured(mark: str, text: str) -> str:
    """A mark's colour, on a terminal that may have one (NO_COLOR: none)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{COLOURS[mark]}m{text}\x1b[0m"


def as_record(record: Row) -> None:
    """One thing, a line for each of its facts that is set; what is in a part of it (an issuer's
    template) under both names."""
    facts = {name: value for name, value in _flat(record) if value not in (None, "", [], {})}
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        print(f"{name.ljust(width)}  {plain(value)}")


def _flat(record: Row, above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        whole = f"{above}.{name}" if above else name
        if isinstance(value, Mapping):
            yield from _flat(value, whole)
        else:
            yield whole, value


def say(text: str) -> None:
    """A word to the person at the keyboard."""
    print(text, file=sys.stderr)


def heading(name: str) -> str:
    return name.replace("_usd", "").replace("_", " ").upper()


def cut(text: str, chars: int) -> str:
    if len(text) <= chars:
        return text
    if time := _TIME.fullmatch(text):
        day, seconds, minutes = time.groups()
        return f"{day} {seconds}" if chars >= len("11-23 09:15:55") else f"{day} {minutes}"
    return text[: chars - 1] + "…"


def plain(value: Any) -> str:
    """One line."""
    if value is None:
        return ""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return escape(", ".join(value))
    return escape(json.dumps(value, ensure_ascii=False))
