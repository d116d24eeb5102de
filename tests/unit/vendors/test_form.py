"""Strict reading and writing of form encoding; test_vectors has the many small cases."""

from __future__ import annotations

import pytest

from vendors.contract import Unreadable
from vendors.form import PAIRS_MAX, ambiguous, encode, read_pairs, read_plain, shown


def test_the_plain_way_and_the_close_look_agree() -> None:
    raw = b"amount=5&currency=usd&customer=cus_1"
    assert read_plain(raw) == dict(read_pairs(raw))


@pytest.mark.parametrize(
    "raw", [b"", b"a", b"a=%31", b"a=b+c", b"a=1&a=2", b"A=1", b"a[b]=1", b"a=1&"]
)
def test_the_plain_way_leaves_the_rest_alone(raw: bytes) -> None:
    assert read_plain(raw) is None


def test_pairs_keep_their_order_and_are_decoded_once() -> None:
    assert read_pairs(b"b=1&a=%2525+x&b=2&&c=a=b") == [
        ("b", "1"),
        ("a", "%25 x"),
        ("b", "2"),
        ("c", "a=b"),
    ]


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"a=1\r\n", "body"),
        (b"amount", "amount"),
        (b"a=%4", "a"),
        (b"a%=1", "a%"),
        (b"a=%80", "a"),
        (b"a=\xc0\xae", "a"),
        (b"a=%00", "a"),
        (b"\xff=1", "\\xff"),
    ],
)
def test_what_parsers_differ_on_is_refused(raw: bytes, field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_pairs(raw)
    assert caught.value.field_name.replace("\\\\", "\\") == field


def test_too_many_parameters() -> None:
    assert len(read_pairs(b"a=1&" * PAIRS_MAX)) == PAIRS_MAX
    with pytest.raises(Unreadable, match="more than"):
        read_pairs(b"a=1&" * (PAIRS_MAX + 1))


def test_written_pairs_read_back() -> None:
    pairs = [("items[0][a b]", "é; &=+%"), ("description", "plain")]
    raw = encode(pairs)
    assert raw == b"items[0][a%20b]=%C3%A9%3B+%26%3D%2B%25&description=plain"
    assert read_pairs(raw) == pairs
    assert ambiguous(b"a;b")
    assert not ambiguous(raw)


@pytest.mark.parametrize("pair", [("a", "\ud800"), ("a[\ud800]", "b")])
def test_text_that_is_no_unicode(pair: tuple[str, str]) -> None:
    with pytest.raises(Unreadable, match="not valid Unicode"):
        encode([pair])


def test_a_name_is_shown_short_and_printable() -> None:
    assert shown("a\x1b[31m") == "a\\x1b[31m"
    assert len(shown(b"a" * 999)) == 100
