"""A needle in a haystack, short or long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.needles import LONG_BYTES, holds

SIZES = (0, LONG_BYTES - 30, LONG_BYTES, LONG_BYTES + 30)
FEW = st.text("ab\0", max_size=12).map(str.encode)


@pytest.mark.parametrize("size", SIZES)
@given(FEW, FEW, FEW)
def test_the_same_as_in(size: int, before: bytes, needle: bytes, after: bytes) -> None:
    text = before + bytes(size) + after
    assert holds(text, needle) is (needle in text)
    assert holds(text + needle, needle)
    assert holds(needle + text, needle)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("needle", [b"x", b"xy", b"x" * 400, bytes(range(256))])
def test_what_lacks_a_byte_is_not_there(size: int, needle: bytes) -> None:
    text = bytes(size) + needle[:-1] + b"\xff" + needle[1:]
    assert holds(text, needle) is (needle in text)
    assert holds(text + needle, needle)


def test_nothing_beyond_the_end_is_looked_at() -> None:
    whole = bytes(LONG_BYTES) + b"needle"
    assert holds(whole, b"needle")
    assert not holds(whole[:-1], b"needle")
