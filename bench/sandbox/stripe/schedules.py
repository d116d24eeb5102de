"""Subscription schedules: phases of a subscription to come, the first of which may begin now.

A schedule whose first phase begins now creates its subscription, and so charges, inside the
request. One that begins later does so when a test says that time has passed (`advance`).
"""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.form import listed
from bench.sandbox.stripe import (
    errors,
    lists,
    params,
    subscription_changes,
    subscriptions,
)  # fmt: skip
from bench.sandbox.stripe import subscription_terms as terms
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

CREATE: Final = params.spec(
    "billing_mode customer_account pause_schedules",
    customer=params.text,
    default_settings=params.mapping,
    end_behavior=params.one_of("cancel", "release", "none", "renew"),
    from_subscription=params.text,
    phases=params.maps,
    start_date=params.any_value,
)
UPDATE: Final = params.spec(
    "pause_schedules",
    default_settings=params.mapping,
    end_behavior=params.one_of("cancel", "release", "none", "renew"),
    phases=params.maps,
    proration_behavior=terms.PRORATION,
)
CANCEL: Final = params.spec(invoice_now=params.boolean, prorate=params.boolean)
RELEASE: Final = params.spec(preserve_cancel_date=params.boolean)
OF_PHASE: Final = params.words(
    "items add_invoice_items automatic_tax collection_method currency default_payment_method "
    "default_tax_rates discounts trial_end proration_behavior transfer_data"
)
OPEN: Final = ("not_started", "active")


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    schedule = _fresh(world, given)
    if "from_subscription" in given:
        subscription = subscriptions.alive(world, given["from_subscription"])
        schedule |= {
            "customer": subscription["customer"],
            "status": "active",
            "subscription": subscription["id"],
        }
        world.put({**subscription, "schedule": schedule["id"]})
    else:
        schedule["customer"] = world.get("customer", given.get("customer", ""), param="customer")[
            "id"
        ]
        if not schedule["phases"]:
            raise errors.missing("phases")
        start = terms.moment("start_date", given.get("start_date", "now"))
        if start is None or start <= now():
            schedule = _start(world, schedule)
    world.tell("subscription_schedule.created", schedule)
    return world.put(schedule)


def _fresh(world: World, given: Obj) -> Obj:
    return {
        "id": new_id("subscription_schedule"),
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"type": "classic"},
        "canceled_at": None,
        "completed_at": None,
        "created": now(),
        "current_phase": None,
        "customer": None,
        "default_settings": given.get("default_settings", {}),
        "end_behavior": given.get("end_behavior", "release"),
        "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})),
        "phases": given.get("phases", []),
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": None,
        "test_clock": None,
    }


def _start(world: World, schedule: Obj) -> Obj:
    """The first phase begins: a subscription is created, and billed."""
    asked = phase(schedule["phases"][0], schedule["default_settings"])
    read = {**params.read(asked, terms.CREATE), "customer": schedule["customer"]}
    made = subscriptions.create(world, (), read)
    world.put({**made, "schedule": schedule["id"]})
    items = made["items"]["data"][0]
    current = {
        "start_date": items["current_period_start"],
        "end_date": items["current_period_end"],
    }
    return {
        **schedule,
        "current_phase": current,
        "phases": schedule["phases"],
        "status": "active",
        "subscription": made["id"],
    }


def phase(raw: Obj, settings: Obj) -> Obj:
    """A phase as raw parameters of its subscription."""
    named = ("collection_method", "default_payment_method", "automatic_tax")
    asked: dict[str, Any] = {name: settings[name] for name in named if name in settings}
    asked.update({name: raw[name] for name in OF_PHASE if name in raw})
    if raw.get("trial") == "true" and "end_date" in raw:
        asked["trial_end"] = raw["end_date"]
    return asked


def details_of(schedule_details: Obj) -> Obj:
    """`schedule_details` of a preview: its first phase."""
    phases = params.maps("phases", listed(schedule_details.get("phases", [])))
    return phase(phases[0], {}) if phases else {}


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("subscription_schedule", ids[0])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """New phases; the current one is applied to the subscription at once, with its prorations."""
    schedule = _open(world, ids[0])
    names = ("default_settings", "end_behavior", "phases")
    changed: Obj = {**schedule, **lists.described(schedule, given, names)}
    if given.get("phases") and schedule["subscription"] is not None:
        asked = phase(given["phases"][0], {})
        asked["items"] = _replacing(world, schedule["subscription"], asked.get("items", []))
        asked.pop("currency", None)
        read = params.read(asked, terms.UPDATE)
        read.setdefault("proration_behavior", given.get("proration_behavior", "create_prorations"))
        subscription_changes.update(world, (schedule["subscription"],), read)
    world.tell("subscription_schedule.updated", changed)
    return world.put(changed)


def _replacing(world: World, subscription_id: str, wanted: Any) -> list[Obj]:
    """A phase's items instead of those that are: the same price keeps its item."""
    present = list(world.get("subscription", subscription_id)["items"]["data"])
    asked: list[Obj] = []
    for raw in params.maps("items", listed(wanted)):
        same = next((i for i in present if i["price"]["id"] == raw.get("price")), None)
        if same is not None:
            present.remove(same)
        if same is None or str(same["quantity"]) != raw.get("quantity", "1"):
            asked.append({**raw, **({"id": same["id"]} if same else {})})
    return asked + [{"id": item["id"], "deleted": "true"} for item in present]


def cancel(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    schedule = _open(world, ids[0])
    if schedule["subscription"] is not None:
        asked = {
            "invoice_now": given.get("invoice_now", True),
            "prorate": given.get("prorate", True),
        }
        subscription_changes.cancel(world, (schedule["subscription"],), asked)
    changed = world.put({**schedule, "status": "canceled", "canceled_at": now()})
    world.tell("subscription_schedule.canceled", changed)
    return changed


def release(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    schedule = _open(world, ids[0])
    changed: Obj = {
        **schedule,
        "status": "released",
        "released_at": now(),
        "released_subscription": schedule["subscription"],
        "subscription": None,
    }
    world.tell("subscription_schedule.released", changed)
    return world.put(changed)


def advance(world: World, schedule_id: str) -> Obj:
    """Time passes: a schedule that waited begins."""
    schedule = _open(world, schedule_id)
    if schedule["status"] == "not_started":
        return world.put(_start(world, schedule))
    subscriptions.renew(world, schedule["subscription"])
    return world.get("subscription_schedule", schedule_id)


def _open(world: World, schedule_id: str) -> Obj:
    schedule = world.get("subscription_schedule", schedule_id)
    if schedule["status"] not in OPEN:
        raise StripeError(400, f"This schedule is {schedule['status']} and cannot be changed.")
    return schedule
