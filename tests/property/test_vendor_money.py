"""Money keeps every micro, and what is rounded is rounded up, once."""

from __future__ import annotations

import datetime
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from vendors.money import parse_usd, show_usd
from vendors.rates import Rate, Rates

minors = st.integers(0, 10**12)
rates = st.builds(
    Rate,
    st.just("eur"),
    st.integers(0, 3),
    st.integers(1, 10**20),
    st.integers(1, 10**20),
)


@given(st.integers(0, 10**17))
def test_text_keeps_every_micro(micros: int) -> None:
    assert parse_usd(show_usd(micros)) == micros
    assert show_usd(-micros).lstrip("-") == show_usd(micros)


@given(rates, minors)
def test_a_rate_rounds_up_by_less_than_a_micro(rate: Rate, minor: int) -> None:
    exact = Fraction(minor * rate.numerator, rate.denominator)
    assert 0 <= rate.to_micros(minor) - exact < 1


@given(rates, minors, minors)
def test_parts_never_come_to_less_than_the_whole(rate: Rate, one: int, other: int) -> None:
    assert rate.to_micros(one) + rate.to_micros(other) >= rate.to_micros(one + other)


@given(rates)
def test_a_rate_is_read_back_as_it_was(rate: Rate) -> None:
    assert Rate.parse(str(rate)) == rate


@given(st.fractions(Fraction(1, 10**6), 10**6), st.integers(0, 3), minors)
def test_a_margin_never_makes_anything_cheaper(
    per_unit: Fraction, exponent: int, minor: int
) -> None:
    day = datetime.date(2026, 1, 1)
    plain = Rates({"eur": per_unit}, day, 30).on(20454).rate("eur", exponent)
    dear = Rates({"eur": per_unit * Fraction(102, 100)}, day, 30).on(20454).rate("eur", exponent)
    assert dear.to_micros(minor) >= plain.to_micros(minor)
    assert plain.to_micros(minor) >= minor * per_unit * 1_000_000 / 10**exponent
