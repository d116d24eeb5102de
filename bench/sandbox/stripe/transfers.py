"""Transfers to connected accounts, and their reversals.

A transfer has no status: once created, the money has left (`World.pay_out`). A reversal brings part
or all of it back (`World.take_in`); without an amount it is all that was not reversed yet.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import errors, lists, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

CREATE: Final = params.spec(
    amount=params.positive,
    currency=params.currency,
    description=params.clearable,
    destination=params.text,
    source_transaction=params.text,
    source_type=params.one_of("bank_account", "card", "fpx"),
    transfer_group=params.text,
)
UPDATE: Final = params.spec(description=params.clearable)
REVERSE: Final = params.spec(
    amount=params.positive,
    description=params.clearable,
    refund_application_fee=params.boolean,
)


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    if not given["destination"].startswith("acct_"):
        raise errors.no_such("destination", given["destination"], "destination", 400)
    transfer_id = new_id("transfer")
    transfer: Obj = {
        "id": transfer_id,
        "object": "transfer",
        "amount": _amount(world, given),
        "amount_reversed": 0,
        "balance_transaction": f"txn_1{transfer_id.removeprefix('tr_1')}",
        "created": now(),
        "currency": given["currency"],
        "description": given.get("description"),
        "destination": given["destination"],
        "destination_payment": f"py_1{transfer_id.removeprefix('tr_1')}",
        "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})),
        "reversals": lists.fresh(f"/v1/transfers/{transfer_id}/reversals"),
        "reversed": False,
        "source_transaction": given.get("source_transaction"),
        "source_type": given.get("source_type", "card"),
        "transfer_group": given.get("transfer_group"),
    }
    world.pay_out("transfer", transfer, transfer["amount"])
    world.tell("transfer.created", transfer)
    return world.put(transfer)


def _amount(world: World, given: Obj) -> int:
    """As given, else all of the charge that the money comes from."""
    source = given.get("source_transaction")
    if source is None:
        if "amount" not in given:
            raise errors.missing("amount")
        return int(given["amount"])
    charge = world.get("charge", source, param="source_transaction")
    most: int = charge["amount_captured"]
    amount: int = given.get("amount", most)
    if charge["currency"] != given["currency"] or amount > most:
        raise StripeError(
            400,
            "The currency or the amount of source_transaction's balance transaction does not "
            "cover this transfer.",
            param="source_transaction",
        )
    return amount


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("transfer", ids[0])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    transfer = world.get("transfer", ids[0])
    changed = {**transfer, **lists.described(transfer, given, ("description",))}
    world.tell("transfer.updated", changed)
    return world.put(changed)


def reverse(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    transfer = world.get("transfer", ids[0])
    left = transfer["amount"] - transfer["amount_reversed"]
    amount: int = given.get("amount", left)
    if left == 0 or amount > left:
        raise StripeError(
            400,
            f"Reversal amount ({amount}) is greater than the unreversed amount on the transfer "
            f"({left}).",
            param="amount",
        )
    reversal: Obj = {
        "id": new_id("transfer_reversal"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "created": now(),
        "currency": transfer["currency"],
        "destination_payment_refund": None,
        "metadata": params.merged({}, given.get("metadata", {})),
        "source_refund": None,
        "transfer": transfer["id"],
    }
    world.put(reversal)
    world.take_in("transfer_reversal", reversal, amount)
    total = transfer["amount_reversed"] + amount
    reversals = {
        **transfer["reversals"],
        "data": [reversal, *transfer["reversals"]["data"]],
    }
    changed = {
        **transfer,
        "amount_reversed": total,
        "reversed": total == transfer["amount"],
        "reversals": reversals,
    }
    world.put(changed)
    world.tell("transfer.reversed", changed)
    return reversal


def list_reversals(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    transfer = world.get("transfer", ids[0])
    found = (
        item
        for item in world.newest_first("transfer_reversal")
        if item["transfer"] == transfer["id"]
    )
    return lists.page(found, given, f"/v1/transfers/{ids[0]}/reversals", "transfer_reversal")


def retrieve_reversal(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    world.get("transfer", ids[0])
    return world.get("transfer_reversal", ids[1])


def update_reversal(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    reversal = retrieve_reversal(world, ids, given)
    return world.put({**reversal, **lists.described(reversal, given)})
