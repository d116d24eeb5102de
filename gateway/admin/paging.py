"""Lists, Stripe-style: `limit`, `starting_after`, `has_more`, `data`, newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import Any, Final, Generic, TypeVar

from gateway.admin.views import page
from gateway.errors import InvalidRequest
from gateway.vault.fields import Field, mistake, text
from gateway.vault.runs import LABEL_CHARS_MAX

T = TypeVar("T")

LIMIT_MAX: Final = 100
LIMIT_DEFAULT: Final = 20


def _read_limit(value: Any) -> int:
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value[:4]) <= LIMIT_MAX:
        raise ValueError(f"must be a whole number from 1 to {LIMIT_MAX}")
    return int(value[:4])


LIMIT: Final = Field(
    "limit",
    _read_limit,
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    "How many at most.",
)
PAGE_FIELDS: Final = (
    LIMIT,
    text("starting_after", "The last id of the page before.", chars_max=LABEL_CHARS_MAX),
)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    has_more: bool

    def shown(self, url: str, show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
        return page([show(item) for item in self.items], url, has_more=self.has_more)


def limit_of(query: Mapping[str, Any]) -> int:
    return int(query.get("limit", LIMIT_DEFAULT))


def first_of(items: Iterable[T], limit: int) -> Page[T]:
    """The first `limit` of them; one more is looked at to know whether there are more."""
    found = list(islice(items, limit + 1))
    return Page(found[:limit], len(found) > limit)


def cut(items: Iterable[T], id_of: Callable[[T], str], query: Mapping[str, Any]) -> Page[T]:
    """A page of what is in memory. Raises InvalidRequest if `starting_after` is not among it."""
    after = query.get("starting_after")
    if after is not None:
        rest = dropwhile(lambda item: id_of(item) != after, items)
        if next(rest, None) is None:
            raise no_such_start(after)
        items = rest
    return first_of(items, limit_of(query))


def no_such_start(after: str) -> InvalidRequest:
    problem = f"{after} is not in this list"
    return InvalidRequest(
        f"starting_after: {problem}.", errors=[mistake("starting_after", problem)]
    )
