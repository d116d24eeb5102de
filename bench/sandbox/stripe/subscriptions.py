"""Subscriptions: created with their first invoice, renewed, ended.

The first invoice is finalised, and paid, inside the request when the collection is automatic (the
default): creating a subscription is a charge. A card that is declined leaves it `incomplete`; its
intent can still be paid. What an update does is in `subscription_changes.py`.
"""

from __future__ import annotations

from fractions import Fraction

from bench.sandbox.stripe import (
    catalog,
    collection,
    discounts,
    errors,
    invoiceitems,
    invoices,
    lines,
    lists,
    methods,
    params,
    periods,
    tariff,
    usage,
)  # fmt: skip
from bench.sandbox.stripe import subscription_terms as terms
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer = world.get("customer", given["customer"], param="customer")
    subscription = _fresh(world, customer, given)
    made = _first_lines(world, subscription, given)
    made += added(world, subscription, given)
    _check_method(world, customer, subscription, given, made)
    world.put(subscription)
    world.tell("customer.subscription.created", subscription)
    invoice = bill(world, subscription, made, "subscription_create")
    if subscription["collection_method"] == "send_invoice":
        return world.get("subscription", subscription["id"])
    invoice = collection.close(world, invoice)
    return _begin(world, subscription["id"], invoice, given)


def _fresh(world: World, customer: Obj, given: Obj) -> Obj:
    """The subscription in its first period, active or trialing."""
    subscription_id = new_id("subscription")
    code = given.get("currency")
    raw = terms.raw_items(given)
    items = [terms.new_item(world, subscription_id, item, code) for item in raw]
    recurring = terms.recurring_of(items)
    code = items[0]["price"]["currency"]
    items = [{**item, "price": catalog.in_currency(world, item["price"], code)} for item in items]
    start = now()
    trial_end = _trial_end(given, items, start)
    anchor = terms.moment("billing_cycle_anchor", given.get("billing_cycle_anchor")) or start
    end = trial_end or (anchor if anchor > start else periods.after(start, recurring))
    if anchor > periods.after(start, recurring):
        raise errors.invalid("billing_cycle_anchor: later than one period", "anchor", anchor)
    subscription: Obj = {
        **terms.SUBSCRIPTION,
        "id": subscription_id,
        "billing_cycle_anchor": trial_end or anchor,
        "created": start,
        "currency": code,
        "customer": customer["id"],
        "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})),
        "start_date": given.get("backdate_start_date", start),
        "status": "trialing" if trial_end else "active",
        "trial_end": trial_end,
        "trial_start": start if trial_end else None,
    }
    subscription = described(world, subscription, given)
    return terms.with_items(world, subscription, terms.in_period(items, start, end))


def _trial_end(given: Obj, items: list[Obj], start: int) -> int | None:
    if given.get("trial_period_days"):
        return int(start + given["trial_period_days"] * periods.DAY_S)
    if given.get("trial_from_plan"):
        days = items[0]["price"]["recurring"].get("trial_period_days")
        return int(start + int(days) * periods.DAY_S) if days else None
    end = terms.moment("trial_end", given.get("trial_end"))
    return end if end is not None and end > start else None


def described(world: World, subscription: Obj, given: Obj) -> Obj:
    """The subscription with the members that parameters set directly."""
    changed: Obj = {**subscription}
    changed.update({name: given[name] for name in terms.COPIED if name in given})
    if "default_payment_method" in given:
        changed["default_payment_method"] = methods.resolve(world, given["default_payment_method"])
    if "cancel_at" in given:
        changed["cancel_at"] = terms.moment("cancel_at", given["cancel_at"])
    if "automatic_tax" in given:
        enabled = given["automatic_tax"].get("enabled") == "true"
        changed["automatic_tax"] = {**subscription["automatic_tax"], "enabled": enabled}
    if "default_tax_rates" in given:
        rates = discounts.tax_rates_of(world, given["default_tax_rates"])
        changed["default_tax_rates"] = list(rates)
    if "trial_settings" in given:
        changed["trial_settings"] = params.mapping("trial_settings", given["trial_settings"])
    if "discounts" in given:
        coupons = discounts.coupons_of(world, given["discounts"])
        world.more[subscription["id"]] = {"coupons": list(coupons)}
        changed["discounts"] = [f"di_{coupon['id']}" for coupon in coupons]
    return changed


def _first_lines(world: World, subscription: Obj, given: Obj) -> list[Obj]:
    """Each item for its first period: whole, in part up to a later anchor, nothing in a trial;
    and what lies between a start that was put back and now."""
    items = subscription["items"]["data"]
    recurring = terms.recurring_of(items)
    start, end = terms.start_of(subscription), terms.end_of(subscription)
    part = Fraction(0)
    if subscription["status"] == "active":
        part = Fraction(1)
        whole = periods.after(start, recurring)
        if end < whole:
            part = Fraction(end - start, whole - start)
            if given.get("proration_behavior") == "none":
                part = Fraction(0)
    made = [period_line(world, subscription, item, part) for item in items]
    if "backdate_start_date" in given and given.get("proration_behavior") != "none":
        gone = periods.parts_gone(given["backdate_start_date"], start, recurring)
        made += [period_line(world, subscription, item, gone, proration=True) for item in items]
    return made


def period_line(
    world: World, subscription: Obj, item: Obj, part: Fraction, *, proration: bool = False
) -> Obj:
    """A line for so much of a period of an item; part may be negative, or more than one."""
    asked = terms.item_amount(world, item)
    amount = tariff.rounded(asked.amount * part)
    asked = lines.Ask(amount, asked.currency, asked.quantity, asked.price, asked.unit)
    parent = lines.subscription_parent(subscription["id"], item["id"], proration=proration)
    period = {"start": item["current_period_start"], "end": item["current_period_end"]}
    name = ("Unused time on" if part < 0 else "Remaining time on") if proration else "Period of"
    more = {"tax_rates": item["tax_rates"], "discountable": not proration}
    return lines.line(
        world, asked, f"{name} {item['price']['id']}", parent=parent, period=period, more=more
    )


def added(world: World, subscription: Obj, given: Obj) -> list[Obj]:
    """`add_invoice_items`: one-off lines on the invoice of this call."""
    made = []
    for raw in given.get("add_invoice_items", ()):
        asked = lines.ask(world, raw, "add_invoice_items", subscription["currency"])
        item = invoiceitems.waiting(world, subscription["customer"], asked, None, raw)
        item["subscription"] = subscription["id"]
        made.append(invoiceitems.as_line(world, world.put(item)))
    return made


def _check_method(
    world: World, customer: Obj, subscription: Obj, given: Obj, made: list[Obj]
) -> None:
    """Stripe refuses, before anything exists, what it could never collect; and what is declined
    when the caller wants that to be an error."""
    behavior = given.get("payment_behavior", "allow_incomplete")
    automatic = subscription["collection_method"] == "charge_automatically"
    if not automatic or world.rehearsing or behavior == "default_incomplete":
        return
    if sum(line["amount"] for line in made) <= 0:
        return
    named = subscription["default_payment_method"] or subscription["default_source"]
    named = named or customer["invoice_settings"]["default_payment_method"]
    named = named or customer["default_source"]
    if named is None:
        raise collection.no_method()
    declined = collection.declined_already(world, methods.resolve(world, named))
    if behavior == "error_if_incomplete" and declined is not None:
        raise declined


def bill(
    world: World, subscription: Obj, made: list[Obj], reason: str, *, pending: bool = True
) -> Obj:
    """A draft for the subscription: these lines and what waited for its next invoice. made may
    hold lines of items that are already taken."""
    customer = world.live("customer", subscription["customer"])
    known = {
        line["parent"]["invoice_item_details"]["invoice_item"]
        for line in made
        if line["parent"]["invoice_item_details"]
    }
    code = subscription["currency"]
    found = invoiceitems.pending(world, customer["id"], code, subscription["id"])
    taken = [item for item in found if pending and item["id"] not in known]
    coupons = world.more.get(subscription["id"], {}).get("coupons", ())
    given = {
        "auto_advance": True,
        "automatic_tax": {"enabled": str(subscription["automatic_tax"]["enabled"]).lower()},
        "collection_method": subscription["collection_method"],
        "default_payment_method": None,
        "default_tax_rates": [rate["id"] for rate in subscription["default_tax_rates"]],
        "discounts": [{"coupon": coupon["id"]} for coupon in coupons],
    }
    invoice = invoices.compose(
        world, customer, [*made, *invoices.take(world, taken)], code=code, reason=reason,
        given=given, subscription=subscription["id"],
    )  # fmt: skip
    latest = world.get("subscription", subscription["id"])
    world.put({**latest, "latest_invoice": invoice["id"]})
    return invoice


def _begin(world: World, subscription_id: str, invoice: Obj, given: Obj) -> Obj:
    """Try to pay the first invoice; while it is not paid, the subscription is incomplete."""
    subscription = world.get("subscription", subscription_id)
    if invoice["status"] != "open":
        return subscription
    then = subscription["status"]
    world.put({**subscription, "status": "incomplete"})
    world.once_paid(invoice["id"], lambda later, paid: activate(later, subscription_id, then))
    if given.get("payment_behavior") != "default_incomplete":
        collection.try_collect(world, invoice["id"])
    return world.get("subscription", subscription_id)


def activate(world: World, subscription_id: str, status: str = "active") -> None:
    """What it waited for was paid. status: active, or the trial that it begins with."""
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] in ("incomplete", "past_due", "paused", "unpaid"):
        changed = world.put({**subscription, "status": status, "pending_update": None})
        world.tell("customer.subscription.updated", changed)


def collect_latest(world: World, subscription: Obj, invoice: Obj) -> Obj:
    """Finalise and collect an invoice in the middle of a subscription's life."""
    if subscription["collection_method"] == "send_invoice":
        return world.get("subscription", subscription["id"])
    invoice = collection.close(world, invoice)
    if invoice["status"] == "open":
        world.once_paid(invoice["id"], lambda later, paid: activate(later, subscription["id"]))
        if not collection.try_collect(world, invoice["id"]):
            latest = world.get("subscription", subscription["id"])
            world.put({**latest, "status": "past_due"})
    return world.get("subscription", subscription["id"])


# The end of a period, and of all.


def renew(world: World, subscription_id: str) -> Obj:
    """Time passes: the trial or the period is over. The next period is billed, unless the
    subscription ends or waits for a payment method."""
    subscription = world.get("subscription", subscription_id)
    if subscription["cancel_at_period_end"]:
        return ended(world, subscription)
    if subscription["status"] == "trialing" and _has_no_method(world, subscription):
        how = params.inner(subscription["trial_settings"], "end_behavior").get(
            "missing_payment_method"
        )
        if how == "cancel":
            return ended(world, subscription)
        if how == "pause":
            paused = world.put({**subscription, "status": "paused"})
            world.tell("customer.subscription.paused", paused)
            return paused
    return next_period(world, subscription, terms.end_of(subscription), "subscription_cycle")


def _has_no_method(world: World, subscription: Obj) -> bool:
    customer = world.get("customer", subscription["customer"])
    return not (
        subscription["default_payment_method"]
        or subscription["default_source"]
        or customer["invoice_settings"]["default_payment_method"]
        or customer["default_source"]
    )


def next_period(world: World, subscription: Obj, start: int, reason: str) -> Obj:
    made = usage.bill(world, subscription)
    items = subscription["items"]["data"]
    items = terms.in_period(items, start, terms.next_end(items, start))
    subscription = terms.with_items(world, {**subscription, "status": "active"}, items)
    world.put(subscription)
    licensed = [i for i in items if i["price"]["recurring"]["usage_type"] != "metered"]
    made += [period_line(world, subscription, item, Fraction(1)) for item in licensed]
    invoice = bill(world, subscription, made, reason)
    world.tell("customer.subscription.updated", subscription)
    return collect_latest(world, subscription, invoice)


def ended(world: World, subscription: Obj) -> Obj:
    changed = {
        **subscription,
        "status": "canceled",
        "canceled_at": now(),
        "ended_at": now(),
    }
    world.tell("customer.subscription.deleted", changed)
    return world.put(changed)


def listing(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """GET /v1/subscriptions: without a status, all that are not canceled."""
    status = given.get("status")
    names = ("customer", "collection_method")
    wanted = {name: given[name] for name in names if name in given}
    found = (
        item
        for item in world.newest_first("subscription")
        if (status in (item["status"], "all") or (status is None and item["status"] != "canceled"))
        and all(item[name] == value for name, value in wanted.items())
        and lists.created_in(item["created"], given.get("created"))
    )
    return lists.page(found, given, "/v1/subscriptions", "subscription")


def alive(world: World, subscription_id: str) -> Obj:
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] not in terms.ALIVE:
        raise StripeError(
            404, f"No such subscription: '{subscription_id}'", code="resource_missing", param="id"
        )
    return subscription
