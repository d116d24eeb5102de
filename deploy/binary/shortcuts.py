"""Takes three slow ways out of a module's text before it is compiled.

`HoldState.OPEN` asks a class whose metaclass has a `__getattr__`, `Head(…)` goes through a
`__new__` that Python made when the module was loaded, and `time.monotonic` is looked for among a
module's names: 600, 2,500 and 200 instructions each time, in native code as well, a fifteenth of
what a call takes. So members and functions are looked up once, behind the line that brings in what
has them, and a named tuple is made as the tuple that it is. No line gets another number. Only the
binary's build sees this text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_ENUMERATIONS: Final = frozenset({"Enum", "IntEnum"})
_MODULES: Final = frozenset({"asyncio", "hashlib", "orjson", "time", "zlib"})
"""Their functions and constants stay what they are."""
_FINAL: Final = "from typing import Final as _Final"
_NEW: Final = "_new_tuple: _Final = tuple.__new__"

_Edit = tuple[int, int, int, str]
"""Line from 1, first and last place in its bytes, and what stands there instead."""


@dataclass
class House:
    """What its modules define. names: by module, where each imported name comes from. members: of
    enumerations. fields: of named tuples, with their defaults as text."""

    names: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    members: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    fields: dict[tuple[str, str], list[tuple[str, str | None]]] = field(default_factory=dict)

    def learn(self, module: str, text: str) -> None:
        """What one of them defines, and what it has from others."""
        self.names[module] = {}
        for node in ast.parse(text).body:
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for each in node.names:
                    self.names[module][each.asname or each.name] = node.module, each.name
            elif isinstance(node, ast.ClassDef):
                _define(self, (module, node.name), node)

    def origin(self, module: str, name: str) -> tuple[str, str]:
        """Where a name that a module knows is defined."""
        while (come_from := self.names.get(module, {}).get(name)) is not None:
            module, name = come_from
        return module, name


def survey(files: Iterable[Path]) -> House:
    """files: as they lie in the checkout."""
    house = House()
    for file in files:
        house.learn(_module_of(file), file.read_text("utf-8"))
    return house


def shortened(text: str, file: Path, house: House) -> str:
    """A module's source without the slow ways. file: where it lies, from the checkout's root."""
    tree, module, lines = ast.parse(text), _module_of(file), text.split("\n")
    uses = _Uses(house, module, lines)
    for node in tree.body:
        uses.visit(node)
    behind = dict(_places(tree, lines))
    members = {(name, member) for name, member in uses.members if name in behind}
    edits = [edit for name, member, edit in uses.member_edits if (name, member) in members]
    for at, first, last, new in sorted(edits + uses.tuple_edits, reverse=True):
        line = lines[at - 1].encode()
        lines[at - 1] = (line[:first] + new.encode() + line[last:]).decode()
    for name, member in sorted(members):
        at, separator = behind[name]
        lines[at - 1] += f"{separator}{_short(name, member)}: _Final = {name}.{member}"
        behind[name] = at, "; "
    if edits or uses.tuple_edits:
        at = next(node.end_lineno or 0 for node in tree.body if _is_future(node))
        lines[at - 1] += f"; {_FINAL}; {_NEW}"
    return "\n".join(lines)


def _module_of(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _define(house: House, key: tuple[str, str], node: ast.ClassDef) -> None:
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    if bases & _ENUMERATIONS:
        house.members[key] = frozenset(
            target.id
            for line in node.body
            if isinstance(line, ast.Assign)
            for target in line.targets
            if isinstance(target, ast.Name) and target.id[0] != "_"
        )
    elif "NamedTuple" in bases:
        lines = [line for line in node.body if isinstance(line, ast.AnnAssign)]
        if all(line.value is None or isinstance(line.value, ast.Constant) for line in lines):
            house.fields[key] = [
                (ast.unparse(line.target), None if line.value is None else ast.unparse(line.value))
                for line in lines
            ]


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _places(tree: ast.Module, lines: list[str]) -> Iterator[tuple[str, tuple[int, str]]]:
    """Behind which line each name is known, and what parts it from what stands there."""
    for node in tree.body:
        at = node.end_lineno or 0
        if isinstance(node, (ast.ImportFrom, ast.Import)) and "#" not in lines[at - 1]:
            yield from ((each.asname or each.name, (at, "; ")) for each in node.names)
        elif isinstance(node, ast.ClassDef) and at < len(lines) and not lines[at]:
            yield node.name, (at + 1, "")


def _short(name: str, member: str) -> str:
    return f"_{name}_{member}"


class _Uses(ast.NodeVisitor):
    """Where functions ask for members, an enumeration's or a module's, and where they make named
    tuples."""

    def __init__(self, house: House, module: str, lines: list[str]) -> None:
        self._house = house
        self._module = module
        self._lines = lines
        self._own: list[set[str]] = []
        self.member_edits: list[tuple[str, str, _Edit]] = []
        self.tuple_edits: list[_Edit] = []

    @property
    def members(self) -> set[tuple[str, str]]:
        return {(name, member) for name, member, _ in self.member_edits}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Its body only: not what stands for types, nor what is carried out once."""
        self._own.append(_bound_in(node))
        for line in node.body:
            self.visit(line)
        self._own.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Python does not say where in it things stand."""

    def visit_MatchValue(self, node: ast.MatchValue) -> None:
        """A name alone would take whatever comes."""

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        if not isinstance(node.value, ast.Name) or not _on_one_line(node):
            return
        name = node.value.id
        if not self._means_the_modules(name):
            return
        member = node.attr in self._house.members.get(self._house.origin(self._module, name), ())
        if member or (name in _MODULES and (node.attr.islower() or node.attr.isupper())):
            edit = (node.lineno, node.col_offset, _end(node), _short(name, node.attr))
            self.member_edits.append((name, node.attr, edit))

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and self._means_the_modules(node.func.id):
            fields = self._house.fields.get(self._house.origin(self._module, node.func.id))
            if fields is not None:
                self.tuple_edits += _as_tuple(node, node.func, fields, self._lines)

    def _means_the_modules(self, name: str) -> bool:
        """In a function, which has no other thing of that name."""
        return bool(self._own) and not any(name in own for own in self._own)


def _bound_in(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.arg):
            found.add(each.arg)
        elif isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            found.add(each.id)
        elif isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(each.name)
        elif isinstance(each, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in each.names}
        elif isinstance(each, ast.ExceptHandler) and each.name:
            found.add(each.name)
    return found


def _as_tuple(
    node: ast.Call, called: ast.Name, fields: list[tuple[str, str | None]], lines: list[str]
) -> list[_Edit]:
    """`X(a, c=b)` as `_new_tuple(X, (a, None, b))`; nothing where it does not go in this order, or
    where an argument stands in parentheses of its own, whose end nobody tells."""
    names = [name for name, _ in fields]
    left = fields[len(node.args) :]
    edits: list[_Edit] = []
    if any(isinstance(arg, (ast.Starred, ast.GeneratorExp)) for arg in node.args):
        return []
    for keyword in node.keywords:
        if keyword.arg not in names or not _follows(keyword):
            return []
        before = []
        while left and left[0][0] != keyword.arg:
            before.append(left.pop(0)[1])
        if not left or None in before:
            return []
        left.pop(0)
        text = "".join(f"{default}, " for default in before)
        edits.append((keyword.lineno, keyword.col_offset, keyword.value.col_offset, text))
    if len(fields) < 2 or any(default is None for _, default in left):
        return []
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    if given and not _ends_alone(given[-1], node, lines):
        return []
    if left and given:
        text = "".join(f", {default}" for _, default in left)
        edits.append((given[-1].end_lineno or 0, _end(given[-1]), _end(given[-1]), text))
    elif left:
        return []
    edits.append((called.lineno, called.col_offset, _end(called) + 1, f"_new_tuple({called.id}, ("))
    edits.append((node.end_lineno or 0, _end(node), _end(node), ")"))
    return edits


def _follows(keyword: ast.keyword) -> bool:
    """Does the value stand directly behind `name=`?"""
    at = keyword.col_offset + len(f"{keyword.arg}=")
    return (keyword.value.lineno, keyword.value.col_offset) == (keyword.lineno, at)


def _ends_alone(last: ast.expr, call: ast.Call, lines: list[str]) -> bool:
    """Is what follows the last argument a comma, or the parenthesis that ends the call?"""
    if (last.end_lineno, _end(last) + 1) == (call.end_lineno, call.end_col_offset):
        return True
    return lines[(last.end_lineno or 0) - 1].encode()[_end(last) :].startswith(b",")


def _on_one_line(node: ast.expr) -> bool:
    return node.lineno == node.end_lineno


def _end(node: ast.expr) -> int:
    return node.end_col_offset or 0
