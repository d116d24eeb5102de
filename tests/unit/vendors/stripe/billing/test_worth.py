"""What one item is worth."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import asking, price, taken, tax_rate
from vendors.contract import Unreadable
from vendors.stripe.billing.taxes import NONE
from vendors.stripe.billing.worth import Worth, worth
from vendors.stripe.things import Unclear


def worth_of(
    form: dict[str, str],
    *found: Any,
    currency: str | None = "usd",
    stored: Any = None,
    tax: Fraction = NONE,
) -> Worth:
    steps = worth(asking(form), "", currency, tax, stored)
    if found:
        made: Worth = taken(steps, *found)
        return made
    with pytest.raises(StopIteration) as stop:
        next(steps)
    value: Worth = stop.value.value
    return value


@pytest.mark.parametrize(
    ("form", "amount"),
    [
        ({"amount": "500"}, 500),
        ({"amount": "-500"}, 0),
        ({"amount": "500", "currency": "USD"}, 500),
        ({"unit_amount": "250"}, 250),
        ({"unit_amount": "250", "quantity": "3"}, 750),
        ({"unit_amount_decimal": "0.5", "quantity_decimal": "2.5"}, Fraction(5, 4)),
        ({"unit_amount_decimal": "-3", "quantity": "2"}, 0),
        ({"price_data[currency]": "usd", "price_data[unit_amount]": "7", "quantity": "2"}, 14),
    ],
)
def test_what_a_request_states(form: dict[str, str], amount: int | Fraction) -> None:
    assert worth_of(form) == Worth("usd", Fraction(amount))


@pytest.mark.parametrize("name", ["price", "pricing[price]"])
def test_a_price_by_id(name: str) -> None:
    assert worth_of({name: "price_1", "quantity": "3"}, price(200)) == Worth("usd", Fraction(600))
    own = worth_of({name: "price_1"}, price(200), currency=None)
    assert own == Worth("usd", Fraction(200))


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "amount"),
        ({"quantity": "5"}, "amount"),
        ({"amount": ""}, "amount"),
        ({"amount": "5.x"}, "amount"),
        ({"amount": "5", "quantity": "2"}, "amount"),
        ({"amount": "5", "price": "price_1"}, "price"),
        ({"unit_amount": "5", "unit_amount_decimal": "5"}, "unit_amount_decimal"),
        ({"unit_amount": "5", "quantity": "-1"}, "quantity"),
        ({"unit_amount": "5", "quantity": "1", "quantity_decimal": "1"}, "quantity_decimal"),
        ({"unit_amount": "5", "quantity[a]": "1"}, "quantity"),
        ({"amount": "5", "currency": "eur"}, "currency"),
        ({"amount": "5", "currency": "xyz"}, "currency"),
    ],
)
def test_what_cannot_be_read(form: dict[str, str], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        next(worth(asking(form), "", "usd"))
    assert caught.value.field_name == field


@pytest.mark.parametrize("form", [{"amount": "5"}, {"unit_amount": "5"}])
def test_a_currency_is_needed(form: dict[str, str]) -> None:
    with pytest.raises(Unreadable) as caught:
        next(worth(asking(form), "", None))
    assert caught.value.field_name == "currency"


STORED = {"amount": 600, "quantity": 3, "unit_amount": 200, "pricing": None}


@pytest.mark.parametrize(
    ("form", "stored", "amount"),
    [
        ({"discountable": "true"}, STORED, 600),
        ({"quantity": "5"}, STORED, 1000),
        ({"quantity": "5"}, {"pricing": {"unit_amount_decimal": "1.5"}}, Fraction(15, 2)),
        ({"unit_amount_decimal": "10"}, STORED, 30),
        ({"unit_amount_decimal": "10"}, {**STORED, "quantity_decimal": "2.5"}, 25),
        ({"unit_amount": "10"}, {"quantity": None}, 10),
        ({"amount": "50"}, STORED, 50),
    ],
)
def test_a_change_of_what_is_stored(form: dict[str, str], stored: Any, amount: Fraction) -> None:
    assert worth_of(form, stored=stored).amount == amount


@pytest.mark.parametrize(
    ("form", "stored"),
    [
        ({"quantity": "5"}, {"amount": 600}),
        ({"discountable": "true"}, {"amount": None}),
        ({"unit_amount": "5"}, {"quantity": "x"}),
        ({"quantity": "5"}, {**STORED, "unit_amount": -200}),
        ({"amount": "5"}, {**STORED, "taxes": [{"amount": 1}]}),
        ({"amount": "5"}, {**STORED, "tax_amounts": [{"amount": 1}]}),
    ],
)
def test_what_is_stored_may_not_tell(form: dict[str, str], stored: Any) -> None:
    with pytest.raises(Unclear):
        next(worth(asking(form), "", "usd", stored=stored))


def test_tax_goes_on_top() -> None:
    tenth = Fraction(1, 10)
    assert worth_of({"amount": "500"}, tax=tenth).amount == 550
    own = {**STORED, "tax_rates": [tax_rate(20)]}
    assert worth_of({"amount": "500"}, tax=tenth, stored=own).amount == 600
    assert worth_of({"amount": "500"}, tax=tenth, stored=STORED).amount == 550
    named = {"amount": "500", "tax_rates[0]": "txr_1"}
    assert worth_of(named, tax_rate("8.25"), tax=tenth).amount == Fraction("541.25")
    assert worth_of({"amount": "500", "tax_rates": ""}, tax=tenth).amount == 500
