"""Form bodies and query strings as Rack reads them, which is how Stripe reads them.

`a[b]=1` is a map, `a[]=1&a[]=2` a list, `a[0][x]=1` a map whose keys are indexes (`listed` turns it
into a list where a list is meant). A scalar that comes twice: the last one wins. Query and body are
one bucket, the body after the query. A key that is a scalar here and a map there is an error.
Multipart parts are parameters as well.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

Pairs = list[tuple[str, str]]


class FormError(ValueError):
    """The text cannot be read as parameters; the message names the key."""


def decode(query: str, body: str) -> dict[str, Any]:
    """The tree of all parameters. Leaves are strings."""
    tree: dict[str, Any] = {}
    for text in (query, body):
        if text:
            for name, value in pairs(text):
                put(tree, name, value)
    return tree


def pairs(text: str) -> Pairs:
    plain = "%" not in text and "+" not in text
    found = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((name, value) if plain else (unquote_plus(name), unquote_plus(value)))
    return found


def put(tree: dict[str, Any], name: str, value: str) -> None:
    """Store one pair in the tree. Raises FormError when the key's shapes contradict."""
    bracket = name.find("[")
    if bracket < 1:
        if isinstance(tree.get(name), (dict, list)):
            raise FormError(name)
        tree[name] = value
        return
    _descend(tree, name[:bracket], name[bracket:], value, name)


def _descend(tree: dict[str, Any], key: str, rest: str, value: str, name: str) -> None:
    if rest == "":
        if isinstance(tree.get(key), (dict, list)):
            raise FormError(name)
        tree[key] = value
    elif rest.startswith("[]"):
        _append(tree.setdefault(key, []), rest[2:], value, name)
    else:
        child = tree.setdefault(key, {})
        end = rest.find("]")
        if end < 0 or not rest.startswith("[") or not isinstance(child, dict):
            raise FormError(name)
        _descend(child, rest[1:end], rest[end + 1 :], value, name)


def _append(items: Any, rest: str, value: str, name: str) -> None:
    if not isinstance(items, list):
        raise FormError(name)
    if rest == "":
        items.append(value)
        return
    end = rest.find("]")
    if not rest.startswith("[") or end < 0:
        raise FormError(name)
    key, deeper = rest[1:end], rest[end + 1 :]
    last = items[-1] if items else None
    if not isinstance(last, dict) or (key in last and not deeper):
        last = {}
        items.append(last)
    _descend(last, key, deeper, value, name)


def listed(value: Any) -> Any:
    """A map whose keys are all indexes as a list in index order; anything else as it is."""
    if isinstance(value, dict) and value and all(key.isdecimal() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    return value


def multipart_pairs(body: bytes, content_type: str) -> Pairs:
    """The parts of a small multipart body, files included as text. Raises FormError."""
    boundary = boundary_of(content_type)
    found: Pairs = []
    for part in body.split(b"--" + boundary)[1:]:
        if part.startswith(b"--"):
            return found
        head, gap, content = part.partition(b"\r\n\r\n")
        if not gap:
            raise FormError("multipart")
        name = field_of(head, "name")
        found.append((name, content.removesuffix(b"\r\n").decode("utf-8", "replace")))
    raise FormError("multipart")


def boundary_of(content_type: str) -> bytes:
    for item in content_type.split(";")[1:]:
        name, _, value = item.strip().partition("=")
        if name.lower() == "boundary" and value:
            return value.strip('"').encode()
    raise FormError("boundary")


def field_of(head: bytes, field: str) -> str:
    """`name` or `filename` of a part's Content-Disposition; empty when absent."""
    marker = f' {field}="'
    text = head.decode("utf-8", "replace")
    start = text.find(marker)
    if start < 0:
        return ""
    start += len(marker)
    return text[start : text.find('"', start)]
