"""What an update of a subscription bills: prorations, a new period, the last invoice.

An update that keeps the period credits the unused time of what went and bills the rest of the
period of what came: on the next invoice (`create_prorations`, the default), at once
(`always_invoice`) or never (`none`). One that starts a new period (`billing_cycle_anchor=now`,
`trial_end=now`, another interval) bills that period at once, whatever the proration.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from bench.sandbox.stripe import (
    collection,
    errors,
    invoiceitems,
    lines,
    lists,
    periods,
    subscriptions,
    usage,
)  # fmt: skip
from bench.sandbox.stripe import subscription_terms as terms
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, now
from bench.sandbox.wire import Obj


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    subscription = subscriptions.alive(world, ids[0])
    behavior = given.get("payment_behavior", "allow_incomplete")
    if behavior in ("error_if_incomplete", "pending_if_incomplete") and not world.rehearsing:
        refused = _try(world, subscription, given)
        if refused is not None and behavior == "error_if_incomplete":
            raise refused
        if refused is not None:
            pending = {"expires_at": now() + periods.DAY_S, "subscription_items": []}
            return world.put({**subscription, "pending_update": pending})
    return _change(world, subscription, given)


def _try(world: World, subscription: Obj, given: Obj) -> StripeError | None:
    """What the payment would answer, found on a copy."""
    copy = world.rehearsal()
    before = subscription["latest_invoice"]
    after = _change(copy, subscription, given)
    if after["latest_invoice"] == before:
        return None
    invoice = copy.get("invoice", after["latest_invoice"])
    if invoice["amount_due"] == 0:
        return None
    method = collection.default_method(world, invoice)
    if method is None:
        return collection.no_method()
    return collection.declined_already(world, method)


def _change(world: World, old: Obj, given: Obj) -> Obj:
    items, removed = _items_after(world, old, given)
    new = subscriptions.described(world, old, given)
    new.update(lists.described(old, given))
    restart, start, end = _period_after(old, items, given)
    if end < start:
        raise errors.invalid("billing_cycle_anchor", "billing_cycle_anchor", end)
    made = _prorations(world, old, items, removed, given, restart=restart)
    new = terms.with_items(world, new, terms.in_period(items, start, end))
    new = _trial_after(new, given, start)
    world.put(new)
    if restart:
        metered = usage.bill(world, old)
        kept = new["items"]["data"]
        made += metered
        if new["status"] != "trialing":
            made += [subscriptions.period_line(world, new, item, Fraction(1)) for item in kept]
    extra = subscriptions.added(world, new, given)
    world.tell("customer.subscription.updated", new)
    at_once = given.get("proration_behavior") == "always_invoice" and (made or extra)
    if restart or at_once:
        invoice = subscriptions.bill(world, new, [*made, *extra], "subscription_update")
        return subscriptions.collect_latest(world, new, invoice)
    _wait(world, new, made)
    return world.get("subscription", new["id"])


def _items_after(world: World, old: Obj, given: Obj) -> tuple[list[Obj], list[Obj]]:
    """The items as they will be, and those that are gone or changed, as they were."""
    kept = {item["id"]: item for item in old["items"]["data"]}
    gone: list[Obj] = []
    for raw in terms.raw_items(given):
        item = kept.get(str(raw.get("id")))
        if "id" in raw and item is None:
            raise errors.no_such("subscription_item", raw["id"], "items[id]", 400)
        if item is None:
            made = terms.new_item(world, old["id"], raw, old["currency"])
            kept[made["id"]] = made
        elif raw.get("deleted") == "true":
            gone.append(kept.pop(item["id"]))
        else:
            kept[item["id"]] = _changed_item(world, old, item, raw)
            gone.append(item)
    if not kept:
        raise StripeError(400, "A subscription must have at least one active item.")
    items = list(kept.values())
    terms.recurring_of(items)
    return items, gone


def _changed_item(world: World, old: Obj, item: Obj, raw: Obj) -> Obj:
    named = raw.keys() & {"price", "plan", "price_data"}
    price = {} if named else {"price": item["price"]["id"]}
    quantity = {} if "quantity" in raw else {"quantity": str(item["quantity"] or 1)}
    fresh = terms.new_item(world, old["id"], {**price, **quantity, **raw}, old["currency"])
    kept = {"id": item["id"], "created": item["created"]}
    metadata = {} if "metadata" in raw else {"metadata": item["metadata"]}
    return {**fresh, **kept, **metadata}


def _period_after(old: Obj, items: list[Obj], given: Obj) -> tuple[bool, int, int]:
    """Does a new period begin? And the period's two ends."""
    before = old["items"]["data"][0]["price"]["recurring"]
    after = terms.recurring_of(items)
    other = any(before[name] != after[name] for name in ("interval", "interval_count"))
    now_words = (given.get("billing_cycle_anchor"), given.get("trial_end"))
    ends_trial = old["status"] == "trialing" and now_words[1] == "now"
    if ("now" in now_words and (now_words[0] == "now" or ends_trial)) or other:
        start = now()
        return True, start, periods.after(start, after)
    trial_end = terms.moment("trial_end", given.get("trial_end"))
    if trial_end is not None and trial_end > now():
        return False, now(), trial_end
    return False, terms.start_of(old), terms.end_of(old)


def _trial_after(new: Obj, given: Obj, start: int) -> Obj:
    end = terms.moment("trial_end", given.get("trial_end"))
    if end is None:
        return new
    if end > now():
        return {**new, "status": "trialing", "trial_end": end, "trial_start": start}
    status = "active" if new["status"] == "trialing" else new["status"]
    return {**new, "status": status, "trial_end": now()}


def _prorations(
    world: World, old: Obj, items: list[Obj], gone: list[Obj], given: Obj, *, restart: bool
) -> list[Obj]:
    """Credits for unused time and, within the same period, the rest of it for what came."""
    if given.get("proration_behavior") == "none" or old["status"] != "active":
        return []
    moves = restart or (given.get("trial_end") not in (None, "", "now"))
    start, end = terms.start_of(old), terms.end_of(old)
    left = periods.part_left(given.get("proration_date", now()), start, end)
    credited = old["items"]["data"] if moves else gone
    made = [subscriptions.period_line(world, old, item, -left, proration=True) for item in credited]
    if not moves:
        before = {item["id"]: item for item in old["items"]["data"]}
        came = [item for item in items if before.get(item["id"]) is not item]
        made += [subscriptions.period_line(world, old, item, left, proration=True) for item in came]
    return [line for line in made if line["amount"]]


def _wait(world: World, subscription: Obj, made: list[Obj]) -> None:
    """Prorations that go on the next invoice become invoice items."""
    for line in made:
        asked = lines.Ask(line["amount"], line["currency"], Fraction(1), None, str(line["amount"]))
        item = invoiceitems.waiting(world, subscription["customer"], asked, line["description"], {})
        item |= {"proration": True, "subscription": subscription["id"]}
        world.tell("invoiceitem.created", item)
        world.put({**item, "discountable": False, "tax_rates": line["tax_rates"]})


def cancel(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """DELETE /v1/subscriptions/{id}. With `prorate` unused time is credited; with `invoice_now`
    metered usage and what waited is billed and collected: a DELETE that can charge."""
    old = subscriptions.alive(world, ids[0])
    asked = {"proration_behavior": "create_prorations" if given.get("prorate") else "none"}
    made = _prorations(world, old, [], old["items"]["data"], asked, restart=True)
    if not given.get("invoice_now"):
        _wait(world, old, made)
        return subscriptions.ended(world, old)
    made += usage.bill(world, old)
    invoice = subscriptions.bill(world, old, made, "subscription_update")
    subscriptions.collect_latest(world, old, invoice)
    return subscriptions.ended(world, world.get("subscription", old["id"]))


def resume(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """A paused subscription goes on: by default with a new period, billed now."""
    old = subscriptions.alive(world, ids[0])
    if old["status"] != "paused":
        raise StripeError(400, f"Only paused subscriptions can be resumed ({old['status']}).")
    if given.get("billing_cycle_anchor") == "unchanged":
        changed = world.put({**old, "status": "active"})
        world.tell("customer.subscription.resumed", changed)
        return changed
    after = subscriptions.next_period(world, old, now(), "subscription_update")
    if after["status"] == "past_due":
        after = world.put({**after, "status": "paused"})
    world.tell("customer.subscription.resumed", after)
    return after


# Items, as a resource of their own.


def create_item(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    subscription = subscriptions.alive(world, given["subscription"])
    known = {item["id"] for item in subscription["items"]["data"]}
    after = update(world, (subscription["id"],), _of_item(given))
    for item in after["items"]["data"]:
        if item["id"] not in known:
            return world.get("subscription_item", item["id"])
    raise errors.missing("price")


def update_item(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = world.get("subscription_item", ids[0])
    update(world, (item["subscription"],), _of_item(given, id=item["id"]))
    return world.get("subscription_item", ids[0])


def delete_item(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = world.get("subscription_item", ids[0])
    update(world, (item["subscription"],), _of_item(given, id=item["id"], deleted="true"))
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def _of_item(given: Obj, **more: str) -> Obj:
    """An item's parameters as those of its subscription's update."""
    about_item = ("price", "plan", "price_data", "quantity", "tax_rates", "metadata")
    raw = {name: given[name] for name in about_item if name in given} | more
    about_all = ("payment_behavior", "proration_behavior", "proration_date")
    return {"items": [raw], **{name: given[name] for name in about_all if name in given}}


def list_items(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    subscription = world.get("subscription", given["subscription"], param="subscription")
    found = reversed(subscription["items"]["data"])
    return lists.page(found, given, "/v1/subscription_items", "subscription_item")


Change = Callable[[World, tuple[str, ...], Obj], Obj]


def of_customer(operation: Change) -> Change:
    """The legacy paths below /v1/customers/{id}: the subscription's id comes second."""

    def run(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
        world.get("customer", ids[0])
        return operation(world, ids[1:], given)

    return run


def create_for_customer(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return subscriptions.create(world, (), {**given, "customer": ids[0]})
