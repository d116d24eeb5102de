"""The tests mirror the tree: tests/unit/ledger/test_account.py is about ledger/account.py, and a
module of vendors or ledger has its own test file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
UNIT: Final = ROOT / "tests" / "unit"


def unit_files() -> list[Path]:
    return sorted(UNIT.rglob("test_*.py"))


def module_of(test: Path) -> Path:
    """ledger/test_account.py -> ledger/account.py; a package's test stands for its __init__.py."""
    folder = test.parent.relative_to(UNIT)
    name = test.name.removeprefix("test_")
    package = ROOT / folder / name.removesuffix(".py") / "__init__.py"
    return package if package.exists() else ROOT / folder / name


@pytest.mark.parametrize("test", unit_files(), ids=lambda path: path.relative_to(UNIT).as_posix())
def test_each_test_file_is_about_one_module(test: Path) -> None:
    module = module_of(test)
    if test.name in ("test_init.py", "test_vectors.py"):  # about the whole package
        module = module.parent / "__init__.py"
    assert module.exists(), f"there is no {module.relative_to(ROOT)}"


def test_a_file_among_the_unit_tests_is_a_test_or_helps_one() -> None:
    """A helper is used by a test beside or below it."""
    strays = [
        path.relative_to(ROOT).as_posix()
        for path in UNIT.rglob("*.py")
        if not path.name.startswith("test_")
        and path.name not in ("conftest.py", "__init__.py")
        and not any(
            path.stem in user.read_text() for user in path.parent.rglob("*.py") if user != path
        )
    ]
    assert strays == []
