"""Writes out what a dataclass leaves for Python to make, so that it is compiled like the rest.

`@dataclass` makes a constructor when its module is loaded, out of the compiler's sight, and `@fact`
is nothing that the compiler knows: what a call is made of was built in Python though its classes
are native, a twentieth of its instructions. Here such a class gets its constructor in so many
words, on the line where its docstring begins, so that every other line keeps its number. Only the
binary's build sees this text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

_KINDS: Final = ("dataclass", "fact")
_OPTIONS: Final = frozenset({"frozen", "slots", "order", "eq", "unsafe_hash", "repr"})
_OWN: Final = frozenset({"__init__", "__post_init__", "__new__"})
_FIELDS: Final = frozenset({"default", "default_factory"})


class Unwritten(Exception):
    """A dataclass of a kind that is not written out here; the text names it."""


class _Field(NamedTuple):
    """default: as a parameter has it, '' if there is none. value: what the attribute becomes."""

    name: str
    kind: str
    default: str
    value: str


def written_out(text: str) -> str:
    """A module's source with the constructors of its dataclasses. Raises Unwritten."""
    lines = text.split("\n")
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module == "vendors.fact":
            lines[node.lineno - 1] = "from dataclasses import dataclass"
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                if _called(decorator) in _KINDS:
                    lines[decorator.lineno - 1] = f"@dataclass({_options(decorator, node)})"
                    _write_out(lines, node)
    return "\n".join(lines)


def _called(node: ast.expr) -> str:
    named = node.func if isinstance(node, ast.Call) else node
    return named.id if isinstance(named, ast.Name) else ""


def _options(decorator: ast.expr, node: ast.ClassDef) -> str:
    """Frozen is what types were checked for; to native code it is no more than a hash."""
    given = decorator.keywords if isinstance(decorator, ast.Call) else []
    options = {str(option.arg): ast.unparse(option.value) for option in given}
    if not options.keys() <= _OPTIONS:
        raise Unwritten(f"{node.name} (line {node.lineno}) is a dataclass of another kind")
    if _called(decorator) == "fact" or options.pop("frozen", "") == "True":
        options |= {"slots": "True", "unsafe_hash": "True"}
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _write_out(lines: list[str], node: ast.ClassDef) -> None:
    doc = node.body[0]
    if node.bases or ast.get_docstring(node) is None or doc.end_lineno is None:
        raise Unwritten(f"{node.name} (line {node.lineno}) inherits, or has no docstring")
    if any(isinstance(line, ast.FunctionDef) and line.name in _OWN for line in node.body):
        raise Unwritten(f"{node.name} (line {node.lineno}) has a say in how it is made")
    fields = list(_fields(node))
    taken = ["self", *(f"{field.name}: {field.kind}{field.default}" for field in fields)]
    made = "; ".join(f"self.{field.name} = {field.value}" for field in fields)
    lines[doc.lineno - 1] = f"    def __init__({', '.join(taken)}) -> None: {made}"
    for at in range(doc.lineno, doc.end_lineno):
        lines[at] = ""


def _fields(node: ast.ClassDef) -> Iterator[_Field]:
    for line in node.body:
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        name, kind, given = line.target.id, ast.unparse(line.annotation), line.value
        options: dict[str, ast.expr] = {}
        if given is not None and _called(given) == "field":
            assert isinstance(given, ast.Call)
            options = {str(option.arg): option.value for option in given.keywords}
            given = options.get("default")
        factory = options.get("default_factory")
        odd = isinstance(factory, ast.Lambda) or (factory is not None and "None" in kind)
        if odd or not options.keys() <= _FIELDS or kind.startswith("ClassVar"):
            raise Unwritten(f"{node.name}.{name} (line {line.lineno}) is a field of another kind")
        if factory is not None:
            value = f"{ast.unparse(factory)}() if {name} is None else {name}"
            yield _Field(name, f"{kind} | None", " = None", value)
        else:
            default = "" if given is None else f" = {ast.unparse(given)}"
            yield _Field(name, kind, default, name)
