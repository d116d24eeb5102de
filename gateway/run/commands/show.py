"""Answers for people and for machines: tables on stdout, or JSON; talk goes to stderr.

What is shown was written by callers and vendors, so control characters are escaped: nothing that an
agent puts into a label can move the cursor of whoever reads it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.run.log import escape

CELL_CHARS_MAX: Final = 60

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
    for line in table(rows, columns):
        print(line, file=sys.stderr if err else sys.stdout)


def table(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    """A head and a line for each row; columns that no row fills are left out. The last column is
    shown whole: nothing stands beside it."""
    filled = [name for name in columns if any(row.get(name) not in (None, "") for row in rows)]
    cells = [[heading(name) for name in filled]]
    for row in rows:
        last = [_plain(row.get(name)) for name in filled[-1:]]
        cells.append([cell(row.get(name)) for name in filled[:-1]] + last)
    widths = [max(len(line[at]) for line in cells) for at in range(len(filled))]
    for line in cells:
        padded = (
            text.rjust(width) if "_usd" in name else text.ljust(width)
            for text, width, name in zip(line, widths, filled, strict=True)
        )
        yield "  ".join(padded).rstrip()


def as_record(record: Row) -> None:
    """One thing, a line for each of its facts that is set; what is in a part of it (an issuer's
    template) under both names."""
    facts = {name: value for name, value in _flat(record) if value not in (None, "", [], {})}
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        print(f"{name.ljust(width)}  {_plain(value)}")


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


def cell(value: Any) -> str:
    text = _plain(value)
    return text if len(text) <= CELL_CHARS_MAX else text[: CELL_CHARS_MAX - 1] + "…"


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return escape(", ".join(value))
    return escape(json.dumps(value, ensure_ascii=False))
