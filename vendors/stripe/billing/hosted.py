"""The most that a payer can be asked for on one of Stripe's pages: Checkout and payment links.

Every line at the most that the payer can make of it (an adjustable quantity at its maximum, 99
where none is given), every optional item as if it were taken, the dearest way of shipping.
Discounts and trials lower that and are left out. What depends on who the payer turns out to be
(automatic tax, a price in several currencies) has no bound: refused, by the parameter's name.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from vendors.contract import Unpriced, Unreadable
from vendors.stripe.asked import checked_id
from vendors.stripe.billing.exact import branch, figure, round_up, whole
from vendors.stripe.billing.prices import Price, found_price, given_price
from vendors.stripe.billing.steps import Asking, Steps, elements, look, true, within
from vendors.stripe.billing.taxes import NONE, asked_tax, refuse_automatic_tax
from vendors.stripe.currencies import known
from vendors.stripe.things import text

_ADJUSTABLE: Final = ("enabled", "maximum", "minimum")
_ADJUSTABLE_MAX: Final = 99
"""Stripe's own, where a request names none (docs.stripe.com/api/checkout/sessions/create)."""

_PRODUCT: Final = ("description", "images", "name", "tax_code", "tax_details", "unit_label")
_SHIPPING: Final = (
    *("fixed_amount[amount]", "fixed_amount[currency]", "display_name"),
    *("delivery_estimate[maximum][unit]", "delivery_estimate[maximum][value]", "tax_behavior"),
    *("delivery_estimate[minimum][unit]", "delivery_estimate[minimum][value]", "tax_code", "type"),
)

HARMLESS: Final = frozenset(
    {
        *("allow_promotion_codes", "billing_address_collection", "consent_collection"),
        *("automatic_tax[liability]", "custom_fields", "custom_text", "customer_creation"),
        *("discounts", "expand", "invoice_creation", "metadata", "name_collection"),
        *("on_behalf_of", "payment_intent_data", "payment_method_collection"),
        *("payment_method_options", "payment_method_types", "phone_number_collection"),
        *("shipping_address_collection", "submit_type", "tax_id_collection"),
        *("subscription_data[application_fee_percent]", "subscription_data[billing_mode]"),
        *("subscription_data[billing_cycle_anchor]", "subscription_data[description]"),
        *("subscription_data[billing_cycle_anchor_config]", "subscription_data[on_behalf_of]"),
        *("subscription_data[invoice_settings]", "subscription_data[transfer_data]"),
        *("subscription_data[pending_invoice_item_interval]", "subscription_data[trial_end]"),
        *("subscription_data[proration_behavior]", "subscription_data[trial_period_days]"),
        *("subscription_data[trial_from_plan]", "subscription_data[trial_settings]"),
        *(f"line_items[][price_data][product_data][{name}]" for name in _PRODUCT),
    }
)
"""What a page looks like, who may pay, how and when: not how much."""

LINES: Final = frozenset(
    {
        *(f"line_items[][adjustable_quantity][{name}]" for name in _ADJUSTABLE),
        *("line_items[][price]", "line_items[][price_data][currency]", "line_items[][quantity]"),
        *("line_items[][price_data][product]", "line_items[][price_data][recurring][interval]"),
        "line_items[][price_data][recurring][interval_count]",
        *("line_items[][price_data][tax_behavior]", "line_items[][price_data][unit_amount]"),
        *("line_items[][price_data][unit_amount_decimal]", "line_items[][tax_rates][]"),
        *("line_items[][tax_rates]", "shipping_options[][shipping_rate]"),
        *(within("shipping_options[][shipping_rate_data]", name) for name in _SHIPPING),
    }
)
PRICED: Final = LINES | {
    *(f"optional_items[][adjustable_quantity][{name}]" for name in _ADJUSTABLE),
    *("optional_items[][price]", "optional_items[][quantity]", "currency"),
    *("automatic_tax[enabled]", "managed_payments[enabled]"),
}


class Most(NamedTuple):
    """In minor units of `currency`."""

    currency: str
    minor: int


def most(ask: Asking, currency: str | None, tax: Fraction = NONE) -> Steps[Most]:
    """Lines, optional items and shipping of a request. currency: of the page, where it is known.
    tax: the share that is added where a line names no rates. Raises Unreadable, Unclear,
    Unpriced."""
    refuse_tax(ask)
    total = NONE
    bases = [*elements(ask.fields, "line_items"), *elements(ask.fields, "optional_items")]
    if not bases:
        raise Unreadable("line_items", "missing")
    for base in bases:
        price = yield from _price(ask, base, currency)
        currency = price.currency
        rates = yield from asked_tax(ask, base)
        total += max(NONE, _line(ask, base, price)) * (1 + (tax if rates is None else rates))
    shipping = yield from _dearest(ask, currency or "")
    return Most(currency or "", round_up(total + shipping))


def refuse_tax(ask: Asking) -> None:
    """Raises Unpriced where tax depends on the payer: managed payments add it too."""
    refuse_automatic_tax(ask.fields)
    refuse_automatic_tax(ask.fields, "managed_payments")


def _price(ask: Asking, base: str, currency: str | None) -> Steps[Price]:
    given = given_price(ask, base, currency)
    field = within(base, "price")
    if given is not None:
        if field in ask.fields:
            raise Unreadable(field, "name a price or price_data, not both")
        return given
    if field not in ask.fields:
        raise Unpriced(f"{base} names no price, and what it costs stays as nobody shows it")
    price = yield from found_price(ask, field, ask.fields[field], currency)
    if currency is None and price.elsewhere:
        raise Unpriced(f"{field} is sold in several currencies: name the page's currency")
    return price


def _line(ask: Asking, base: str, price: Price) -> Fraction:
    """A metered price is billed when it has been used."""
    quantity, adjustable = _quantity(ask, base)
    if price.metered:
        return NONE
    return price.most(Fraction(quantity)) if adjustable else price.cost(Fraction(quantity))


def _quantity(ask: Asking, base: str) -> tuple[int, bool]:
    """The most that the payer can take, and whether fewer are possible too."""
    fields, field = ask.fields, within(base, "quantity")
    quantity = whole(field, fields[field]) if field in fields else 1
    enabled, maximum = (within(base, f"adjustable_quantity[{n}]") for n in _ADJUSTABLE[:2])
    if not true(fields, enabled) and maximum not in fields:
        return quantity, False
    limit = whole(maximum, fields[maximum]) if maximum in fields else _ADJUSTABLE_MAX
    return max(quantity, limit), True


def _dearest(ask: Asking, currency: str) -> Steps[int]:
    """The most that one of the request's shipping options costs. Raises Unreadable, Unclear."""
    cost = 0
    for base in elements(ask.fields, "shipping_options"):
        cost = max(cost, (yield from _shipping(ask, base, currency)))
    return cost


def _shipping(ask: Asking, base: str, currency: str) -> Steps[int]:
    fields, inside = ask.fields, within(base, "shipping_rate_data[fixed_amount]")
    field = within(base, "shipping_rate")
    if field in fields:
        rate_id = checked_id(field, fields[field])
        target = f"/v1/shipping_rates/{rate_id}?expand%5B%5D=fixed_amount.currency_options"
        why = "what the shipping costs is at Stripe"
        tree = yield from look(target, why, "shipping_rate", rate_id)
        fixed = branch(tree, "fixed_amount")
        if text(fixed, "currency").lower() != currency:
            fixed = branch(branch(fixed, "currency_options"), currency)
        return figure(fixed, "amount")
    amount, code = f"{inside}[amount]", f"{inside}[currency]"
    if amount not in fields:
        raise Unreadable(amount, "missing")
    if known(code, fields.get(code, "")) != currency:
        raise Unreadable(code, f"not the currency of the rest, {currency}")
    return whole(amount, fields[amount])
