"""Resend's answers as far as the books need them: objects with ids, pages of lists, errors.

An answer is read leniently in what does not matter and not at all in what does: an id that is not
there, a page that does not say whether it is the last, or an error without its name is `Unclear`,
and whoever asked says what that means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from vendors.contract import Answer

UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)
"""An e-mail's id, in lower case."""

ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
"""Any object's, fit to stand in a path."""


class Unclear(Exception):
    """An answer that does not say what it should. The text says what."""


@dataclass(frozen=True, slots=True)
class Page:
    """Of a list. more: are there further ones, after `last`?"""

    items: tuple[dict[str, Any], ...]
    more: bool
    last: str


def read_object(answer: Answer) -> dict[str, Any]:
    """Raises Unclear."""
    try:
        tree = orjson.loads(answer.body)
    except ValueError:
        raise Unclear("the answer is not JSON") from None
    if not isinstance(tree, dict):
        raise Unclear("the answer is not a JSON object")
    return tree


def read_id(tree: dict[str, Any]) -> str:
    """Raises Unclear."""
    name = tree.get("id")
    if not isinstance(name, str) or ID.fullmatch(name) is None:
        raise Unclear("the answer shows no id")
    return name


def read_page(answer: Answer) -> Page:
    """Raises Unclear."""
    tree = read_object(answer)
    items, more = tree.get("data"), tree.get("has_more")
    if not isinstance(items, list) or not isinstance(more, bool):
        raise Unclear("the answer is not a page of a list")
    if not all(isinstance(item, dict) for item in items):
        raise Unclear("the list has something else than objects in it")
    if more and not items:
        raise Unclear("an empty page that says there are more")
    return Page(tuple(items), more, read_id(items[-1]) if items else "")


def read_error(answer: Answer) -> str:
    """The name that Resend gives an error: `validation_error`. Raises Unclear."""
    tree = read_object(answer)
    name, status = tree.get("name"), tree.get("statusCode")
    if not isinstance(name, str) or type(status) is not int or status != answer.status:
        raise Unclear(f"HTTP {answer.status} without Resend's error object")
    return name
