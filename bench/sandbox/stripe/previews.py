"""`POST /v1/invoices/create_preview`: what a call would bill, without making it.

The call is played on a copy of the world where nobody pays (`World.rehearsal`), so a preview and
the call it announces can never disagree about anything but the seconds between them. An update
that bills nothing at once shows the next renewal, as Stripe does.
"""

from __future__ import annotations

from typing import Any

from bench.sandbox.stripe import (
    customers,
    errors,
    invoiceitems,
    invoices,
    lines,
    params,
    schedules,
    subscription_changes,
    subscriptions,
)  # fmt: skip
from bench.sandbox.stripe import subscription_terms as terms
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

ONLY_SUBSCRIPTION = params.words("cancel_now resume_at start_date billing_mode billing_schedules")


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    copy = world.rehearsal()
    subscription = _subscription(copy, given)
    customer = _customer(copy, given, subscription)
    _add_items(copy, customer, given, subscription)
    invoice = _play(copy, customer, subscription, given)
    if "discounts" in given or "automatic_tax" in given:
        settings: Obj = {n: given[n] for n in ("discounts", "automatic_tax") if n in given}
        invoice = invoices.update(copy, (invoice["id"],), settings)
    lines_shown = {**invoice["lines"], "url": "/v1/invoices/upcoming/lines"}
    return {
        **invoice,
        "id": f"upcoming_{invoice['id']}",
        "lines": lines_shown,
        "status": "draft",
    }


def _subscription(copy: World, given: Obj) -> Obj | None:
    named = given.get("subscription")
    if "schedule" in given:
        schedule = copy.get("subscription_schedule", given["schedule"], param="schedule")
        named = named or schedule["subscription"]
    return copy.get("subscription", named, param="subscription") if named else None


def _customer(copy: World, given: Obj, subscription: Obj | None) -> Obj:
    if "customer" in given:
        return copy.get("customer", given["customer"], param="customer")
    if subscription is not None:
        return copy.get("customer", subscription["customer"])
    if "customer_details" in given:
        return customers.create(copy, (), {})
    raise errors.missing("customer")


def _add_items(copy: World, customer: Obj, given: Obj, subscription: Obj | None) -> None:
    """`invoice_items`: as if they waited; one with an id stands for the item that waits."""
    for raw in given.get("invoice_items", ()):
        item: Obj = {}
        if "invoiceitem" in raw:
            item = copy.get("invoiceitem", raw["invoiceitem"], param="invoice_items")
        code = given.get("currency") or customer["currency"]
        asked = lines.ask(copy, raw, "invoice_items", code if "currency" not in raw else None)
        made = invoiceitems.waiting(copy, customer["id"], asked, raw.get("description"), raw)
        made["subscription"] = subscription["id"] if subscription else None
        copy.put({**made, **({"id": item["id"]} if item else {})})


def _play(copy: World, customer: Obj, subscription: Obj | None, given: Obj) -> Obj:
    details = given.get("subscription_details")
    if "schedule_details" in given:
        details = schedules.details_of(given["schedule_details"])
    if subscription is None and not details:
        return _one_off(copy, customer, given)
    read = _read(details or {}, subscription)
    if subscription is None:
        read["customer"] = customer["id"]
        if "currency" in given:
            read["currency"] = given["currency"]
        before = None
        after = subscriptions.create(copy, (), read)
    else:
        before = subscription["latest_invoice"]
        after = _changed(copy, subscription, read, details or {})
    if after["latest_invoice"] == before:
        after = subscriptions.renew(copy, after["id"])
    if after["latest_invoice"] == before or after["latest_invoice"] is None:
        raise _none(customer)
    return invoices.refresh(copy, copy.get("invoice", after["latest_invoice"]))


def _read(details: Obj, subscription: Obj | None) -> Obj:
    """`subscription_details` as the parameters of a create or an update."""
    raw = {name: value for name, value in details.items() if name not in ONLY_SUBSCRIPTION}
    read: Obj = params.read(raw, terms.CREATE if subscription is None else terms.UPDATE)
    if "start_date" in details and subscription is None:
        read["backdate_start_date"] = params.integer("start_date", details["start_date"])
    return read


def _changed(copy: World, subscription: Obj, read: Obj, details: Obj) -> Obj:
    if details.get("cancel_now") == "true":
        prorate = read.get("proration_behavior", "create_prorations") != "none"
        asked = {"invoice_now": True, "prorate": prorate}
        return subscription_changes.cancel(copy, (subscription["id"],), asked)
    if details.get("resume_at") == "now":
        return subscription_changes.resume(copy, (subscription["id"],), {})
    if not read:
        return subscription
    return subscription_changes.update(copy, (subscription["id"],), read)


def _one_off(copy: World, customer: Obj, given: Obj) -> Obj:
    """What waits for the customer's next invoice, and no subscription."""
    waits = [
        item
        for item in copy.tables["invoiceitem"].values()
        if item["invoice"] is None and item["customer"] == customer["id"]
    ]
    if not waits:
        raise _none(customer)
    code = given.get("currency") or waits[-1]["currency"]
    found: Any = invoiceitems.pending(copy, customer["id"], code)
    return invoices.compose(
        copy, customer, invoices.take(copy, found), code=code, reason="upcoming", given={}
    )


def _none(customer: Obj) -> StripeError:
    return StripeError(
        404,
        f"No upcoming invoices for customer: {customer['id']}",
        code="invoice_upcoming_none",
    )
