"""What one item of an invoice is worth, as a request states it.

`amount`; or a quantity times a price by id, a price of its own (`price_data`), or a bare unit
amount. An update that names only a quantity, or only a unit amount, has the other one at Stripe.
Tax that goes on top is added. What is below zero is worth nothing: it lowers nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from vendors.contract import Unreadable
from vendors.stripe.billing.exact import branch, decimal, fraction, listed, signed
from vendors.stripe.billing.prices import found_price, given_price, given_unit
from vendors.stripe.billing.steps import Asking, Steps, within
from vendors.stripe.billing.taxes import NONE, asked_tax, shares
from vendors.stripe.currencies import known
from vendors.stripe.things import Unclear
from vendors.stripe.verdicts import Tree

PRICED: Final = (
    *("amount", "currency", "discountable", "discounts", "discounts[][coupon]"),
    *("discounts[][discount]", "discounts[][promotion_code]", "price", "price_data[currency]"),
    *("price_data[product]", "price_data[tax_behavior]", "price_data[unit_amount]"),
    *("price_data[unit_amount_decimal]", "pricing[price]", "quantity", "quantity_decimal"),
    *("tax_behavior", "tax_code", "tax_rates", "tax_rates[]", "unit_amount"),
    "unit_amount_decimal",
)
"""Templates of the parameters that have a part in it, below an item's own name."""
HARMLESS: Final = frozenset({"description", "expand", "metadata", "period"})

_PRICES: Final = ("pricing[price]", "price")
_SOURCES: Final = ("amount", *_PRICES, "price_data", "unit_amount", "unit_amount_decimal")
_QUANTITIES: Final = ("quantity", "quantity_decimal")


@dataclass(frozen=True, slots=True)
class Worth:
    """In minor units of `currency` (lower case), tax on top included."""

    currency: str
    amount: Fraction


def worth(
    ask: Asking,
    base: str,
    currency: str | None,
    tax: Fraction = NONE,
    stored: Tree | None = None,
) -> Steps[Worth]:
    """base: the item's name in the request, '' for its root. currency: of the invoice or the stored
    item; None: as the request says. tax: the share that is added where the item has no rates of its
    own. stored: the item as Stripe has it, for an update. Raises Unreadable, Unclear."""
    own = _own_currency(ask, base, currency)
    plain = yield from _untaxed(ask, base, own, stored)
    share = yield from asked_tax(ask, base)
    if share is None:
        share = tax if stored is None else _stored_tax(stored, tax)
    return Worth(plain.currency, max(NONE, plain.amount) * (1 + share))


def _own_currency(ask: Asking, base: str, currency: str | None) -> str | None:
    """The currency that the request states, which must be that of the invoice."""
    name = within(base, "currency")
    code = ask.fields.get(name)
    if code is None:
        return currency
    own = known(name, code)
    if currency is not None and own != currency:
        raise Unreadable(name, f"not the currency of the rest, {currency}")
    return own


def _untaxed(ask: Asking, base: str, currency: str | None, stored: Tree | None) -> Steps[Worth]:
    fields = ask.fields
    sources = _named(ask, base, _SOURCES)
    if sources == ["amount"] and not _named(ask, base, _QUANTITIES):
        field = within(base, "amount")
        return Worth(_needed(currency, base), decimal(field, fields[field]))
    if len(sources) > 1 or "amount" in sources:
        raise Unreadable(within(base, sources[-1]), "name an amount, or one price and a quantity")
    if stored is not None and not sources and not _named(ask, base, _QUANTITIES):
        return Worth(_needed(currency, base), Fraction(signed(stored, "amount")))
    quantity = _quantity(ask, base, stored)
    if sources and sources[0] in _PRICES:
        field = within(base, sources[0])
        price = yield from found_price(ask, field, fields[field], currency)
        return Worth(price.currency, price.cost(quantity))
    given = given_price(ask, base, currency)
    if given is not None:
        return Worth(given.currency, given.cost(quantity))
    unit = given_unit(ask, base)
    if unit is None:
        unit = _stored_unit(base, stored)
    return Worth(_needed(currency, base), unit * quantity)


def _named(ask: Asking, base: str, names: Sequence[str]) -> list[str]:
    """Which of these, or what is below them, the request names."""
    places = [(name, within(base, name)) for name in names]
    return [
        name
        for name, place in places
        if any(each == place or each.startswith(f"{place}[") for each in ask.fields)
    ]


def _needed(currency: str | None, base: str) -> str:
    if currency is None:
        raise Unreadable(within(base, "currency"), "missing")
    return currency


def _quantity(ask: Asking, base: str, stored: Tree | None) -> Fraction:
    """As named, else as stored, else one."""
    named = [within(base, name) for name in _named(ask, base, _QUANTITIES)]
    if len(named) > 1:
        raise Unreadable(named[1], "name one quantity, not two")
    if named:
        quantity = decimal(named[0], ask.fields.get(named[0], ""))
        if quantity < 0:
            raise Unreadable(named[0], "a quantity is not negative")
        return quantity
    for name in reversed(_QUANTITIES):
        if stored is not None and stored.get(name) is not None:
            return fraction(name, stored[name])
    return Fraction(1)


def _stored_unit(base: str, stored: Tree | None) -> Fraction:
    """Of one unit, where the request names none."""
    if stored is None:
        raise Unreadable(within(base, "amount"), "missing, and there is no price either")
    for tree in (branch(stored, "pricing"), stored):
        for name in ("unit_amount_decimal", "unit_amount"):
            if tree.get(name) is not None:
                return fraction(name, tree[name])
    raise Unclear("the item does not show what one unit of it costs")


def _stored_tax(stored: Tree, tax: Fraction) -> Fraction:
    """Of a stored item: its own rates, else the invoice's. Lines since API version 2025-03-31 show
    amounts of tax, and no percentages."""
    if listed(stored.get("taxes")) or listed(stored.get("tax_amounts")):
        raise Unclear("the line shows a tax, and not the rate of it")
    rates = listed(stored.get("tax_rates"))
    return shares(rates) if rates else tax
