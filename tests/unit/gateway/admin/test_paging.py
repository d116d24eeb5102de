from __future__ import annotations

import pytest

from gateway.admin.paging import LIMIT, LIMIT_DEFAULT, cut, first_of, limit_of
from gateway.errors import InvalidRequest

LETTERS = list("edcba")


@pytest.mark.parametrize(
    ("query", "items", "has_more"),
    [
        ({}, "edcba", False),
        ({"limit": 2}, "ed", True),
        ({"limit": 5}, "edcba", False),
        ({"limit": 2, "starting_after": "d"}, "cb", True),
        ({"limit": 2, "starting_after": "c"}, "ba", False),
        ({"starting_after": "a"}, "", False),
    ],
)
def test_a_page_is_cut_after_an_id(query: dict[str, object], items: str, has_more: bool) -> None:
    page = cut(LETTERS, str, query)
    assert ("".join(page.items), page.has_more) == (items, has_more)


def test_nothing_begins_after_what_is_not_there() -> None:
    with pytest.raises(InvalidRequest, match="starting_after: z is not in this list"):
        cut(LETTERS, str, {"starting_after": "z"})


def test_no_more_is_looked_at_than_needed() -> None:
    rest = iter(LETTERS)
    assert first_of(rest, 2).has_more
    assert list(rest) == ["b", "a"]


def test_a_limit_has_a_default_and_is_read_from_digits() -> None:
    assert limit_of({}) == LIMIT_DEFAULT
    assert LIMIT.read("007") == 7
    for text in ("0", "101", "", "1e1", "9" * 5000):
        with pytest.raises(ValueError, match="from 1 to 100"):
            LIMIT.read(text)


def test_a_page_is_shown_stripe_style() -> None:
    shown = first_of(LETTERS, 1).shown("/x", lambda letter: {"id": letter})
    assert shown == {"object": "list", "url": "/x", "has_more": True, "data": [{"id": "e"}]}
