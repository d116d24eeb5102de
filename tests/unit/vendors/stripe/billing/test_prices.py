"""What a quantity of a price costs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import answers, asking, price, taken
from vendors.contract import Unreadable
from vendors.stripe.billing.prices import found_price, given_price, read_price
from vendors.stripe.things import Unclear

TIERS = [
    {"up_to": 10, "unit_amount": 100, "flat_amount": 500},
    {"up_to": 20, "unit_amount": 50, "unit_amount_decimal": "50.5", "flat_amount": None},
    {"up_to": None, "unit_amount": 10, "flat_amount": 0},
]


def tiered(mode: Any, tiers: Any = TIERS, **more: Any) -> dict[str, Any]:
    return price(billing_scheme="tiered", tiers_mode=mode, tiers=tiers, **more)


def cost(tree: dict[str, Any], quantity: int | str) -> Fraction:
    return read_price(tree).cost(Fraction(quantity))


def test_by_the_unit() -> None:
    assert cost(price(250), 3) == 750
    assert cost(price(1, unit_amount_decimal="0.000000000001"), "2.5") == Fraction(25, 10**13)


@pytest.mark.parametrize(
    ("mode", "quantity", "expect"),
    [
        ("graduated", 0, 500),
        ("graduated", 5, 1000),
        ("graduated", 10, 1500),
        ("graduated", 12, 1601),
        ("graduated", 25, 2055),
        ("volume", 10, 1500),
        ("volume", 11, Fraction("555.5")),
        ("volume", 100, 1000),
    ],
)
def test_tiers(mode: str, quantity: int, expect: int | Fraction) -> None:
    assert cost(tiered(mode), quantity) == expect


def test_fewer_can_cost_more_at_a_volume_price() -> None:
    assert read_price(tiered("volume")).most(Fraction(25)) == 1500
    assert read_price(tiered("graduated")).most(Fraction(25)) == 2055
    assert read_price(price(100)).most(Fraction(3)) == 300


@pytest.mark.parametrize(
    ("how", "quantity", "expect"), [("up", 11, 600), ("down", 11, 300), ("up", 10, 300)]
)
def test_packages(how: str, quantity: int, expect: int) -> None:
    assert cost(price(300, transform_quantity={"divide_by": 10, "round": how}), quantity) == expect


def test_the_payer_chooses_up_to_a_maximum() -> None:
    assert cost(price(custom_unit_amount={"maximum": 900, "minimum": 100}), 1) == 900


def test_other_currencies() -> None:
    options = {"usd": {"unit_amount": 100}, "eur": {"unit_amount": 90}}
    tree = price(100, currency_options=options)
    assert read_price(tree).elsewhere
    assert read_price(tree, "eur").currency == "eur"
    assert read_price(tree, "eur").unit == 90
    assert not read_price(price(100, currency_options={"usd": {}})).elsewhere
    with pytest.raises(Unclear, match="gbp"):
        read_price(tree, "gbp")


def test_metered_is_known() -> None:
    assert read_price(price(5, recurring={"usage_type": "metered"})).metered
    assert not read_price(price(5)).metered


@pytest.mark.parametrize(
    "tree",
    [
        price(None),
        price(5, currency=None),
        price(5, billing_scheme="odd"),
        price(custom_unit_amount={"maximum": None}),
        price(custom_unit_amount=7),
        price(5, transform_quantity=7),
        price(5, transform_quantity={"divide_by": 0}),
        tiered("odd"),
        tiered("volume", None),
        tiered("volume", TIERS[:2]),
        tiered("volume", [TIERS[1], TIERS[0], TIERS[2]]),
        tiered("volume", [TIERS[0], TIERS[0], TIERS[2]]),
        tiered("graduated", [TIERS[2], TIERS[2]]),
        tiered("graduated", [TIERS[2], TIERS[0], TIERS[2]]),
    ],
)
def test_prices_that_cannot_be_read(tree: dict[str, Any]) -> None:
    with pytest.raises(Unclear):
        read_price(tree)


def test_a_price_is_looked_up_in_the_currency_it_is_sold_in() -> None:
    target = "/v1/prices/price_1?expand%5B%5D=tiers&expand%5B%5D=currency_options"
    assert next(found_price(asking({}), "price", "price_1", "eur")).target == target
    assert next(found_price(asking({}), "price", "price_1")).target == target
    found = taken(found_price(asking({}), "price", "price_1"), price(7))
    assert found.unit == 7
    with pytest.raises(Unreadable):
        next(found_price(asking({}), "price", "price/1"))


def test_tiers_in_another_currency_take_a_second_look() -> None:
    hidden = tiered("volume", currency_options={"eur": {"tiers": None}, "usd": {}})
    steps = found_price(asking({}), "price", "price_1", "eur")
    next(steps)
    again = steps.send(answers((hidden,))[0])
    assert again.target.endswith("&expand%5B%5D=currency_options.eur.tiers")
    shown = tiered("volume", currency_options={"eur": {"tiers": TIERS}})
    steps = found_price(asking({}), "price", "price_1", "eur")
    assert taken(steps, hidden, shown).cost(Fraction(5)) == 1000
    assert taken(found_price(asking({}), "price", "price_1", "eur"), shown).currency == "eur"


def test_a_price_of_the_request() -> None:
    given = {"price_data[currency]": "EUR", "price_data[unit_amount_decimal]": "10.5"}
    found = given_price(asking(given), "")
    assert found is not None
    assert (found.currency, found.unit) == ("eur", Fraction(21, 2))
    assert given_price(asking({}), "") is None


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"[unit_amount]": "5"}, "price_data[currency]"),
        ({"[currency]": "usd"}, "price_data[unit_amount]"),
        ({"[currency]": "xyz", "[unit_amount]": "5"}, "price_data[currency]"),
        ({"[currency]": "eur", "[unit_amount]": "5"}, "price_data[currency]"),
        ({"[currency]": "usd", "[unit_amount]": "1e3"}, "price_data[unit_amount]"),
        (
            {"[currency]": "usd", "[unit_amount]": "5", "[unit_amount_decimal]": "5"},
            "price_data[unit_amount_decimal]",
        ),
    ],
)
def test_a_price_of_the_request_that_cannot_be_read(form: dict[str, str], field: str) -> None:
    ask = asking({f"price_data{name}": text for name, text in form.items()})
    with pytest.raises(Unreadable) as caught:
        given_price(ask, "", "usd")
    assert caught.value.field_name == field
