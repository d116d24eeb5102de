"""Metered usage: counted now, billed with a subscription's next invoice."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from bench.sandbox.stripe import errors, lines, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

METER: Final = params.spec(
    "customer_mapping event_time_window value_settings",
    default_aggregation=params.mapping,
    display_name=params.text,
    event_name=params.text,
)
EVENT: Final = params.spec("identifier timestamp", event_name=params.text, payload=params.mapping)
RECORD: Final = params.spec("timestamp action", quantity=params.integer)


def create_meter(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    meter: Obj = {
        "id": new_id("billing.meter"),
        "object": "billing.meter",
        "created": now(),
        "display_name": given["display_name"],
        "event_name": given["event_name"],
        "livemode": world.livemode,
        "status": "active",
    }
    return world.put(meter)


def report(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/billing/meter_events: usage of a customer, by the meter's event name."""
    payload = given["payload"]
    customer = world.get("customer", str(payload.get("stripe_customer_id")), param="payload")
    value = Fraction(params.decimal("payload[value]", payload.get("value", "")))
    _count(world, _key(customer["id"], given["event_name"]), value)
    return {
        "object": "billing.meter_event",
        "created": now(),
        "event_name": given["event_name"],
        "identifier": given.get("identifier", new_id("request")),
        "livemode": world.livemode,
        "payload": payload,
        "timestamp": now(),
    }


def record(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/subscription_items/{id}/usage_records: the older way."""
    item = world.get("subscription_item", ids[0])
    if item["price"]["recurring"]["usage_type"] != "metered":
        raise StripeError(400, "Usage can only be recorded for metered prices.")
    if "quantity" not in given:
        raise errors.missing("quantity")
    _count(world, item["id"], Fraction(given["quantity"]))
    return {
        "id": f"mbur_{new_id('request')[4:]}",
        "object": "usage_record",
        "livemode": world.livemode,
        "quantity": given["quantity"],
        "subscription_item": item["id"],
        "timestamp": now(),
    }


def _key(customer: str, event_name: str) -> str:
    return f"usage {customer} {event_name}"


def _count(world: World, key: str, value: Fraction) -> None:
    known = world.more.get(key, {"used": Fraction(0)})
    world.more[key] = {"used": known["used"] + value}


def bill(world: World, subscription: Obj) -> list[Obj]:
    """Lines for what was used since the last bill; the counters begin anew."""
    made = []
    for item in subscription["items"]["data"]:
        recurring = item["price"]["recurring"]
        if recurring["usage_type"] == "metered":
            used = _taken(world, item["id"])
            meter = world.find("billing.meter", recurring["meter"] or "")
            if meter is not None:
                used += _taken(world, _key(subscription["customer"], meter["event_name"]))
            parent = lines.subscription_parent(subscription["id"], item["id"])
            asked = lines.of_price(world, item["price"], used)
            more = {"tax_rates": item["tax_rates"]}
            made.append(lines.line(world, asked, "Usage", parent=parent, more=more))
    return made


def _taken(world: World, key: str) -> Fraction:
    used: Fraction = world.more.pop(key, {"used": Fraction(0)})["used"]
    return used
