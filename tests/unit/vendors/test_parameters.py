"""Queries, forms and trees as pairs."""

from __future__ import annotations

import pytest

from vendors.contract import Unreadable
from vendors.form import PAIRS_MAX
from vendors.parameters import (
    NAME_CHARS_MAX,
    check_length,
    loose_pairs,
    query_pairs,
    tree_pairs,
)


def test_a_query_goes_on_as_it_came_unless_some_would_cut_it() -> None:
    assert query_pairs("") == ("", [])
    assert query_pairs("a=1&b=%20") == ("a=1&b=%20", [("a", "1"), ("b", " ")])
    sent, pairs = query_pairs("a=1;b=2")
    assert (";" in sent, pairs) == (False, [("a", "1;b=2")])


@pytest.mark.parametrize("query", ["a=\u00e9", "a=1#b", "a b", "a=%zz"])
def test_a_query_that_can_be_read_two_ways_is_refused(query: str) -> None:
    with pytest.raises(Unreadable):
        query_pairs(query)


def test_what_nobody_prices_is_read_loosely() -> None:
    assert loose_pairs("") == []
    assert loose_pairs("a=1&b=&%zz") == [("a", "1"), ("b", ""), ("%zz", "")]


def test_members_are_named_as_forms_name_them() -> None:
    tree = {"a": {"b": [1, True, None, "x"]}, "c": [], "d": {}, "e": 1.5}
    assert tree_pairs(tree) == [
        ("a[b][0]", "1"),
        ("a[b][1]", "true"),
        ("a[b][2]", ""),
        ("a[b][3]", "x"),
        ("e", "1.5"),
    ]


def test_a_tree_has_an_end() -> None:
    assert len(tree_pairs(list(range(PAIRS_MAX)))) == PAIRS_MAX
    with pytest.raises(Unreadable, match="parameters"):
        tree_pairs(list(range(PAIRS_MAX + 1)))
    check_length("x" * NAME_CHARS_MAX)
    with pytest.raises(Unreadable, match="characters"):
        tree_pairs({"x" * (NAME_CHARS_MAX + 1): 1})


@pytest.mark.parametrize("tree", [{"a": "\ud800"}, {"\udfff": 1}])
def test_text_that_is_no_unicode_is_refused(tree: dict[str, object]) -> None:
    with pytest.raises(Unreadable, match="Unicode"):
        tree_pairs(tree)
