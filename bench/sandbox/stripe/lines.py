"""The lines of a bill: what an item asks for, and the line item that shows it.

An item (of an invoice, a subscription, a session) names its amount in one of several ways: an
`amount`, a decimal unit amount times a quantity, a price id, or a price that it brings along.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bench.sandbox.stripe import catalog, discounts, errors, params, tariff
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj


@dataclass(frozen=True, slots=True)
class Ask:
    """What one item comes to. amount: minor units of currency, negative for a credit."""

    amount: int
    currency: str
    quantity: Fraction
    price: Obj | None
    unit: str | None


def ask(world: World, item: Obj, param: str, currency: str | None = None) -> Ask:
    """Read an item's raw values. currency: that of the bill, when it has one already."""
    quantity = quantity_of(item, param)
    if item.get("amount") not in (None, ""):
        amount = params.integer(f"{param}[amount]", item["amount"])
        return Ask(amount, _currency(item, currency, param), Fraction(1), None, str(amount))
    for name in ("unit_amount_decimal", "unit_amount"):
        if name in item:
            unit = params.decimal(f"{param}[{name}]", item[name])
            amount = tariff.rounded(Fraction(unit) * quantity)
            return Ask(amount, _currency(item, currency, param), quantity, None, unit)
    return of_price(world, catalog.of_item(world, item, param), quantity, currency)


def of_price(world: World, price: Obj, quantity: Fraction, currency: str | None = None) -> Ask:
    price = catalog.in_currency(world, price, currency or price["currency"])
    amount = tariff.line_amount(price, quantity, catalog.tiers_of(world, price))
    return Ask(amount, price["currency"], quantity, price, price["unit_amount_decimal"])


def quantity_of(item: Obj, param: str) -> Fraction:
    if "quantity_decimal" in item:
        return Fraction(params.decimal(f"{param}[quantity_decimal]", item["quantity_decimal"]))
    quantity = params.integer(f"{param}[quantity]", item.get("quantity", "1"))
    if quantity < 0:
        raise errors.invalid("integer: must not be negative", f"{param}[quantity]", quantity)
    return Fraction(quantity)


def _currency(item: Obj, currency: str | None, param: str) -> str:
    named = item.get("currency")
    found = params.currency(f"{param}[currency]", named) if named else currency
    if found is None:
        raise errors.missing("currency")
    if currency is not None and found != currency:
        raise StripeError(400, f"All items must be in {currency}.", param=f"{param}[currency]")
    return found


def line(
    world: World,
    asked: Ask,
    description: str | None,
    *,
    parent: Obj,
    period: Obj | None = None,
    more: Obj | None = None,
) -> Obj:
    """A line item that is on no invoice yet."""
    quantity = asked.quantity
    return {
        "id": new_id("line_item"),
        "object": "line_item",
        "amount": asked.amount,
        "currency": asked.currency,
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": world.livemode,
        "metadata": {},
        "parent": parent,
        "period": period or {"start": now(), "end": now()},
        "pretax_credit_amounts": [],
        "pricing": pricing(asked),
        "quantity": int(quantity) if quantity.denominator == 1 else None,
        "quantity_decimal": shown(quantity),
        "subtotal": asked.amount,
        "tax_rates": [],
        "taxes": [],
        **(more or {}),
    }


def shown(value: Fraction) -> str:
    """A decimal text of at most twelve places."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = tariff.rounded(abs(value) * 10**12)
    text = f"{scaled // 10**12}.{scaled % 10**12:012d}".rstrip("0")
    return f"-{text}" if value < 0 else text


def pricing(asked: Ask) -> Obj:
    details: Any = None
    if asked.price is not None:
        details = {"price": asked.price["id"], "product": asked.price["product"]}
    return {"price_details": details, "type": "price_details", "unit_amount_decimal": asked.unit}


def item_parent(invoice_item: str | None, subscription: str | None, *, proration: bool) -> Obj:
    """Where a line that is not a subscription's own comes from."""
    details = {
        "invoice_item": invoice_item,
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": subscription,
    }
    return {
        "invoice_item_details": details,
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }


def subscription_parent(subscription: str, item: str, *, proration: bool = False) -> Obj:
    details = {
        "invoice_item": None,
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": subscription,
        "subscription_item": item,
    }
    return {
        "invoice_item_details": None,
        "subscription_item_details": details,
        "type": "subscription_item_details",
    }


def extras(world: World, item: Obj) -> Obj:
    """The members of a line that an item's other parameters set."""
    changes: Obj = {}
    if "discountable" in item:
        changes["discountable"] = params.boolean("discountable", item["discountable"])
    if "tax_rates" in item:
        changes["tax_rates"] = list(discounts.tax_rates_of(world, item["tax_rates"], "tax_rates"))
    if "metadata" in item:
        changes["metadata"] = params.merged({}, params.metadata("metadata", item["metadata"]))
    if item.get("description"):
        changes["description"] = item["description"]
    return changes
