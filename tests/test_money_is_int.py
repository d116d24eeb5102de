"""Money is an int of micro-USD: the books and the vendors' prices contain no float, and nothing
makes one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("ledger", "vendors")
MONEY: Final = ("_micros", "_minor", "micros", "minor")

TIME: Final = re.compile(r"(_s|_ms|_us|_seconds(_max|_sum)?)$")
"""A float may be given to a name that ends so: deadlines are no money."""


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def is_money(node: ast.AST) -> bool:
    """Does any name in this expression speak of money?"""
    for part in ast.walk(node):
        name = (
            part.id
            if isinstance(part, ast.Name)
            else part.attr
            if isinstance(part, ast.Attribute)
            else ""
        )
        if name.lower().endswith(MONEY):
            return True
    return False


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Floats where only ints may be: (line, what)."""
    allowed = set(times(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() | complex()) if id(node) not in allowed:
                yield node.lineno, f"the float {node.value!r}"
            case ast.Call(func=ast.Name(id="float" | "round")) if is_money(node):
                yield node.lineno, "float() or round() of money"
            case ast.Call(func=ast.Name(id="float")) if id(node) not in allowed:
                yield node.lineno, "float()"
            case ast.BinOp(op=ast.Div()) if is_money(node):
                yield node.lineno, "true division of money"
            case ast.AugAssign(op=ast.Div()):
                yield node.lineno, "/="
            case ast.AnnAssign(target=target, annotation=ast.Name(id="float")) if is_money(target):
                yield node.lineno, "money declared as float"


def times(tree: ast.AST) -> Iterator[int]:
    """The constants that are given to names of time: `STALL_S = 0.5`, `timeout_s: float = 0.5`,
    `wait(timeout_s=0.5)`, `self._due_s = 0.0`, `{"commit_seconds": 0.0}`."""
    for node in ast.walk(tree):
        given: list[tuple[str, ast.expr]] = []
        match node:
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value):
                given = [(name, value)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                given = [(name, value)]
            case ast.keyword(arg=str() as name, value=value):
                given = [(name, value)]
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                given = [(str(k.value), v) for k, v in pairs if isinstance(k, ast.Constant)]
        for name, value in given:
            if TIME.search(name.lower()):
                yield from (id(part) for part in ast.walk(value))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_float_comes_near_money(path: Path) -> None:
    found = [f"{path.name}:{line}: {what}" for line, what in faults(ast.parse(path.read_bytes()))]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 0.5",
        "amount_micros = 1e6",
        "amount_micros / 2",
        "self.cap_micros / n",
        "float(x)",
        "float(amount_micros)",
        "round(a.spent_micros * 1)",
        "x /= 2",
        "amount_micros: float = 0",
        "f(rate=1.02)",
        "{'rate': 1.02}",
        "self.rate = 1.02",
    ],
)
def test_the_reader_sees_a_float(source: str) -> None:
    assert list(faults(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "STALL_S = 0.5",
        "timeout_s: float = 2.0",
        "f(timeout_s=0.1)",
        "a_micros // 2",
        "wait_us / 1000",
    ],
)
def test_the_reader_lets_time_and_ints_pass(source: str) -> None:
    assert list(faults(ast.parse(source))) == []
