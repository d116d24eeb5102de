"""JSON bodies and queries as they come in: strict, bounded, and with numbers as they were written.

A body that two parsers could read differently is refused: duplicate names, NaN, a lone surrogate,
nesting beyond DEPTH_MAX. Numbers with a fraction stay text (`Figure`), since amounts are read from
it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

import orjson

from gateway.errors import InvalidRequest
from gateway.vault.fields import mistake, refuse
from gateway.vault.usd import Figure

BODY_BYTES_MAX: Final = 65_536
"""A key with 200 endpoints and all its rules takes about a quarter of it."""
DEPTH_MAX: Final = 20
CONTAINERS_MAX: Final = 5_000
MEMBERS_MAX: Final = 50_000
_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""One that never ends reaches to the end of the body. Possessive: whoever has a vault key sends us
2 MiB of what it likes, and no byte of it costs a second look."""
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object; empty bytes are an empty one. Raises InvalidRequest."""
    if not body:
        return {}
    _check_nesting(body)
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_float=Figure,
            parse_constant=_refuse_constant,
        )
        orjson.dumps(value)  # refuses lone surrogates and numbers beyond 64 bits
    except UnicodeDecodeError:
        _refuse("is not UTF-8")
    except (ValueError, TypeError) as exc:
        _refuse(f"is not JSON: {exc}")
    if type(value) is not dict:
        _refuse("must be a JSON object")
    return value


def read_query(query: str) -> dict[str, str]:
    """Parameters by name, each at most once. Raises InvalidRequest."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=50,
        )
    except ValueError:
        raise InvalidRequest(errors=[mistake("query", "is not form encoding in UTF-8")]) from None
    found = dict(pairs)
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    refuse([mistake(name, "stands more than once") for name in twice])
    return found


def written(value: Any) -> str:
    """JSON as it was read here, numbers as they stood."""
    match value:
        case Figure():
            return str(value)
        case dict():
            members = (f"{_text(name)}:{written(member)}" for name, member in value.items())
            return f"{{{','.join(members)}}}"
        case list():
            return f"[{','.join(map(written, value))}]"
    return _text(value)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _check_nesting(body: bytes) -> None:
    depth = count = 0
    bare = _STRINGS.sub(b"", body)
    if bare.count(b",") > MEMBERS_MAX:
        _refuse(f"has more than {MEMBERS_MAX} members")
    for bracket in _BRACKETS.finditer(bare):
        if bracket[0] in b"]}":
            depth -= 1
            continue
        depth, count = depth + 1, count + 1
        if depth > DEPTH_MAX:
            _refuse(f"is nested deeper than {DEPTH_MAX}")
        if count > CONTAINERS_MAX:
            _refuse(f"has more than {CONTAINERS_MAX} objects and lists")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r} stands twice")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _refuse(problem: str) -> NoReturn:
    raise InvalidRequest(f"The body {problem}.", errors=[mistake("body", problem)]) from None
