"""Subscriptions in facts: the parameters of each operation, their items, the object itself."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from bench.sandbox.form import listed
from bench.sandbox.stripe import catalog, lines, lists, params, periods
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

PRORATION: Final = params.one_of("always_invoice", "create_prorations", "none")
BEHAVIOR: Final = params.one_of(
    "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
)
SHARED: Final = params.spec(
    "billing_schedules billing_thresholds days_until_due invoice_settings on_behalf_of "
    "payment_settings pending_invoice_item_interval transfer_data trial_settings trial_end "
    "billing_cycle_anchor application_fee_percent",
    add_invoice_items=params.maps,
    automatic_tax=params.mapping,
    cancel_at=params.any_value,
    cancel_at_period_end=params.boolean,
    collection_method=params.one_of("charge_automatically", "send_invoice"),
    default_payment_method=params.text,
    default_source=params.text,
    default_tax_rates=params.any_value,
    description=params.clearable,
    discounts=params.any_value,
    items=params.maps,
    off_session=params.boolean,
    payment_behavior=BEHAVIOR,
    proration_behavior=PRORATION,
    trial_from_plan=params.boolean,
)
CREATE: Final = params.spec(
    "billing_cycle_anchor_config billing_mode customer_account test_clock",
    **SHARED,
    backdate_start_date=params.integer,
    currency=params.currency,
    customer=params.text,
    trial_period_days=params.integer,
)
UPDATE: Final = params.spec(
    "cancellation_details",
    **SHARED,
    pause_collection=params.any_value,
    proration_date=params.integer,
)
CANCEL: Final = params.spec(
    "cancellation_details", invoice_now=params.boolean, prorate=params.boolean
)
RESUME: Final = params.spec(
    billing_cycle_anchor=params.one_of("now", "unchanged"),
    payment_behavior=BEHAVIOR,
    proration_behavior=PRORATION,
    proration_date=params.integer,
)
ITEM: Final = params.spec(
    "billing_thresholds current_trial discounts tax_rates price_data",
    off_session=params.boolean,
    payment_behavior=BEHAVIOR,
    plan=params.text,
    price=params.text,
    proration_behavior=PRORATION,
    proration_date=params.integer,
    quantity=params.any_value,
)
CREATE_ITEM: Final = params.spec(**ITEM, subscription=params.text)
DELETE_ITEM: Final = params.spec(
    clear_usage=params.boolean,
    payment_behavior=BEHAVIOR,
    proration_behavior=PRORATION,
    proration_date=params.integer,
)
COPIED: Final = params.words(
    "cancel_at cancel_at_period_end collection_method days_until_due default_payment_method "
    "default_source description on_behalf_of pause_collection payment_settings transfer_data"
)
ALIVE: Final = ("active", "trialing", "past_due", "unpaid", "incomplete", "paused")
SUBSCRIPTION: Final[Obj] = {
    "id": "", "object": "subscription", "application": None, "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor": 0, "billing_mode": {"type": "classic"}, "billing_thresholds": None,
    "cancel_at": None, "cancel_at_period_end": False, "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "collection_method": "charge_automatically", "created": 0, "currency": "usd",
    "customer": "", "days_until_due": None, "default_payment_method": None,
    "default_source": None, "default_tax_rates": [], "description": None, "discounts": [],
    "ended_at": None, "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "items": {}, "latest_invoice": None, "livemode": False, "metadata": {},
    "next_pending_invoice_item_invoice": None, "on_behalf_of": None, "pause_collection": None,
    "payment_settings": {}, "pending_invoice_item_interval": None, "pending_setup_intent": None,
    "pending_update": None, "schedule": None, "start_date": 0, "status": "active",
    "test_clock": None, "transfer_data": None, "trial_end": None,
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    "trial_start": None,
}  # fmt: skip


def moment(name: str, value: Any) -> int | None:
    """Seconds since 1970; `now` is now, empty is unset."""
    if value in ("", None):
        return None
    return now() if value == "now" else params.integer(name, value)


def new_item(world: World, subscription: str, raw: Obj, currency: str | None) -> Obj:
    """An item of a subscription, not stored yet. Raises for a price that does not recur."""
    price = catalog.of_item(world, raw, "items")
    if price["recurring"] is None:
        raise StripeError(
            400,
            f"The price specified is set to `type=one_time` but this field only accepts prices "
            f"with `type=recurring`: {price['id']}.",
            param="items[price]",
        )
    price = catalog.in_currency(world, price, currency or price["currency"])
    metered = price["recurring"]["usage_type"] == "metered"
    item: Obj = {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now(),
        "current_period_end": now(),
        "current_period_start": now(),
        "discounts": [],
        "metadata": lines.extras(world, raw).get("metadata", {}),
        "plan": None,
        "price": price,
        "quantity": None if metered else int(lines.quantity_of(raw, "items")),
        "subscription": subscription,
        "tax_rates": lines.extras(world, raw).get("tax_rates", []),
    }
    return item


def with_items(world: World, subscription: Obj, items: list[Obj]) -> Obj:
    """The subscription with these items, each also stored on its own."""
    for item in subscription["items"].get("data", ()):
        world.tables["subscription_item"].pop(item["id"], None)
    stored = [world.put(item) for item in items]
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return {**subscription, "items": lists.fresh(url, stored)}


def in_period(items: list[Obj], start: int, end: int) -> list[Obj]:
    return [{**item, "current_period_start": start, "current_period_end": end} for item in items]


def recurring_of(items: list[Obj]) -> Obj:
    """The one interval that all items share. Raises when they do not."""
    if not items:
        raise StripeError(400, "Missing required param: items.", code="parameter_missing")
    first: Obj = items[0]["price"]["recurring"]
    for item in items[1:]:
        other = item["price"]["recurring"]
        names = ("interval", "interval_count")
        if any(other[name] != first[name] for name in names):
            raise StripeError(400, "All prices of a subscription must have the same interval.")
    return first


def item_amount(world: World, item: Obj) -> lines.Ask:
    """What the item costs for a whole period; a metered one nothing before it is used."""
    quantity = Fraction(item["quantity"] or 0)
    if item["price"]["recurring"]["usage_type"] == "metered":
        return lines.Ask(0, item["price"]["currency"], Fraction(0), item["price"], None)
    return lines.of_price(world, item["price"], quantity)


def end_of(subscription: Obj) -> int:
    """When the present period ends."""
    items = subscription["items"]["data"]
    return int(items[0]["current_period_end"]) if items else now()


def start_of(subscription: Obj) -> int:
    items = subscription["items"]["data"]
    return int(items[0]["current_period_start"]) if items else now()


def next_end(items: list[Obj], start: int) -> int:
    return periods.after(start, recurring_of(items))


def raw_items(given: Obj) -> list[Obj]:
    return params.maps("items", listed(given.get("items", [])))
