"""Inputs that are kept, as text files: an input a line, so that they can be read and compared.
Bytes that are not printable stand as escapes.

    seeds/NAME.txt    written by hand: what a target begins with
    words/NAME.txt    written by hand: what its language is made of
    found/NAME.txt    found: the least that reaches as much as all that was ever tried
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
SEEDS: Final = _HERE / "seeds"
WORDS: Final = _HERE / "words"
FOUND: Final = _HERE / "found"
FILE_BYTES_MAX: Final = 40_000
"""What is kept of one target: two dozen of them stay under a megabyte."""


def kept(name: str, folder: Path) -> list[bytes]:
    """None, if none were."""
    path = folder / f"{name}.txt"
    if not path.exists():
        return []
    return [read(line) for line in path.read_text("ascii").splitlines()]


def keep(name: str, inputs: Iterable[bytes], folder: Path = FOUND) -> int:
    """The shortest first, as many as fit. Returns how many."""
    lines: list[str] = []
    size = 0
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        line = written(data)
        size += len(line) + 1
        if size > FILE_BYTES_MAX:
            break
        lines.append(line + "\n")
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_text("".join(lines), "ascii")
    return len(lines)


def written(data: bytes) -> str:
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


def read(line: str) -> bytes:
    return line.encode("ascii").decode("unicode_escape").encode("latin-1")
