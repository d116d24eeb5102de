"""Definitions of prices; test_vectors has the parameters that reach those who pay already."""

from __future__ import annotations

from vendors.contract import Money
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.definitions import QUOTERS, SETTLERS


def test_a_definition_is_free_and_a_change_of_one_is_looked_at() -> None:
    for path in ("prices", "plans", "products", "coupons", "shipping_rates", "tax_rates"):
        made = CATALOGUE.find("POST", f"/v1/{path}")
        changed = CATALOGUE.find("POST", f"/v1/{path}/x_1")
        assert made.money is Money.FREE
        assert (changed.money is Money.PRICED) == (changed.name in QUOTERS)


def test_the_tables_are_about_the_same_operations() -> None:
    assert set(QUOTERS) == set(SETTLERS)
