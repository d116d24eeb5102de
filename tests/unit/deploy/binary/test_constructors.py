"""Constructors in so many words do what those did that Python made, and no line moves."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from deploy.binary.constructors import Unwritten, written_out
from deploy.binary.hot import hot_files

SOURCE = '''\
from dataclasses import dataclass, field
from vendors.fact import fact

@dataclass(frozen=True, slots=True, order=True)
class Frozen:
    """Two lines,
    this is the second."""

    a: int
    b: str = "x"

@dataclass(slots=True)
class Living:
    """One line."""
    a: list[int] = field(default_factory=list)
    """Of a field."""
    b: object = field(default=len)

@fact
class Fact:
    """One."""
    a: int

class Other:
    """None of them."""
    a: int = 3
'''


def loaded(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(text, "source", "exec", dont_inherit=True), names)
    return names


def test_they_make_what_pythons_own_made() -> None:
    was, now = loaded(SOURCE), loaded(written_out(SOURCE))
    for name, given in (
        ("Frozen", (1,)),
        ("Frozen", (1, "y")),
        ("Living", ()),
        ("Living", ([2], 3)),
        ("Fact", (4,)),
    ):
        one, other = was[name](*given), now[name](*given)
        assert dataclasses.asdict(one) == dataclasses.asdict(other)
        assert repr(one) == repr(other)
        assert now[name](*given) == other
        assert (type(one).__hash__ is None) == (type(other).__hash__ is None)
    assert now["Frozen"](1) < now["Frozen"](2)
    assert hash(now["Fact"](4)) == hash(was["Fact"](4))
    assert now["Living"]().a is not now["Living"]().a
    assert "__init__" not in vars(now["Other"])


def test_lines_keep_their_numbers() -> None:
    was, now = SOURCE.split("\n"), written_out(SOURCE).split("\n")
    assert len(was) == len(now)
    assert [line for line in was if line.startswith(("class", "    a:", "    b:"))] == [
        line for line in now if line.startswith(("class", "    a:", "    b:"))
    ]


@pytest.mark.parametrize(
    "text",
    [
        "@fact\nclass A(B):\n    '''It.'''\n    a: int",
        "@fact\nclass A:\n    a: int",
        "@fact\nclass A:\n    '''It.'''\n    a: int = field(init=False)",
        "@fact\nclass A:\n    '''It.'''\n    a: ClassVar[int] = 3",
        "@fact\nclass A:\n    '''It.'''\n    a: list[int] = field(default_factory=lambda: [1])",
        "@fact\nclass A:\n    '''It.'''\n    a: list[int] | None = field(default_factory=list)",
        "@fact\nclass A:\n    '''It.'''\n    a: int\n    def __post_init__(self): pass",
        "@dataclass(kw_only=True)\nclass A:\n    '''It.'''\n    a: int",
    ],
)
def test_one_of_another_kind_is_named(text: str) -> None:
    with pytest.raises(Unwritten, match=r"^A(\.a)? \(line "):
        written_out(text)


def test_whatever_is_compiled_can_be_written_out() -> None:
    for file in hot_files():
        text = Path(file).read_text("utf-8")
        assert written_out(text).count("\n") == text.count("\n")
