"""The gates with one rule switched off, and what such gates make of bytes.

Rules are found in the source: every `raise` is a rule, every operand of an `or` or an `and` is a
part of one. What stands in patterns and sets is loosened by a list, `LOOSER`. A gate that was
changed is a module of its own; nothing is patched in place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from gateway.errors import Refusal, RequestMalformed
from gateway.http import bodygate, headgate
from gateway.settings import ServerSettings

LIMITS: Final = ServerSettings()
REQUESTS_MAX: Final = 20
PIECEWISE_BYTES_MAX: Final = 250
Told = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. at: the number of the node among all of its kind, or a name and what it
    becomes."""

    module: str
    name: str
    kind: type[ast.AST] | None
    at: int
    operand: int = 0
    text: str = ""


def gates_of(mutant: Mutant | None) -> tuple[ModuleType, ModuleType]:
    """The two gates, one of them changed."""
    head: ModuleType = headgate
    body: ModuleType = bodygate
    if mutant is not None and mutant.module == "headgate":
        head = _changed(headgate, mutant)
    elif mutant is not None:
        body = _changed(bodygate, mutant)
    return head, body


def reading(gates: tuple[ModuleType, ModuleType], raw: bytes) -> list[Told]:
    """What comes of bytes: requests, and at their end a refusal (its status, then its words), or
    that more is waited for."""
    head_gate, body_gate = gates
    told: list[Told] = []
    while raw and len(told) < REQUESTS_MAX:
        try:
            end = raw.find(b"\r\n\r\n") + 4
            if end < 4:
                head_gate.glance(raw, LIMITS)
                return [*told, ("waits",)]
            head = head_gate.read_head(raw[:end], LIMITS)
            rest, pieces = raw[end:], list[bytes]()
            if head.length != 0:
                by_byte = _take_bytes(body_gate.gate_for(head.length), rest)
                rest = body_gate.gate_for(head.length).take(rest, pieces)
                if by_byte is not None and by_byte != (b"".join(pieces), rest):
                    return [*told, ("reads it differently in pieces",)]
            told.append((*head, b"".join(pieces), rest is None))
            raw = rest if rest is not None and head.keep_alive else b""
        except Refusal as exc:
            return [*told, ("refused", exc.status, exc.text)]
        except Exception as exc:
            return [*told, ("broke", type(exc).__name__)]
    return told


def _take_bytes(gate: bodygate.BodyGate, data: bytes) -> tuple[bytes, bytes | None] | None:
    """A short body byte by byte, and what lies behind it; b"" and None where it is refused, and
    None for a long one."""
    if len(data) > PIECEWISE_BYTES_MAX:
        return None
    pieces: list[bytes] = []
    for at in range(len(data)):
        try:
            rest = gate.take(data[at : at + 1], pieces)
        except RequestMalformed:
            return b"", None
        if rest is not None:
            return b"".join(pieces), rest + data[at + 1 :]
    return b"".join(pieces), None


def outside(told: list[Told]) -> list[Told]:
    """The same, as a caller sees it: without the words of a refusal."""
    return [one[:2] if one[0] == "refused" else one for one in told]


def mutants() -> Iterator[Mutant]:
    for module in (headgate, bodygate):
        yield from _found(module)
    for (module_name, constant), texts in LOOSER.items():
        for text in texts:
            yield Mutant(module_name, f"{constant} = {text}", None, 0, text=f"{constant} = {text}")
    for constant, one in MORE:
        usual = getattr(headgate, constant)
        text = f"{constant} = frozenset({sorted({*usual, one})!r})"
        yield Mutant("headgate", f"{constant} with {one.decode()!r}", None, 0, text=text)
    for constant in ("_METHODS_UNKNOWN", "_METHODS_BODILESS"):
        usual = getattr(headgate, constant)
        for one in sorted(usual):
            text = f"{constant} = frozenset({sorted(usual - {one})!r})"
            yield Mutant("headgate", f"{constant} without {one!r}", None, 0, text=text)


def _short(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _tree(module: ModuleType) -> ast.Module:
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8"))


def _nodes(tree: ast.Module, kind: type[ast.AST]) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


def _found(module: ModuleType) -> Iterator[Mutant]:
    tree, short = _tree(module), _short(module)
    for at, node in enumerate(_nodes(tree, ast.Raise)):
        yield Mutant(short, f"without: {ast.unparse(node)}", ast.Raise, at)
    for at, node in enumerate(_nodes(tree, ast.BoolOp)):
        assert isinstance(node, ast.BoolOp)
        for operand, part in enumerate(node.values):
            name = f"without: {ast.unparse(part)}, in: {ast.unparse(node)}"
            yield Mutant(short, name, ast.BoolOp, at, operand)


def _changed(module: ModuleType, mutant: Mutant) -> ModuleType:
    tree = _tree(module)
    if mutant.kind is None:
        constant = mutant.text.partition(" ")[0]
        tree.body = [_replaced(node, constant, mutant.text) for node in tree.body]
    else:
        target = _nodes(tree, mutant.kind)[mutant.at]
        tree = _Switch(target, mutant.operand).visit(tree)
    changed = ModuleType(module.__name__)
    exec(compile(ast.fix_missing_locations(tree), f"<{mutant.name}>", "exec"), changed.__dict__)
    return changed


def _replaced(node: ast.stmt, constant: str, text: str) -> ast.stmt:
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == constant:
        return ast.parse(text).body[0]
    return node


class _Switch(ast.NodeTransformer):
    """Takes a rule out, or an operand."""

    def __init__(self, target: ast.AST, operand: int) -> None:
        self._target = target
        self._operand = operand

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        return ast.Pass() if node is self._target else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        if node is not self._target:
            self.generic_visit(node)
            return node
        left = [value for at, value in enumerate(node.values) if at != self._operand]
        return left[0] if len(left) == 1 else ast.BoolOp(node.op, left)


def _line(method: str = "[A-Z]{3,10}", target: str = '/[!"$-~]*', minor: str = "[01]") -> str:
    return rf"re.compile(rb'({method}) ({target}) HTTP/1\.({minor})')"


def _host(name: str = r"[A-Za-z0-9._-]{1,253}", port: str = r"(?::[0-9]{1,5})?") -> str:
    return rf"re.compile(rb'({name}|\[[0-9A-Fa-f:.]{{2,45}}\]){port}')"


def _escaped(characters: str) -> list[str]:
    return [re.escape(character) for character in characters]


_LEGAL_BYTES: Final = headgate._LEGAL
_TOKEN_BYTES: Final = headgate._TOKEN
_ONCE: Final = (
    b"content-length transfer-encoding host authorization content-type idempotency-key expect"
    b" connection user-agent stripe-account stripe-version keybrake-run range te origin"
).split()

LOOSER: Final[Mapping[tuple[str, str], list[str]]] = {
    ("headgate", "_LEGAL"): [
        repr(_LEGAL_BYTES + bytes((byte,)))
        for byte in (0, 7, 0xA, 0xB, 0xC, 0xD, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0xA0, 0xC3, 0xE9, 0xFF)
    ],
    ("headgate", "_TOKEN"): [
        repr(_TOKEN_BYTES + bytes((byte,))) for byte in b'"(),/;<=>?@[\\]{} \t'
    ],
    ("headgate", "_LINE"): [
        _line(method="[A-Za-z]{3,10}"),
        _line(method="[A-Z]{2,10}"),
        _line(method="[A-Z]{1,2}|[A-Z]{3,10}"),
        _line(method="[A-Z]{3,11}"),
        _line(method="[A-Z0-9]{3,10}"),
        _line(method="[A-Z_-]{3,10}"),
        _line(target="[!-~]*"),
        _line(target="/[!-~]*"),
        _line(target='[*]|/[!"$-~]*'),
        _line(target='http://[!"$-~]*|/[!"$-~]*'),
        _line(target='[a-z][!"$-~]*|/[!"$-~]*'),
        _line(target='/[!"$-~ ]*'),
        _line(target=r'/[!"$-~\t]*'),
        _line(minor="[0-9]"),
        _line(minor="[01]?"),
        r"re.compile(rb'([A-Z]{3,10}) +(/[!\"$-~]*) HTTP/1\.([01])')",
        r"re.compile(rb'([A-Z]{3,10})[ \t](/[!\"$-~]*) HTTP/1\.([01])')",
        r"re.compile(rb'([A-Z]{3,10}) (/[!\"$-~]*) HTTP/1\.([01]) *')",
        r"re.compile(rb'([A-Z]{3,10}) (/[!\"$-~]*) (?i:HTTP)/1\.([01])')",
        r"re.compile(rb'([A-Z]{3,10}) (/[!\"$-~]*) HTTP/0*1\.([01])')",
        r"re.compile(rb'\s*([A-Z]{3,10}) (/[!\"$-~]*) HTTP/1\.([01])')",
        r"re.compile(rb'([A-Z]{3,10}) (/[!\"$-~]*) HTTP/[12]\.([01])')",
    ],
    ("headgate", "_LENGTH"): [
        f"re.compile(rb'{pattern}')"
        for pattern in (
            "[0-9]{1,12}",
            "0|[1-9][0-9]*",
            "0|[1-9][0-9]{0,12}",
            r"\+?(?:0|[1-9][0-9]{0,11})",
            "-?(?:0|[1-9][0-9]{0,11})",
            "0|[1-9][0-9_]{0,11}",
            "0|[1-9][0-9]{0,11}(?:, ?[0-9]+)*",
            "(?:0|[1-9][0-9]{0,11})?",
            "0x[0-9a-f]+|0|[1-9][0-9]{0,11}",
            "0|[1-9][0-9a-f]{0,11}",
            "0|[1-9][0-9]{0,11}[.]?[0-9]*",
            "0|[1-9][0-9 ]{0,11}",
            "0|[1-9][0-9]{0,11}[;x].*",
        )
    ],
    ("headgate", "_HOST"): [
        *(_host(name=rf"[A-Za-z0-9._{one}-]{{1,253}}") for one in _escaped("@/,;#?*%:")),
        _host(name=r"[A-Za-z0-9._ -]{1,253}"),
        _host(name=r"[A-Za-z0-9._\\\\-]{1,253}"),
        _host(name=r"[A-Za-z0-9._-]{0,253}"),
        _host(name=r"[A-Za-z0-9._-]{1,254}"),
        _host(port=r"(?::[0-9]{0,5})?"),
        _host(port=r"(?::[0-9]{1,6})?"),
        _host(port=r"(?::[0-9a-z]{1,5})?"),
        _host(port=r"(?::[0-9]{1,5})*"),
        _host(port=r"(?::-?[0-9]{1,5})?"),
    ],
    ("headgate", "_BARE_LINE_END"): ["re.compile(rb'(?!)')"],
    ("headgate", "_VERSION"): ["re.compile(rb'(?s:.*)')"],
    ("headgate", "_METHOD"): ["re.compile(rb'[A-Za-z]{1,20}')"],
    ("headgate", "EMPTY_OBJECT"): ["b'x'"],
    ("bodygate", "_SIZE"): [
        f"re.compile(rb'{pattern}')"
        for pattern in (
            "[0-9a-fA-F]{1,9}",
            "[0-9a-fA-F]{1,8}[ ]?",
            r"[0-9a-fA-F]{1,8}[\t]?",
            "[0-9a-fA-F]{1,8}(?:;.*)?",
            "[+]?[0-9a-fA-F]{1,8}",
            "[ ]?[0-9a-fA-F]{1,8}",
            "(?:0x)?[0-9a-fA-F]{1,8}",
            "[0-9a-fA-F_]{1,8}",
        )
    ],
    ("bodygate", "_SIZE_LINE_MAX"): ["4096"],
}
"""What each pattern or set becomes when it is loosened: one thing more that it lets through."""
MORE: Final = (
    *(("MAY_REPEAT", name) for name in _ONCE),
    *(
        ("_CONNECTION_WORDS", word)
        for word in b",upgrade,authorization,idempotency-key,content-length,te,x".split(b",")
    ),
)
"""Sets that get one member more."""
