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
    for block in shown:
        assert block in code


def test_its_metadata_is_the_examples() -> None:
    metadata = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in blocks("toml")[0].splitlines() if line not in metadata] == []
