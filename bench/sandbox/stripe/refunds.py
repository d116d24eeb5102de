"""Refunds, their legacy twins under `/v1/charges/{id}`, and what becomes of them later.

A refund of an uncaptured charge frees its hold and moves no money, and neither does one that fails
at once. `World.pay_back` counts refunds that did move money, gross: a refund that later fails stays
counted and is shown as failed.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import methods, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

CREATE: Final[params.Spec] = {
    "amount": params.positive,
    "charge": params.text,
    "currency": params.currency,
    "customer": params.text,
    "expand": params.array,
    "instructions_email": params.text,
    "metadata": params.metadata,
    "origin": params.one_of("customer_balance"),
    "payment_intent": params.text,
    "reason": params.one_of("duplicate", "fraudulent", "requested_by_customer"),
    "refund_application_fee": params.boolean,
    "reverse_transfer": params.boolean,
}
UPDATE: Final[params.Spec] = {"expand": params.array, "metadata": params.metadata}
PLAIN: Final[params.Spec] = {"expand": params.array}
UNDONE: Final = ("failed", "canceled")


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    if given.get("origin") == "customer_balance":
        return _of_cash_balance(world, given)
    if "charge" in given:
        charge = world.get("charge", given["charge"], param="charge")
    elif "payment_intent" in given:
        intent = world.get("payment_intent", given["payment_intent"], param="payment_intent")
        if intent["latest_charge"] is None:
            raise _uncharged(intent["id"])
        charge = world.get("charge", intent["latest_charge"])
    else:
        raise StripeError(
            400,
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
        )
    return refund_charge(world, charge, given)


def of_charge(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/charges/{id}/refunds: the same under another name."""
    return refund_charge(world, world.get("charge", ids[0]), given)


def whole_charge(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/charges/{id}/refund: as above, answers with the charge."""
    of_charge(world, ids, given)
    return world.get("charge", ids[0])


def _uncharged(object_id: str) -> StripeError:
    return StripeError(
        400, f"This PaymentIntent ({object_id}) does not have a successful charge to refund."
    )


def refund_charge(world: World, charge: Obj, given: Obj) -> Obj:
    if charge["status"] == "failed":
        raise _uncharged(charge["id"])
    base = charge["amount_captured"] if charge["captured"] else charge["amount"]
    left = base - charge["amount_refunded"]
    amount = given.get("amount", left)
    _check(charge, amount, left)
    status = "succeeded"
    if charge["payment_method"] is not None:
        status = methods.outcome(world, charge["payment_method"]).refund
    refund = _make(world, charge, amount, status, given)
    if charge["captured"] and status != "failed":
        world.pay_back(refund, amount)
    returned = charge["amount_refunded"] + (0 if status == "failed" else amount)
    charge = world.put({**charge, "amount_refunded": returned, "refunded": returned == base})
    world.tell("charge.refunded", charge)
    return refund


def _check(charge: Obj, amount: int, left: int) -> None:
    if charge["refunded"] or left == 0:
        raise StripeError(
            400,
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
        )
    if amount > left:
        code = charge["currency"]
        raise StripeError(
            400,
            f"Refund amount ({params.shown(amount, code)} {code}) is greater than unrefunded "
            f"amount on charge ({params.shown(left, code)} {code})",
            param="amount",
        )
    if not charge["captured"] and amount != left:
        raise StripeError(
            400, "Charges that are not captured can only be refunded in full.", param="amount"
        )


def _make(world: World, charge: Obj, amount: int, status: str, given: Obj) -> Obj:
    refund_id = new_id("refund")
    moved = charge["captured"] and status == "succeeded"
    refund: Obj = {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": f"txn_3{refund_id.removeprefix('re_3')}" if moved else None,
        "charge": charge["id"],
        "created": now(),
        "currency": charge["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": params.merged({}, given.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    if status == "failed":
        refund["failure_reason"] = "declined"
    world.tell("refund.created", refund)
    return world.put(refund)


def _of_cash_balance(world: World, given: Obj) -> Obj:
    for name in ("customer", "currency", "amount"):
        if name not in given:
            raise StripeError(
                400, f"Missing required param: {name}.", code="parameter_missing", param=name
            )
    customer = world.get("customer", given["customer"], param="customer")
    code, amount = given["currency"], given["amount"]
    funds = (customer["cash_balance"] or {"available": {}})["available"]
    if funds.get(code, 0) < amount:
        raise StripeError(400, "The customer's cash balance is too low.", param="amount")
    available = {**funds, code: funds[code] - amount}
    world.put({**customer, "cash_balance": {"object": "cash_balance", "available": available}})
    source = {"id": None, "captured": True, "currency": code, "payment_intent": None}
    refund = _make(world, source, amount, "succeeded", given)
    world.pay_back(refund, amount)
    return refund


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("refund", ids[-1])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    refund = world.get("refund", ids[-1])
    if "metadata" not in given:
        return refund
    changed = {**refund, "metadata": params.merged(refund["metadata"], given["metadata"])}
    world.tell("refund.updated", changed)
    return world.put(changed)


def cancel(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    refund = world.get("refund", ids[0])
    if refund["status"] not in ("requires_action", "pending"):
        raise StripeError(
            400, f"This refund has a status of {refund['status']} and cannot be canceled."
        )
    return end(world, refund["id"], "canceled")


def end(world: World, refund_id: str, status: str) -> Obj:
    """A refund gets its final status; one that fails or is canceled is unrefunded at its charge."""
    refund = world.get("refund", refund_id)
    if refund["status"] in UNDONE:
        raise StripeError(400, f"This refund is {refund['status']} for good.")
    if status in UNDONE and refund["charge"] is not None:
        charge = world.get("charge", refund["charge"])
        returned = charge["amount_refunded"] - refund["amount"]
        world.put({**charge, "amount_refunded": returned, "refunded": False})
    changed = {**refund, "status": status}
    world.tell("refund.failed" if status == "failed" else "refund.updated", changed)
    return world.put(changed)
