"""What a hosted page sells: its lines, what a payer may still change about them, and the sum.

A payer may choose another quantity where the line allows it, add optional items, pick a shipping
option, enter a promotion code, and pays the tax that is known only then: what a page charges can be
more than its `amount_total` said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

from bench.sandbox.stripe import catalog, discounts, errors, lines, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id
from bench.sandbox.wire import Obj

QUANTITY_MAX: Final = 99
"""Of an adjustable line without a maximum of its own (docs.stripe.com/payment-links)."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a payer chose. quantities: by line; amount: where the price lets the payer decide."""

    quantities: dict[int, int] = field(default_factory=dict)
    amount: int | None = None
    optional: tuple[int, ...] = ()
    shipping: int = 0
    promotion_code: str | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """items: line items. sums: what they come to. shipping: minor units."""

    items: Sequence[Obj]
    sums: discounts.Sums
    shipping: int
    currency: str


def priced(
    world: World,
    raw_items: Sequence[Obj],
    choices: Choices | None = None,
    currency: str | None = None,
) -> list[Obj]:
    """The `item` objects of a page, in its currency (that of its first price)."""
    made: list[Obj] = []
    for number, raw in enumerate(raw_items):
        price = catalog.of_item(world, raw, "line_items")
        code = currency or (made[0]["currency"] if made else price["currency"])
        quantity = lines.quantity_of(raw, "line_items")
        if choices is not None and number in choices.quantities:
            quantity = _adjusted(raw, choices.quantities[number])
        asked = lines.of_price(world, price, quantity, code)
        if price["custom_unit_amount"] is not None:
            asked = replace(asked, amount=_chosen(price, choices))
        metered = price["recurring"] and price["recurring"]["usage_type"] == "metered"
        made.append(_item(world, replace(asked, amount=0) if metered else asked, price, raw))
    return made


def _adjusted(raw: Obj, quantity: int) -> Fraction:
    terms = params.inner(raw, "adjustable_quantity")
    if terms.get("enabled") != "true":
        raise StripeError(400, "The quantity of this line is fixed.", param="quantity")
    least = params.integer("minimum", terms.get("minimum", "0"))
    most = params.integer("maximum", terms.get("maximum", str(QUANTITY_MAX)))
    if not least <= quantity <= most:
        raise StripeError(400, f"The quantity must be {least} to {most}.", param="quantity")
    return Fraction(quantity)


def _chosen(price: Obj, choices: Choices | None) -> int:
    terms = price["custom_unit_amount"]
    amount = choices.amount if choices is not None else None
    amount = int(terms["preset"] or 0) if amount is None else amount
    least, most = terms["minimum"] or 0, terms["maximum"]
    if choices is not None and (amount < least or (most is not None and amount > most)):
        raise StripeError(400, "The amount is outside of what this price allows.", param="amount")
    return amount


def _item(world: World, asked: lines.Ask, price: Obj, raw: Obj) -> Obj:
    return {
        "id": f"li_1{new_id('line_item')[4:]}",
        "object": "item",
        "amount": asked.amount,
        "amount_discount": 0,
        "amount_subtotal": asked.amount,
        "amount_tax": 0,
        "amount_total": asked.amount,
        "currency": asked.currency,
        "description": price["id"],
        "price": price,
        "quantity": int(asked.quantity),
        "tax_rates": lines.extras(world, raw).get("tax_rates", []),
    }


def terms_of(world: World, asked: Obj, choices: Choices | None = None) -> discounts.Terms:
    """Discounts and taxes. On a page the automatic tax is known only once somebody pays."""
    coupons = discounts.coupons_of(world, asked.get("discounts", []))
    if choices is not None and choices.promotion_code is not None:
        if asked.get("allow_promotion_codes") is not True:
            raise StripeError(400, "This page takes no promotion codes.")
        coupons = discounts.coupons_of(world, [{"promotion_code": choices.promotion_code}])
    return discounts.Terms(
        coupons,
        discounts.tax_rates_of(world, asked.get("default_tax_rates")),
        asked.get("automatic_tax", {}).get("enabled") == "true",
    )


def sale(world: World, asked: Obj, choices: Choices | None = None) -> Sale:
    """The page's lines and sum; without choices, as it looks before a payer came."""
    raw_items = list(asked.get("line_items", []))
    currency = asked.get("currency")
    if choices is not None:
        optional = asked.get("optional_items", [])
        raw_items += [_optional(optional, number) for number in choices.optional]
    items = priced(world, raw_items, choices, currency)
    code = currency or (items[0]["currency"] if items else "usd")
    shipping = _shipping(asked.get("shipping_options", []), choices)
    terms = terms_of(world, asked, choices)
    if choices is None:
        terms = replace(terms, automatic_tax=False)
    sums = discounts.sums(items, terms, shipping)
    return Sale(items, sums, shipping, code)


def _optional(optional: Sequence[Obj], number: int) -> Obj:
    if number >= len(optional):
        raise errors.invalid("optional item", "optional_items", number)
    return optional[number]


def _shipping(options: Sequence[Any], choices: Choices | None) -> int:
    """The chosen option's fixed amount; the first until somebody chooses."""
    if not options:
        return 0
    number = choices.shipping if choices is not None else 0
    if number >= len(options):
        raise errors.invalid("shipping option", "shipping_options", number)
    data = params.inner(options[number], "shipping_rate_data", "fixed_amount")
    if not data:
        named = str(options[number].get("shipping_rate"))
        raise errors.no_such("shipping rate", named, "shipping_options", 400)
    return params.integer("fixed_amount[amount]", data.get("amount", ""))
