"""Application fees: what a platform keeps of a charge, and gives back.

A fee is collected when a charge with `application_fee_amount` moves money. Giving it back is money
that leaves the platform (`World.pay_out`); without an amount it is all that is left.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import lists, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

REFUND: Final = params.spec(amount=params.positive)


def collect(world: World, charge: Obj) -> Obj:
    """The charge with its fee, if it has one that was not collected yet."""
    amount = charge["application_fee_amount"]
    if not amount or charge["application_fee"] is not None:
        return charge
    fee_id = new_id("application_fee")
    fee = world.put(
        {
            "id": fee_id,
            "object": "application_fee",
            "account": charge["on_behalf_of"] or "acct_1SandboxConnected",
            "amount": min(amount, charge["amount"]),
            "amount_refunded": 0,
            "application": "ca_Sandbox",
            "balance_transaction": None,
            "charge": charge["id"],
            "created": now(),
            "currency": charge["currency"],
            "livemode": world.livemode,
            "originating_transaction": None,
            "refunded": False,
            "refunds": lists.fresh(f"/v1/application_fees/{fee_id}/refunds"),
        }
    )
    world.tell("application_fee.created", fee)
    return {**charge, "application_fee": fee_id}


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("application_fee", ids[0])


def refund(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    fee = world.get("application_fee", ids[0])
    left = fee["amount"] - fee["amount_refunded"]
    amount: int = given.get("amount", left)
    if left == 0 or amount > left:
        raise StripeError(
            400,
            f"Refund amount ({amount}) is greater than unrefunded amount on fee ({left}).",
            param="amount",
        )
    item: Obj = {
        "id": new_id("fee_refund"),
        "object": "fee_refund",
        "amount": amount,
        "balance_transaction": None,
        "created": now(),
        "currency": fee["currency"],
        "fee": fee["id"],
        "metadata": params.merged({}, given.get("metadata", {})),
    }
    world.put(item)
    world.pay_out("fee_refund", item, amount)
    total = fee["amount_refunded"] + amount
    refunds = {**fee["refunds"], "data": [item, *fee["refunds"]["data"]]}
    whole = total == fee["amount"]
    changed = {**fee, "amount_refunded": total, "refunded": whole, "refunds": refunds}
    world.put(changed)
    world.tell("application_fee.refunded", changed)
    return item


def refund_whole(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/application_fees/{id}/refund: the legacy name, answers with the fee."""
    refund(world, ids, given)
    return world.get("application_fee", ids[0])


def list_refunds(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    fee = world.get("application_fee", ids[0])
    found = (item for item in world.newest_first("fee_refund") if item["fee"] == fee["id"])
    return lists.page(found, given, f"/v1/application_fees/{ids[0]}/refunds", "fee_refund")


def retrieve_refund(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    world.get("application_fee", ids[0])
    return world.get("fee_refund", ids[1])


def update_refund(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = retrieve_refund(world, ids, given)
    return world.put({**item, **lists.described(item, given)})
