"""Strict reading of a JSON body: one tree that any honest parser agrees with, or a no.

Refused: a byte order mark, text that is no UTF-8, two members of one name in an object, NaN and
Infinity, numbers with a fraction or an exponent (unless the caller lets them pass as text), nesting
deeper than 20, more than 5,000 objects and lists. Numbers stay the digits they were written in, so
that no size of number costs time and none is rounded.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from vendors.contract import MediaTypeRefused, Unreadable
from vendors.form import shown

DEPTH_MAX: Final = 20
CONTAINERS_MAX: Final = 5_000

_BOM: Final = "\ufeff"
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""One that never ends reaches to the end of the text. Possessive, so that no text costs a second
look."""

_BRACKET: Final = re.compile(r"[\[\]{}]")


def read_json(body: bytes, *, fractions: bool = False) -> Any:
    """Objects as dicts, lists, strings, bools, None; numbers as their text. fractions: let `1.5`
    and `1e3` pass (as text). Raises Unreadable, MediaTypeRefused (a byte order mark)."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Unreadable("body", "not valid UTF-8") from exc
    if text.startswith(_BOM):
        raise MediaTypeRefused("the body begins with a byte order mark")
    if text.count("{") + text.count("[") > DEPTH_MAX:
        _check_nesting(text)
    try:
        return (_LOOSE if fractions else _WHOLE).decode(text)
    except ValueError as exc:
        raise Unreadable("body", "not valid JSON") from exc
    except _HasFraction as exc:
        raise _named(text, str(exc)) from None


def _check_nesting(text: str) -> None:
    depth = count = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        if bracket in "]}":
            depth -= 1
            continue
        depth, count = depth + 1, count + 1
        if depth > DEPTH_MAX or count > CONTAINERS_MAX:
            raise Unreadable("body", f"nested deeper than {DEPTH_MAX}, or too many objects")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) != len(members):
        twice = Counter(name for name, _ in members).most_common(1)[0][0]
        raise Unreadable(shown(twice), "comes more than once")
    return made


class _HasFraction(Exception):
    """A number that is no integer: its text."""


class _Fraction(str):
    """Such a number, where the whole tree is looked over for it."""

    __slots__ = ()


def _refuse_fraction(text: str) -> NoReturn:
    raise _HasFraction(text)


def _named(text: str, number: str) -> Unreadable:
    """The refusal, by the name of the field where it can be told."""
    why = f"the number {number[:40]} has a fraction or an exponent; write an integer"
    try:
        return Unreadable(shown(_place(_MARKING.decode(text), "")) or "body", why)
    except ValueError:
        return Unreadable("body", why)


def _place(value: Any, name: str) -> str:
    """Where the first fraction stands, named as forms name it; '' if nowhere."""
    if isinstance(value, _Fraction):
        return name
    members: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    inside = (_place(member, f"{name}[{key}]" if name else str(key)) for key, member in members)
    return next(filter(None, inside), "")


def _refuse_constant(text: str) -> NoReturn:
    raise Unreadable("body", f"{text} is not JSON")


_WHOLE: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=str,
    parse_float=_refuse_fraction,
    parse_constant=_refuse_constant,
)
_LOOSE: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_refuse_constant
)
_MARKING: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=str, parse_float=_Fraction, parse_constant=_refuse_constant
)
"""Made once: to make one costs as much as reading a small body."""
