"""Disputes: a payer's bank asks for the money back. Only a test can open one.

Closing gives the disputed amount up for good: that is when it counts as money that left
(`World.pay_out`). A dispute that is won costs nothing.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import errors, lists, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

UPDATE: Final = params.spec(
    "intended_submission_method", evidence=params.mapping, submit=params.boolean
)
OPEN: Final = ("needs_response", "under_review", "warning_needs_response")
DAY_S: Final = 86_400


def open_on(world: World, charge_id: str, amount: int | None, reason: str) -> Obj:
    """A bank opens a dispute on (part of) a charge."""
    charge = world.get("charge", charge_id)
    if not charge["amount_captured"] or charge["disputed"]:
        raise StripeError(400, f"Charge {charge_id} cannot be disputed.")
    amount = charge["amount_captured"] if amount is None else amount
    dispute: Obj = {
        "id": new_id("dispute"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge_id,
        "created": now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": now() + 7 * DAY_S,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": world.livemode,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    world.put({**charge, "disputed": True})
    world.tell("charge.dispute.created", dispute)
    return world.put(dispute)


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("dispute", ids[0])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    dispute = world.get("dispute", ids[0])
    _check_open(dispute)
    details = dict(dispute["evidence_details"])
    changed: Obj = {**dispute, **lists.described(dispute, given)}
    if given.get("evidence"):
        changed["evidence"] = {**dispute["evidence"], **given["evidence"]}
        details["has_evidence"] = True
        if given.get("submit", True):
            changed["status"] = "under_review"
            details["submission_count"] += 1
    changed["evidence_details"] = details
    world.tell("charge.dispute.updated", changed)
    return world.put(changed)


def close(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return end(world, ids[0], "lost")


def close_of_charge(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/charges/{id}/dispute/close: the legacy name."""
    return close(world, (_of_charge(world, ids[0])["id"],), given)


def update_of_charge(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return update(world, (_of_charge(world, ids[0])["id"],), given)


def retrieve_of_charge(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return _of_charge(world, ids[0])


def _of_charge(world: World, charge_id: str) -> Obj:
    world.get("charge", charge_id)
    for dispute in world.newest_first("dispute"):
        if dispute["charge"] == charge_id:
            return dispute
    raise errors.no_such("dispute", charge_id)


def end(world: World, dispute_id: str, status: str) -> Obj:
    """status: won or lost."""
    dispute = world.get("dispute", dispute_id)
    _check_open(dispute)
    if status not in ("won", "lost"):
        raise StripeError(400, f"A dispute does not end as {status}.")
    if status == "lost":
        world.pay_out("dispute", dispute, dispute["amount"])
    changed = {**dispute, "status": status}
    world.tell("charge.dispute.closed", changed)
    return world.put(changed)


def _check_open(dispute: Obj) -> None:
    if dispute["status"] not in OPEN:
        raise StripeError(400, f"This dispute is already closed ({dispute['status']}).")
