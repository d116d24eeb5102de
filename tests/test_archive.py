"""What ships must be readable from an archive too, as the binary has it: so no module looks for
files beside itself, by way of `__file__`, but by way of `importlib.resources`."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = frozenset({"bench/sandbox/launch.py"})
"""Used in a checkout only."""


def shipped() -> list[str]:
    folders = ("gateway", "ledger", "vendors", "bench/sandbox")
    found = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return sorted({path.relative_to(ROOT).as_posix() for path in found} - TOOLS)


@pytest.mark.parametrize("name", shipped())
def test_no_module_asks_where_it_lies(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    asks = [node.lineno for node in names if node.id == "__file__"]
    assert not asks, f"{name}:{asks}: importlib.resources.files(__package__) has what lies beside"
