"""What goes to the compiler says the same in another way, on the same lines."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.binary.hot import PACKAGES, hot_files
from deploy.binary.shortcuts import House, shortened, survey

KINDS = '''\
from enum import Enum
from typing import NamedTuple

class Colour(Enum):
    RED = "red"
    BLUE = "blue"
    _hidden = 3

    def other(self):
        return 1

class Point(NamedTuple):
    """It."""

    x: int
    y: int = 2
    z: str = "ö"

class Lone(NamedTuple):
    x: int

class Living(NamedTuple):
    x: int
    y: object = len
'''
HEAD = (
    "from __future__ import annotations\nimport time\nfrom kinds import (\n"
    "    Colour as Tint,\n    Living,\n    Lone,\n    Point,\n)\n\n"
)


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two modules that can be imported, of which one shows what the other defines."""
    (tmp_path / "first.py").write_text(KINDS, "utf-8")
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds/__init__.py").write_text("from first import *\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("first", "kinds"):
        sys.modules.pop(name, None)


def house(text: str) -> House:
    known = House()
    known.learn("user", text)
    known.learn("first", KINDS)
    known.learn("kinds", "from first import Colour, Living, Lone, Point\n")
    return known


def loaded(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(text, "source", "exec", dont_inherit=True), names)
    return names


@pytest.mark.parametrize(
    ("body", "becomes"),
    [
        ("return Tint.RED", "return _Tint_RED"),
        ("return Tint.RED.value, Tint.BLUE", "return _Tint_RED.value, _Tint_BLUE"),
        ("return Tint.other, Tint['RED']", None),
        ("return time.gmtime(0).tm_year", "return _time_gmtime(0).tm_year"),
        ("return time.CLOCK_BOOTTIME", "return _time_CLOCK_BOOTTIME"),
        ("time = Lone(1); return time.x", "time = Lone(1); return time.x"),
        ("return [time.x for time in (Lone(1),)]", "return [time.x for time in (Lone(1),)]"),
        ("import time; return time.gmtime(0)", "import time; return time.gmtime(0)"),
        (
            "def Point(x): return x\n    return (lambda time: time.x)(Lone(2)), Point(1)",
            "def Point(x): return x\n    return (lambda time: time.x)(Lone(2)), Point(1)",
        ),
        ("return f'{Tint.RED} {Point(1)}'", None),
        ("x: Tint.RED = 3; return x", None),
        ("return Point(1)", "return _new_tuple(Point, (1, 2, 'ö'))"),
        ("return Point(1, z='ä')", "return _new_tuple(Point, (1, 2, 'ä'))"),
        ("return Point(x=1, y=3)", "return _new_tuple(Point, (1, 3, 'ö'))"),
        ("return Point(1, 2, 'ä', )", "return _new_tuple(Point, (1, 2, 'ä', ))"),
        ("return Point(Point(1), Tint.RED)", None),
        ("return Point(y=1, x=2)", None),
        ("return Point(*(1, 2))", None),
        ("return Point(**{'x': 2})", None),
        ("return Lone(1), Living(1)", None),
        ("return Point((a or 1))", "return Point((a or 1))"),
        ("return Point(1, (2))", "return Point(1, (2))"),
        ("return Point(1, z=(a or 'n'))", "return Point(1, z=(a or 'n'))"),
        ("return Point((1), 2)", "return _new_tuple(Point, ((1), 2, 'ö'))"),
        ("return 'ö', Point(1, 3, 'ö')", "return 'ö', _new_tuple(Point, (1, 3, 'ö'))"),
        ("return Point(\n        1,  # one\n        z=Tint.RED,\n    )", None),
    ],
)
def test_a_function_says_the_same(body: str, becomes: str | None) -> None:
    text = f"{HEAD}def it(a=Tint.BLUE):\n    {body}\n"
    now = shortened(text, Path("user.py"), house(text))
    assert now.count("\n") == text.count("\n")
    if becomes is not None:
        assert f"def it(a=Tint.BLUE):\n    {becomes}\n" in now
    one, other = loaded(text)["it"](), loaded(now)["it"]()
    assert repr(one) == repr(other)
    assert type(one) is type(other)
    assert one == other


def test_what_does_not_go_as_a_tuple_stays() -> None:
    """Another order of evaluation, or something that is not known."""
    text = f"{HEAD}def it():\n    return Point(y=1, x=2), Point(*a), Lone(1), Living(1), Point()\n"
    assert shortened(text, Path("user.py"), house(text)) == text


def test_a_pattern_stays_a_pattern() -> None:
    text = f"{HEAD}def it(a):\n    match a:\n        case Tint.RED:\n            return 1\n"
    assert shortened(text, Path("user.py"), house(text)) == text


def test_what_stands_behind_an_import_is_not_lost() -> None:
    text = "from __future__ import annotations\nfrom kinds import Colour  # it\n"
    text += "def it():\n    return Colour.RED\n"
    assert shortened(text, Path("user.py"), house(text)) == text


def test_one_of_the_same_module() -> None:
    text = f"from __future__ import annotations\n{KINDS}\ndef it():\n    return Colour.RED\n"
    now = shortened(text, Path("first.py"), house(text))
    assert "return _Colour_RED" in now
    assert loaded(now)["it"]().value == "red"


def test_whatever_is_compiled_keeps_its_lines_and_loses_every_slow_way() -> None:
    """But in what makes a text, where Python does not say where things stand."""
    known = survey(path for package in PACKAGES for path in Path(package).rglob("*.py"))
    members = tuples = 0
    for file in map(Path, hot_files()):
        text = file.read_text("utf-8")
        now = shortened(text, file, known)
        assert now.count("\n") == text.count("\n")
        for node in ast.walk(ast.parse(now)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "_new_tuple":
                assert isinstance(node.args[1], ast.Tuple)
                made = known.origin(".".join(file.with_suffix("").parts), ast.unparse(node.args[0]))
                assert len(node.args[1].elts) == len(known.fields[made])
        members += now.count(": _Final = ") - now.count("_new_tuple: _Final")
        tuples += now.count("_new_tuple(")
    assert members > 40
    assert tuples > 20


def test_the_survey_knows_where_names_come_from() -> None:
    known = survey(path for package in PACKAGES for path in Path(package).rglob("*.py"))
    assert known.origin("gateway.call.books", "HoldState") == ("ledger.entries", "HoldState")
    assert known.origin("gateway.call.books", "nothing") == ("gateway.call.books", "nothing")
