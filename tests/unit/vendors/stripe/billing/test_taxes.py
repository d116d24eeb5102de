"""Rates that go on top of an amount."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import asking, taken, tax_rate
from vendors.contract import Unpriced, Unreadable
from vendors.stripe.billing.taxes import (
    asked_tax,
    refuse_automatic_tax,
    share,
    shares,
    taxed_automatically,
)
from vendors.stripe.things import Unclear


def test_rates_that_a_request_names_are_looked_up() -> None:
    ask = asking({"tax_rates[0]": "txr_1", "tax_rates[1]": "txr_2", "other[tax_rates][0]": "txr_3"})
    found = taken(asked_tax(ask, ""), tax_rate("8.25"), tax_rate(20, id="txr_2", inclusive=True))
    assert found == Fraction("0.0825")


def test_no_rates_and_rates_taken_off() -> None:
    for form, expect in (({}, None), ({"tax_rates": ""}, 0)):
        with pytest.raises(StopIteration) as stop:
            next(asked_tax(asking(form), ""))
        assert stop.value.value == expect


def test_a_rate_of_another_element_is_not_taken() -> None:
    ask = asking({"lines[1][tax_rates][0]": "txr_1"})
    with pytest.raises(StopIteration) as stop:
        next(asked_tax(ask, "lines[0]"))
    assert stop.value.value is None


def test_an_id_that_is_none() -> None:
    with pytest.raises(Unreadable):
        next(asked_tax(asking({"tax_rates[0]": "../x"}), ""))


@pytest.mark.parametrize("rate", [tax_rate(None), tax_rate("5", inclusive="no"), tax_rate(-1)])
def test_a_rate_that_cannot_be_read(rate: Any) -> None:
    with pytest.raises(Unclear):
        share(rate)


def test_rates_add_up() -> None:
    assert shares([tax_rate(5), tax_rate("2.5"), tax_rate(9, inclusive=True)]) == Fraction("0.075")


def test_automatic_tax_has_no_bound() -> None:
    refuse_automatic_tax({"automatic_tax[enabled]": "false"})
    with pytest.raises(Unpriced, match="automatic_tax"):
        refuse_automatic_tax({"automatic_tax[enabled]": "1"})
    assert taxed_automatically({"automatic_tax": {"enabled": True}})
    assert taxed_automatically({"automatic_tax": {"enabled": "odd"}})
    assert not taxed_automatically({"automatic_tax": {"enabled": False}})
    assert not taxed_automatically({})
