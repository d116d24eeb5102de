"""One request as a handler sees it, and pages of what a list has.

Fields may come several times (`MediaUrl=a&MediaUrl=b`); where one is meant, the last one counts.
Query and body are one bucket, the body after the query. The 2010 API pages with relative `…_uri`s,
the newer products with absolute `meta.…_url`s on Twilio's own hosts, whatever host was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from bench.sandbox.form import Pairs
from bench.sandbox.twilio import errors
from bench.sandbox.twilio.world import World
from bench.sandbox.wire import Obj

PAGE_SIZE: Final = 50
PAGE_SIZE_MAX: Final = 1_000
PAGING: Final = frozenset({"PageSize", "Page", "PageToken"})


class Fields:
    """The parameters of a request, in the order in which they came."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self.pairs)

    def one(self, name: str, default: str = "") -> str:
        """The last value of that name."""
        found = default
        for known, value in self.pairs:
            if known == name:
                found = value
        return found

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.pairs if known == name]

    def is_true(self, name: str) -> bool:
        return self.one(name).lower() == "true"

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Raises TwilioError for anything but digits within the bounds."""
        text = self.one(name)
        if text == "":
            return default
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise errors.invalid(name, text)
        return int(text)


@dataclass(frozen=True, slots=True)
class Asked:
    """world: the account that is meant, which pays. caller: the one whose credentials came.
    product: `api`, `verify`, … path: without the product, as asked, its suffix too. ids: the
    path's variable segments, the account's own sid left out. body: for the few that take JSON."""

    world: World
    caller: World
    product: str
    path: str
    ids: tuple[str, ...]
    fields: Fields
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    size: int
    rows: list[tuple[str, Any]]
    more: bool


def uri(asked: Asked, rest: str) -> str:
    """`/2010-04-01/Accounts/AC…/{rest}.json`, as objects of the 2010 API name themselves."""
    return f"/2010-04-01/Accounts/{asked.world.sid}/{rest}.json"


def url(asked: Asked, path: str) -> str:
    """A newer product's absolute name of a thing; it never leads to this sandbox."""
    return f"https://{asked.product}.twilio.com{path}"


def page_2010(
    asked: Asked, key: str, items: Iterable[tuple[str, Any]], show: Callable[[Any], Obj]
) -> Obj:
    """items: (sid, thing), newest first."""
    page = _page(asked, iter(items))
    start = page.number * page.size
    return {
        key: [show(item) for _, item in page.rows],
        "end": start + max(len(page.rows) - 1, 0),
        "first_page_uri": f"{asked.path}?{_query(asked, page, 0)}",
        "next_page_uri": f"{asked.path}?{_query(asked, page, 1)}" if page.more else None,
        "page": page.number,
        "page_size": page.size,
        "previous_page_uri": f"{asked.path}?{_query(asked, page, -1)}" if page.number else None,
        "start": start,
        "uri": f"{asked.path}?{_query(asked, page, None)}",
    }


def page_v1(
    asked: Asked, key: str, items: Iterable[tuple[str, Any]], show: Callable[[Any], Obj]
) -> Obj:
    page = _page(asked, iter(items))
    base = url(asked, asked.path)
    return {
        key: [show(item) for _, item in page.rows],
        "meta": {
            "first_page_url": f"{base}?{_query(asked, page, 0)}",
            "key": key,
            "next_page_url": f"{base}?{_query(asked, page, 1)}" if page.more else None,
            "page": page.number,
            "page_size": page.size,
            "previous_page_url": f"{base}?{_query(asked, page, -1)}" if page.number else None,
            "url": f"{base}?{_query(asked, page, None)}",
        },
    }


def _page(asked: Asked, items: Iterator[tuple[str, Any]]) -> _Page:
    fields = asked.fields
    size = min(fields.number("PageSize", PAGE_SIZE, least=1, most=2**31), PAGE_SIZE_MAX)
    number = fields.number("Page", 0, least=0, most=2**31)
    token = fields.one("PageToken")
    if token:
        last = token.removeprefix("PA")
        for sid, _ in items:
            if sid == last:
                break
    elif number:
        next(islice(items, number * size - 1, number * size), None)
    rows = list(islice(items, size + 1))
    return _Page(number, size, rows[:size], len(rows) > size)


def _query(asked: Asked, page: _Page, step: int | None) -> str:
    """step: 0 the first page, 1 the next, -1 the one before, None this one."""
    pairs = [pair for pair in asked.fields.pairs if pair[0] not in PAGING]
    pairs.append(("PageSize", str(page.size)))
    if step is None:
        pairs.append(("Page", str(page.number)))
    elif step == 1:
        pairs.append(("Page", str(page.number + 1)))
        pairs.append(("PageToken", f"PA{page.rows[-1][0]}"))
    else:
        pairs.append(("Page", "0" if step == 0 else str(page.number - 1)))
    return urlencode(pairs)
