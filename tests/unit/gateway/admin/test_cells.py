"""What callers wrote is harmless in a spreadsheet, however it cuts a line into cells."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin import cells as module
from gateway.admin.cells import cell, row

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\u2212"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\uff1dcmd()", "'\uff1dcmd()"),
        ("  =1", "  '=1"),
        ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ('he said "=1"', 'he said "\'=1"'),
        ("paid;=HYPERLINK(1)", "paid;'=HYPERLINK(1)"),
        ("paid,\n-1", "paid,\n'-1"),
        ("\u200e=1", "\u200e'=1"),
        ("\ufeff=1", "\ufeff'=1"),
        ("order 5-3 = 2", "order 5-3 = 2"),
        ("make-billing/8f31", "make-billing/8f31"),
        ("", ""),
    ],
)
def test_a_sign_that_begins_a_formula_has_an_apostrophe_in_front(text: str, shown: str) -> None:
    assert cell(text) == shown


@pytest.mark.parametrize("gap", ["\t", "\n", "\t ", ";\u200b"])
def test_a_text_of_gaps_alone_is_read_once(gap: str) -> None:
    """Were each begun anew, half a million of them would take all day."""
    text = "a" + gap * 500_000
    assert cell(text) == text
    assert cell(text + "=1") == text + "'=1"


def test_what_is_no_text_is_json() -> None:
    assert [cell(v) for v in (None, True, -3, [], ["GET /v1/x"])] == [
        "", "true", "-3", "[]", '["GET /v1/x"]',
    ]  # fmt: skip
    assert cell(["=1"]) == '["\'=1"]'


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@given(st.lists(st.text(alphabet=SIGNS + " ;,|\t\r\n\"'ab\ufeff"), min_size=1, max_size=4))
def test_no_cell_begins_a_formula_wherever_it_is_cut(separator: str, texts: list[str]) -> None:
    line = row(texts).decode()
    for cells in csv.reader(io.StringIO(line, newline=""), delimiter=separator):
        for found in cells:
            for piece in re.split(r'[\r\n]|""?', found):
                assert piece.lstrip(" \ufeff\t")[:1] not in tuple(SIGNS)


@given(st.lists(st.text(alphabet=SIGNS + ' ;,\n"ab'), min_size=2, max_size=4))
def test_a_reader_of_csv_gets_the_texts_but_for_the_apostrophes(texts: list[str]) -> None:
    ((*cells,),) = csv.reader(io.StringIO(row(texts).decode(), newline=""))
    assert cells == [cell(text) for text in texts]
    assert [found.replace("'", "") for found in cells] == texts


@given(st.text(alphabet=SIGNS + "azAZ09_./: \t\n\ufeff,;|'\"\u00e9"))
def test_a_text_that_is_taken_for_harmless_is(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_HARMLESS", re.compile(r"(?!)"))
        looked_at_closely = cell(text)
    assert cell(text) == looked_at_closely
