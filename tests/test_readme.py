"""The README keeps up with the code: the table of errors, the settings and dependencies it
names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway import errors
from gateway.errors import Refusal

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text()


def kinds(of: type[Refusal]) -> Iterator[type[Refusal]]:
    for kind in of.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from kinds(kind)


def test_the_table_of_errors_is_the_code() -> None:
    table = README[README.index("<!-- errors:") : README.index("<!-- end of errors -->")]
    rows = {
        (int(status), code)
        for status, code in re.findall(r"(?m)^\| (\d{3}) \| `(\w+)` \| .+ \| .+ \|$", table)
    }
    leaves = [kind for kind in kinds(Refusal) if not list(kinds(kind))]
    assert rows == {(kind.status, kind.code) for kind in leaves}


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
    for file in sorted(ROOT.glob("requirements*.txt")):
        lines = file.read_text().splitlines()
        assert not [line for line in lines if re.search(r"https?:|--\w*index|find-links", line)]
        pins = [at for at, line in enumerate(lines) if "==" in line and not line.startswith(" ")]
        assert pins
        assert all(re.fullmatch(r"[a-z0-9-]+==\S+( ; .+)? \\", lines[at]) for at in pins)
        assert all("--hash=sha256:" in lines[at + 1] for at in pins)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
