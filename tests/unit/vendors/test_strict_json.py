"""Strict reading of JSON; test_vectors has the many small cases."""

from __future__ import annotations

import pytest

from vendors.contract import MediaTypeRefused, Unreadable
from vendors.strict_json import CONTAINERS_MAX, DEPTH_MAX, read_json


def test_numbers_stay_the_digits_they_were() -> None:
    digits = "9" * 10_000
    assert read_json(b'{"a": 5, "b": -0, "c": %s}' % digits.encode()) == {
        "a": "5",
        "b": "-0",
        "c": digits,
    }


def test_fractions_pass_as_text_where_the_caller_lets_them() -> None:
    assert read_json(b"[1.50, 1e3]", fractions=True) == ["1.50", "1e3"]
    with pytest.raises(Unreadable, match="fraction"):
        read_json(b"[1.50]")


@pytest.mark.parametrize("body", [b"NaN", b"Infinity", b"-Infinity", b"", b"{", b"\x00", b"'a'"])
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_json(body, fractions=True)


def test_other_encodings() -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        read_json('{"a": 1}'.encode("utf-16"))
    with pytest.raises(MediaTypeRefused):
        read_json(b"\xef\xbb\xbf{}")


def test_a_member_that_comes_twice_is_named() -> None:
    with pytest.raises(Unreadable) as caught:
        read_json(b'{"x": {"a": 1, "b": 2, "\\u0062": 3}}')
    assert caught.value.field_name == "b"


def test_depth_counts_brackets_outside_of_strings() -> None:
    deepest = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    assert read_json(deepest)
    assert read_json(b'["%s\\"["]' % (b"[" * 100)) == ["[" * 100 + '"[']
    with pytest.raises(Unreadable, match="nested"):
        read_json(b"[" + deepest + b"]")


def test_brackets_side_by_side_and_in_strings_are_no_depth() -> None:
    assert read_json(b"[" + b"[]," * DEPTH_MAX + b"[]]") == [[]] * (DEPTH_MAX + 1)
    assert read_json(b'["%s"]' % (b"[" * 50)) == ["[" * 50]


def test_many_small_objects() -> None:
    with pytest.raises(Unreadable, match="too many"):
        read_json(b"[" + b"[]," * CONTAINERS_MAX + b"[]]")


def test_a_megabyte_of_quotes_costs_one_look() -> None:
    with pytest.raises(Unreadable):
        read_json(b'"' + b'\\"' * 500_000)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"amount": 12.00}', "amount"),
        (b'{"a": 1, "items": [{"price": 1}, {"price": 1e3}]}', "items[1][price]"),
        (b'{"a": 1.5, "b": }', "body"),
        (b"1.5", "body"),
    ],
)
def test_a_number_that_is_no_integer_is_refused_by_its_name(body: bytes, field: str) -> None:
    with pytest.raises(Unreadable, match="fraction") as refused:
        read_json(body)
    assert refused.value.field_name == field
