"""Decimals are exact, and nothing but a plain number is one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from vendors.contract import Unreadable
from vendors.stripe.billing.exact import (
    branch,
    decimal,
    figure,
    fraction,
    listed,
    read_exact,
    round_up,
    signed,
    whole,
)
from vendors.stripe.things import FIGURE_MAX, Unclear

ODD = ["", "-", "1e3", "1_0", " 1", "１", "01", "+1", "0x1", ".5", "1.", "1" * 13, "1." + "1" * 13]


@pytest.mark.parametrize("text", ODD)
def test_odd_numbers_are_refused(text: str) -> None:
    for read in (whole, decimal):
        with pytest.raises(Unreadable) as caught:
            read("quantity", text)
        assert caught.value.field_name == "quantity"
    with pytest.raises(Unclear):
        fraction("unit_amount", text)


def test_numbers_of_a_request() -> None:
    assert whole("quantity", "0") == 0
    assert decimal("unit_amount_decimal", "-0.000000000001") == Fraction(-1, 10**12)
    with pytest.raises(Unreadable):
        whole("quantity", "-1")


def test_a_cost_is_rounded_up_once_and_never_below_zero() -> None:
    assert round_up(Fraction(1, 10**12)) == 1
    assert round_up(Fraction(200, 2)) == 100
    assert round_up(Fraction(-3, 2)) == 0
    with pytest.raises(Unclear):
        round_up(Fraction(FIGURE_MAX))


def test_fractions_of_an_answer_stay_text() -> None:
    assert read_exact(b'{"percentage": 0.1, "n": NaN}') == {"percentage": "0.1", "n": "NaN"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"a":' * 9999, b"1" * 5000])
def test_an_answer_that_is_no_object(body: bytes) -> None:
    with pytest.raises(Unclear):
        read_exact(body)


def test_figures_of_an_answer() -> None:
    assert figure({"due": 0}, "due") == 0
    assert signed({"due": -5}, "due") == -5
    assert fraction("unit", 7) == 7
    assert fraction("unit", "7.5") == Fraction(15, 2)


@pytest.mark.parametrize("value", [None, True, "5", -5, FIGURE_MAX, "1.5", []])
def test_implausible_figures(value: Any) -> None:
    with pytest.raises(Unclear):
        figure({"due": value}, "due")


@pytest.mark.parametrize("value", [None, True, -5, 10**13, "-1", []])
def test_implausible_fractions(value: Any) -> None:
    with pytest.raises(Unclear):
        fraction("unit", value)


def test_branches_and_lists() -> None:
    assert branch({"a": {"b": 1}}, "a") == {"b": 1}
    assert branch({"a": None}, "a") == {}
    assert listed(None) == []
    assert listed([{"a": 1}]) == [{"a": 1}]
    assert listed({"data": [{}], "has_more": False}) == [{}]


@pytest.mark.parametrize(
    "value",
    [5, "x", [5], {"data": []}, {"data": [], "has_more": True}, {"has_more": False, "data": 5}],
)
def test_lists_that_may_hide_something(value: Any) -> None:
    with pytest.raises(Unclear):
        listed(value)
