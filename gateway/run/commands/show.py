"""Answers for people and for machines: tables on stdout, or JSON; talk goes to stderr.

On a terminal a table fits its width: what is too long is cut with …, ids and the last column go
last. Anywhere else nothing is cut, since nobody can ask a pipe for the rest. What is shown was
written by callers and vendors, so control characters are escaped: nothing that an agent puts into a
label can move the cursor of whoever reads it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from gateway.run.log import escape

CELL_CHARS_MIN: Final = 8
"""A column is not made narrower than that; a terminal that is too narrow even so has to wrap."""
GAP: Final = 2
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
    for line in table(rows, columns, terminal_chars(out)):
        print(line, file=out)


def table(rows: Sequence[Row], columns: Sequence[str], chars: int | None = None) -> Iterator[str]:
    """A head and a line for each row; columns that no row fills are left out. chars: how wide it
    may be."""
    filled = [name for name in columns if any(row.get(name) not in (None, "") for row in rows)]
    cells = [[heading(name) for name in filled]]
    cells += [[plain(row.get(name)) for name in filled] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(filled))]
    if chars is not None:
        widths = fitting(filled, widths, chars)
    for line in cells:
        padded = (
            cut(text, width).rjust(width) if "_usd" in name else cut(text, width).ljust(width)
            for text, width, name in zip(line, widths, filled, strict=True)
        )
        yield (" " * GAP).join(padded).rstrip()


def fitting(names: Sequence[str], widths: Sequence[int], chars: int) -> list[int]:
    """Widths that fit: the widest column gives, again and again; ids never do, since they are
    copied."""
    fit = list(widths)
    gives = [at for at, name in enumerate(names) if name not in ("id", "key_id")]
    room = chars - GAP * (len(fit) - 1)
    while sum(fit) > room and gives:
        widest = max(gives, key=lambda at: fit[at])
        if fit[widest] <= CELL_CHARS_MIN:
            break
        fit[widest] -= 1
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
    return text if len(text) <= chars else text[: chars - 1] + "…"


def plain(value: Any) -> str:
    """One line."""
    if value is None:
        return ""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return escape(", ".join(value))
    return escape(json.dumps(value, ensure_ascii=False))
