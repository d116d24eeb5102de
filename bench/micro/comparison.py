"""What was measured beside what once was: a table for people, and a baseline that is kept.

Only instructions are compared. Another Python, another processor's architecture or other versions
of what we stand on execute others for the same work, so a baseline says what it was made on, and
the table tells where that differs.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.micro.piece import Piece
from bench.micro.timing import Timed

BASELINE: Final = Path(__file__).parent / "baseline.json"
GREW: Final = 1.03
GREW_BY: Final = 1_000
"""Beyond this ratio, and by more instructions than this, a piece is marked. Repeated counts differ
by less: the same code lies elsewhere in memory each time, and finds other places in caches of the
interpreter taken."""
_STANDS_ON: Final = ("h11", "httpcore", "orjson", "uvloop")
_HEADINGS: Final = ("piece", "median us", "least us", "instructions", "before", "ratio", "")
_NUMBERS: Final = range(1, 6)


@dataclass(frozen=True, slots=True)
class Baseline:
    """instructions: for one, by piece. made_on: what counts depend on, name -> value."""

    instructions: Mapping[str, int]
    made_on: Mapping[str, str]


def here(counted_by: str) -> dict[str, str]:
    """What counts depend on, on this machine."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "counted by": counted_by,
        **{name: version(name) for name in _STANDS_ON},
    }


def load(path: Path) -> Baseline:
    """Raises OSError, ValueError for what is none."""
    content = json.loads(path.read_text())
    try:
        return Baseline(content["instructions"], content["made_on"])
    except (KeyError, TypeError) as exc:
        raise ValueError(f"{path} is no baseline: {exc!r}") from exc


def save(path: Path, found: Baseline, kept: Baseline | None = None) -> None:
    """kept: pieces that were not measured this time stay as they were, if all else is the same."""
    instructions = dict(found.instructions)
    if kept is not None and kept.made_on == found.made_on:
        instructions = {**kept.instructions, **instructions}
    content = {"made_on": found.made_on, "instructions": instructions}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(part, path)


def differs(baseline: Baseline, now: Mapping[str, str]) -> list[str]:
    """One line for each thing that counts depend on and that is another one now."""
    return [
        f"{name} is {now.get(name, 'missing')}, and was {before} when the baseline was made"
        for name, before in baseline.made_on.items()
        if now.get(name) != before
    ]


def table(
    pieces: Sequence[Piece],
    times: Mapping[str, Timed],
    counts: Mapping[str, int],
    before: Mapping[str, int],
) -> str:
    """A row for each piece; numbers to the right. What is not known is left empty."""
    lines = [_HEADINGS]
    for piece in pieces:
        name, shown = piece.name, times.get(piece.name)
        lines.append(
            (
                name,
                f"{shown.median_us:,.2f}" if shown else "",
                f"{shown.least_us:,.2f}" if shown else "",
                f"{counts[name]:,}" if name in counts else "",
                f"{before[name]:,}" if name in before else "",
                *_compared(counts.get(name), before.get(name), piece.about),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _compared(now: int | None, before: int | None, about: str) -> tuple[str, str]:
    if now is None or not before:
        return "", about
    return f"{now / before:.3f}", f"GREW  {about}" if grew(now, before) else about


def grew(now: int, before: int) -> bool:
    return now > before * GREW and now - before > GREW_BY
