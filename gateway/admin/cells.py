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

_BLANKS: Final = r"[\s\u00a0\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x20]*"
_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20\u2212"
_FORMULA: Final = re.compile(rf"(\A|[;,|\"'\t\r\n])({_BLANKS})(?=[{_SIGNS}])")
_BROKEN: Final = re.compile(r"\A(?=[\t\r\n])")
"""A tab or line end in front: what comes after it begins a cell."""


def row(cells: Sequence[Any]) -> bytes:
    """A line of a CSV file."""
    line = io.StringIO()
    csv.writer(line).writerow([cell(value) for value in cells])
    return line.getvalue().encode()


def cell(value: Any) -> str:
    """None is nothing; what is no text is JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return text
    return _FORMULA.sub(r"\1\2'", _BROKEN.sub("'", text))
