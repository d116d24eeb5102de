"""Cells of a CSV file that no spreadsheet takes for a formula, wherever it cuts the line.

What callers wrote (a reason, a step, a label) stands in an export. A spreadsheet runs a cell that
begins with `=`, `+`, `-` or `@`, some with the wide forms of these, after blanks too. And it may
begin a cell where we do not: one that is set to semicolons or tabs cuts at those inside our quotes.
So an apostrophe goes in front of each such sign at the beginning of the text, and after whatever
may separate cells or lines within it. NDJSON has the texts as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20\u2212"
_SEPARATORS: Final = ";,|\"'\t\r\n"
_GAP: Final = rf"[{_SEPARATORS}\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x20]"
_FORMULA: Final = re.compile(rf"(?:\A{_GAP}*+|(?<!{_GAP}){_GAP}++)(?=[{_SIGNS}])")
"""All of a gap at once, since what callers wrote may be nothing but gaps: each begun anew from its
middle would take the square of their number."""
_SEPARATOR: Final = re.compile(f"[{_SEPARATORS}]")
_BROKEN: Final = re.compile(r"\A(?=[\t\r\n])")
"""A tab or line end in front: what comes after it begins a cell."""
_HARMLESS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:@=+ -]*")
"""Begins with no sign or blank, and nothing in it separates cells: most texts are so, and looked at
once."""


def row(cells: Sequence[Any]) -> bytes:
    """A line of a CSV file."""
    line = io.StringIO()
    csv.writer(line).writerow([cell(value) for value in cells])
    return line.getvalue().encode()


def cell(value: Any) -> str:
    """None is nothing; what is no text is JSON."""
    if value is None:
        return ""
    if isinstance(value, str) and _HARMLESS.fullmatch(value):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return text
    return _FORMULA.sub(_marked, _BROKEN.sub("'", text))


def _marked(gap: re.Match[str]) -> str:
    begins_a_cell = not gap.start() or _SEPARATOR.search(gap[0])
    return f"{gap[0]}'" if begins_a_cell else gap[0]
