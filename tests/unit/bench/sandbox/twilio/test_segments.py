"""Segments by the rules of GSM 03.38 and 03.40, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.twilio.segments import ALPHABET, ESCAPED, SMART, count_segments


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("ä" * 160, 1),
        ("ç" + "a" * 69, 1),
        ("ç" + "a" * 70, 2),
        ("Ç" + "a" * 159, 1),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("a" * 66 + "😀" + "a" * 66, 3),
        ("\r\n" * 80, 1),
        ("\t" + "a" * 70, 2),
        ("x" * 1600, 11),
        ("{" * 1600, 22),
        ("ж" * 1600, 24),
        ("😀" * 1600, 49),
    ],
)
def test_known_counts(text: str, segments: int) -> None:
    assert count_segments(text) == segments


def test_smart_encoding_saves_segments() -> None:
    text = "It\u2019s " + "a" * 100 + "\u2026"
    assert (count_segments(text), count_segments(text, smart=True)) == (2, 1)
    assert count_segments("\u200b" * 200, smart=True) == 1


def test_the_alphabet_is_whole() -> None:
    assert len(set(ALPHABET)) == 127  # 128 codes; one is the escape
    assert len(set(ESCAPED)) == 10
    assert not set(ALPHABET) & set(ESCAPED)
    assert all(character not in ALPHABET for character in SMART)


@given(st.text(alphabet=ALPHABET, max_size=1000))
def test_where_nothing_is_double_it_is_a_division(text: str) -> None:
    expected = 1 if len(text) <= 160 else -(-len(text) // 153)
    assert count_segments(text) == expected


@given(st.text(max_size=400), st.text(max_size=5))
def test_more_text_is_never_fewer_segments(text: str, more: str) -> None:
    assert count_segments(text + more) >= count_segments(text)
