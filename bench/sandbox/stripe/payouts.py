"""Payouts to the merchant's own bank or card, and top-ups from it.

A payout leaves the balance when it is created (`World.pay_out`) and is `pending` until the bank
acts: `end` is what a test says for the bank. One that is canceled, fails or is reversed comes back
(`World.take_in`), even after it was `paid`. A top-up is the other way round.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import lists, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

CREATE: Final = params.spec(
    "payout_method",
    amount=params.positive,
    currency=params.currency,
    description=params.clearable,
    destination=params.text,
    method=params.one_of("standard", "instant"),
    source_type=params.one_of("bank_account", "card", "fpx"),
    statement_descriptor=params.clearable,
)
TOP_UP: Final = params.spec(
    "payment_method_options",
    amount=params.positive,
    currency=params.currency,
    description=params.clearable,
    payment_method=params.text,
    source=params.text,
    statement_descriptor=params.clearable,
    transfer_group=params.text,
)
UPDATE: Final = params.spec()
UPDATE_TOP_UP: Final = params.spec(description=params.clearable)
WHOLE_HUNDREDS: Final = frozenset({"huf", "twd"})
"""Currencies that are paid out in whole units only (docs.stripe.com/currencies)."""
PAYOUT_ENDS: Final = {
    "pending": ("in_transit", "paid", "failed", "canceled"),
    "in_transit": ("paid", "failed"),
    "paid": ("failed",),
}
TOP_UP_ENDS: Final = {
    "pending": ("succeeded", "failed", "canceled"),
    "succeeded": ("reversed",),
}
BACK: Final = ("failed", "canceled", "reversed")


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    code, amount = given["currency"], given["amount"]
    if code in WHOLE_HUNDREDS and amount % 100:
        raise StripeError(
            400, f"Payouts in {code} must be evenly divisible by 100.", param="amount"
        )
    payout = _payout(world, given, amount)
    world.pay_out("payout", payout, amount)
    world.tell("payout.created", payout)
    return world.put(payout)


def _payout(world: World, given: Obj, amount: int) -> Obj:
    payout_id = new_id("payout")
    return {
        "id": payout_id,
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": now(),
        "automatic": False,
        "balance_transaction": f"txn_1{payout_id.removeprefix('po_1')}",
        "created": now(),
        "currency": given["currency"],
        "description": given.get("description"),
        "destination": given.get("destination", "ba_1SandboxBankAccount"),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})),
        "method": given.get("method", "standard"),
        "original_payout": None,
        "payout_method": given.get("payout_method"),
        "reconciliation_status": "not_applicable",
        "reversed_by": None,
        "source_type": given.get("source_type", "card"),
        "statement_descriptor": given.get("statement_descriptor"),
        "status": "pending",
        "trace_id": None,
        "type": "card" if str(given.get("destination")).startswith("card_") else "bank_account",
    }


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("payout", ids[0])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    payout = world.get("payout", ids[0])
    changed = {**payout, **lists.described(payout, given)}
    world.tell("payout.updated", changed)
    return world.put(changed)


def cancel(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    payout = world.get("payout", ids[0])
    if payout["status"] != "pending":
        raise StripeError(400, f"Payout {payout['id']} cannot be canceled: {payout['status']}.")
    return end(world, payout["id"], "canceled")


def reverse(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """The bank account is debited: a second payout, of the negative amount."""
    payout = world.get("payout", ids[0])
    if payout["status"] != "paid" or payout["reversed_by"] is not None:
        raise StripeError(400, f"Payout {payout['id']} cannot be reversed.")
    back = _payout(world, {**payout, **given}, -payout["amount"])
    back["original_payout"] = payout["id"]
    world.put({**payout, "reversed_by": back["id"]})
    world.take_in("payout_reversal", back, payout["amount"])
    world.tell("payout.created", back)
    return world.put(back)


def end(world: World, payout_id: str, status: str) -> Obj:
    """The bank acts. Raises StripeError for a step that no payout takes."""
    payout = world.get("payout", payout_id)
    if status not in PAYOUT_ENDS.get(payout["status"], ()):
        raise StripeError(400, f"A payout does not go from {payout['status']} to {status}.")
    changed: Obj = {**payout, "status": status}
    if status == "failed":
        changed["failure_code"] = "account_closed"
        changed["failure_message"] = "The bank account has been closed."
    if status in BACK:
        world.take_in("payout_returned", payout, payout["amount"])
    world.tell(f"payout.{'updated' if status == 'in_transit' else status}", changed)
    return world.put(changed)


# Top-ups.


def top_up(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    topup_id = new_id("topup")
    topup: Obj = {
        "id": topup_id,
        "object": "topup",
        "amount": given["amount"],
        "balance_transaction": None,
        "created": now(),
        "currency": given["currency"],
        "description": given.get("description"),
        "expected_availability_date": now(),
        "failure_code": None,
        "failure_message": None,
        "initiated_by": "user",
        "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})),
        "payment_method": given.get("payment_method"),
        "source": None,
        "statement_descriptor": given.get("statement_descriptor"),
        "status": "pending",
        "transfer_group": given.get("transfer_group"),
    }
    world.take_in("topup", topup, topup["amount"])
    world.tell("topup.created", topup)
    return world.put(topup)


def retrieve_top_up(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("topup", ids[0])


def update_top_up(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    topup = world.get("topup", ids[0])
    return world.put({**topup, **lists.described(topup, given, ("description",))})


def cancel_top_up(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    topup = world.get("topup", ids[0])
    if topup["status"] != "pending":
        raise StripeError(400, f"Topup {topup['id']} cannot be canceled: {topup['status']}.")
    return end_top_up(world, topup["id"], "canceled")


def end_top_up(world: World, topup_id: str, status: str) -> Obj:
    topup = world.get("topup", topup_id)
    if status not in TOP_UP_ENDS.get(topup["status"], ()):
        raise StripeError(400, f"A top-up does not go from {topup['status']} to {status}.")
    if status in BACK:
        world.pay_out("topup_returned", topup, topup["amount"])
    changed = {**topup, "status": status}
    world.tell(f"topup.{status}", changed)
    return world.put(changed)
