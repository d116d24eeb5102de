"""The README keeps up with the code: the packages, libraries and commands that it names.
`tests/test_docs.py` looks at its links, `tests/integration/test_quick_starts.py` walks it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text()


def test_every_pinned_package_has_its_reason() -> None:
    pinned = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text()))
    table = README[README.index("## What it stands on") : README.index("## Limits that are known")]
    named = {
        name.strip()
        for row in re.findall(r"(?m)^\| ([a-z0-9, -]+) \| .+ \|$", table)
        for name in row.split(",")
    }
    assert named - {"package", "---"} == pinned


def test_pins_name_no_registry_and_carry_hashes() -> None:
    for file in sorted((*ROOT.glob("requirements*.txt"), *ROOT.glob("bench/*/*.txt"))):
        lines = file.read_text().splitlines()
        assert not [line for line in lines if re.search(r"https?:|--\w*index|find-links", line)]
        pins = [at for at, line in enumerate(lines) if "==" in line and not line.startswith(" ")]
        assert pins
        assert all(re.fullmatch(r"[a-z0-9-]+==\S+( ; .+)? \\", lines[at]) for at in pins)
        assert all("--hash=sha256:" in lines[at + 1] for at in pins)


def test_the_browser_libraries_are_those_that_npm_brings() -> None:
    package = json.loads((ROOT / "gateway/dashboard/npm/package.json").read_text())
    names = {name.rpartition("/")[2].partition(".")[0] for name in package["dependencies"]}
    section = README.split("### The three browser libraries\n")[1].split("\n## ")[0].lower()
    assert len(names) == 3
    assert {name for name in names if name in section} == names


def test_every_make_target_that_it_names_is_there() -> None:
    files = (ROOT / "Makefile", ROOT / "bench/bench.mk", ROOT / "deploy/binary/binary.mk")
    there_are = {
        target for file in files for target in re.findall(r"(?m)^([a-z]+):.*##", file.read_text())
    }
    pages = [README, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))]
    named = {target for page in pages for target in re.findall(r"(?m)[`\s]make ([a-z]+)`", page)}
    assert {"run", "check", "binary"} <= named <= there_are


def test_it_is_short() -> None:
    """What is long has a page of its own in docs/."""
    assert len(README.splitlines()) <= 200
