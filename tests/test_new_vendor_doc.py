"""docs/new-vendor.md shows the example as it is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOC = (ROOT / "docs" / "new-vendor.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "tests" / "acme_vendor"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


def test_its_code_is_the_examples() -> None:
    code = (EXAMPLE / "acme_vendor.py").read_text(encoding="utf-8")
    shown = blocks("python")
    assert len(shown) > 5
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    for block in shown:  # a method may stand there without its class around it
        wanted = [line.strip() for line in block.splitlines() if line.strip()]
        assert any(lines[at : at + len(wanted)] == wanted for at in range(len(lines))), block


def test_its_metadata_is_the_examples() -> None:
    metadata = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in blocks("toml")[0].splitlines() if line not in metadata] == []
