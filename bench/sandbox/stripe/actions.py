"""What a test does in the name of others: payers, banks, and time. Stripe's part of the door.

POST /_sandbox/payer    {"payment_intent", "succeeds", "payment_method"}: a payer or bank acts
POST /_sandbox/refund   {"refund", "status"}: a refund gets its final status
POST /_sandbox/pay      {"checkout_session" | "payment_link" | "invoice", "payment_method"}: a payer
                        completes a page; `quantities` {"0": 3}, `amount`, `optional` [0],
                        `shipping` 1, `promotion_code` are what the page let the payer choose
POST /_sandbox/advance  {"subscription" | "subscription_schedule" | "invoice"}: time passes; a
                        trial or a period is over, a schedule begins, a draft that advances by
                        itself is finalised and collected
POST /_sandbox/bank     {"payout" | "topup" | "outbound_payment" | "payout_intent" |
                        "inbound_transfer" | "dispute", "status"}: a bank decides
POST /_sandbox/dispute  {"charge", "amount", "reason"}: a payer's bank opens a dispute
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bench.sandbox.standin import Action, Refused
from bench.sandbox.stripe import (
    checkout,
    collection,
    disputes,
    intents,
    methods,
    money_management,
    pages,
    payouts,
    refunds,
    schedules,
    subscriptions,
)  # fmt: skip
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

Worlds = Callable[[], Iterable[World]]
V2: Final = ("outbound_payment", "payout_intent", "inbound_transfer")
SUBJECTS: Final = {
    "payer": ("payment_intent",),
    "refund": ("refund",),
    "pay": ("checkout_session", "payment_link", "invoice"),
    "advance": ("subscription", "subscription_schedule", "invoice"),
    "bank": ("payout", "topup", *V2, "dispute"),
    "dispute": ("charge",),
}
"""Action -> the members of its request that may name what it is about."""


def actions(worlds: Worlds) -> Mapping[tuple[str, str], Action]:
    table: dict[str, Callable[[World, str, Obj], Obj]] = {
        "payer": _payer,
        "refund": _refund,
        "pay": _pay,
        "advance": _advance,
        "bank": _bank,
        "dispute": _dispute,
    }
    return {("POST", name): _action(worlds, name, step) for name, step in table.items()}


def _action(worlds: Worlds, name: str, step: Callable[[World, str, Obj], Obj]) -> Action:
    def run(data: Any) -> Obj:
        about = next((member for member in SUBJECTS[name] if member in data), None)
        if about is None:
            raise ValueError(f"one of {', '.join(SUBJECTS[name])} is needed")
        world = _owner(worlds(), _kind(about), data[about])
        world.idempotency_key = None
        try:
            return step(world, about, data)
        except StripeError as exc:
            raise Refused(exc.status, str(exc)) from None

    return run


def _kind(about: str) -> str:
    if about in V2:
        return money_management.kind_of(about)
    return "checkout.session" if about == "checkout_session" else about


def _owner(worlds: Iterable[World], kind: str, object_id: str) -> World:
    for world in worlds:
        if world.find(kind, object_id) is not None:
            return world
    raise KeyError(object_id)


def _payer(world: World, about: str, data: Obj) -> Obj:
    return intents.payer_acts(
        world,
        data[about],
        succeeds=data.get("succeeds", True),
        token=data.get("payment_method"),
    )


def _refund(world: World, about: str, data: Obj) -> Obj:
    return refunds.end(world, data[about], data["status"])


def _pay(world: World, about: str, data: Obj) -> Obj:
    token = data.get("payment_method", "pm_card_visa")
    if about == "invoice":
        return collection.collect(world, data[about], methods.resolve(world, token))
    choices = pages.Choices(
        {int(line): quantity for line, quantity in data.get("quantities", {}).items()},
        data.get("amount"),
        tuple(data.get("optional", ())),
        data.get("shipping", 0),
        data.get("promotion_code"),
    )
    if about == "checkout_session":
        return checkout.pay(world, data[about], choices, token)
    session = checkout.visit(world, data[about])
    session = checkout.pay(world, session["id"], choices, token)
    checkout.visited(world, data[about])
    return session


def _advance(world: World, about: str, data: Obj) -> Obj:
    if about == "subscription":
        return subscriptions.renew(world, data[about])
    if about == "subscription_schedule":
        return schedules.advance(world, data[about])
    invoice = world.get("invoice", data[about])
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        invoice = collection.close(world, invoice)
    if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        collection.try_collect(world, invoice["id"])
    return world.get("invoice", data[about])


def _bank(world: World, about: str, data: Obj) -> Obj:
    if about == "payout":
        return payouts.end(world, data[about], data["status"])
    if about == "topup":
        return payouts.end_top_up(world, data[about], data["status"])
    if about == "dispute":
        return disputes.end(world, data[about], data["status"])
    return money_management.end(world, about, data[about], data["status"])


def _dispute(world: World, about: str, data: Obj) -> Obj:
    return disputes.open_on(world, data[about], data.get("amount"), data.get("reason", "general"))
