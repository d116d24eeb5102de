"""PaymentIntents once authorised: capture, increment, cancel; and two odd ways to pay.

Captures may exceed the amount or come in parts when the intent asked for that; what was never
captured is freed and no money moves.
"""

from __future__ import annotations

from bench.sandbox.stripe import errors, intents, methods, params, payments
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.intent_terms import allow
from bench.sandbox.stripe.world import World, now
from bench.sandbox.wire import Obj


def capture(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    intent = world.get("payment_intent", ids[0])
    allow(intent, "captured")
    charge = world.get("charge", intent["latest_charge"])
    amount = params.number(given, "amount_to_capture", intent["amount_capturable"])
    final: bool = given.get("final_capture", True)
    _check_capture(intent, charge, amount, final)
    charge = payments.capture_charge(world, charge, amount, final=final)
    received = intent["amount_received"] + amount
    left = max(0, intent["amount_capturable"] - amount)
    changed: Obj = {
        **intent,
        "amount_received": received,
        "amount_capturable": 0 if final else left,
    }
    if "metadata" in given:
        changed["metadata"] = params.merged(intent["metadata"], given["metadata"])
    world.tell("charge.captured", charge)
    if not final and left:
        world.tell("payment_intent.amount_capturable_updated", changed)
        return world.put(changed)
    changed["status"] = "succeeded"
    world.tell("payment_intent.succeeded", changed)
    return world.put(changed)


def _check_capture(intent: Obj, charge: Obj, amount: int, final: bool) -> None:
    card: Obj = charge["payment_method_details"].get("card", {})
    most = intent["amount_capturable"]
    if card.get("overcapture", {}).get("status") == "available" and not charge["amount_captured"]:
        most = max(most, card["overcapture"]["maximum_amount_capturable"])
    if amount > most:
        raise StripeError(
            400,
            f"The provided amount exceeds the amount available to capture for "
            f"PaymentIntent {intent['id']}. Remaining: {most}.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    if not final and card.get("multicapture", {}).get("status") != "available":
        raise StripeError(
            400,
            "This PaymentIntent does not support multiple partial captures. Set "
            "`payment_method_options[card][request_multicapture]` to `if_available`.",
            param="final_capture",
        )


def increment(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """amount is the new total. A payment method that declines leaves the old one."""
    intent = world.get("payment_intent", ids[0])
    allow(intent, "incremented")
    charge = world.get("charge", intent["latest_charge"])
    card: Obj = charge["payment_method_details"].get("card", {})
    if card.get("incremental_authorization", {}).get("status") != "available":
        raise StripeError(
            400,
            "This PaymentIntent does not support incremental authorization. Set "
            "`payment_method_options[card][request_incremental_authorization]` to `if_available`.",
        )
    amount = given["amount"]
    if amount <= intent["amount"]:
        raise errors.invalid("amount: must be greater than the current amount", "amount", amount)
    params.chargeable(amount, intent["currency"])
    details = {**charge["payment_method_details"], "card": {**card, "amount_authorized": amount}}
    world.put({**charge, "amount": amount, "payment_method_details": details})
    changed: Obj = {**intent, "amount": amount, "amount_capturable": amount}
    if "metadata" in given:
        changed["metadata"] = params.merged(intent["metadata"], given["metadata"])
    world.tell("payment_intent.amount_capturable_updated", changed)
    return world.put(changed)


def cancel(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Frees a hold: the charge shows the uncaptured rest as refunded, no money moves."""
    intent = world.get("payment_intent", ids[0])
    allow(intent, "canceled")
    charge = world.find("charge", intent["latest_charge"]) if intent["latest_charge"] else None
    if charge is not None and charge["status"] != "failed":
        freed = charge["amount"] - charge["amount_captured"]
        whole = charge["amount_captured"] == 0
        world.put({**charge, "amount_refunded": freed, "refunded": whole})
    changed: Obj = {
        **intent,
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": now(),
        "cancellation_reason": given.get("cancellation_reason"),
        "next_action": None,
        "processing": None,
    }
    world.tell("payment_intent.canceled", changed)
    return world.put(changed)


def apply_customer_balance(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Move the customer's cash balance onto the intent; succeeded once it is paid in full."""
    intent = world.get("payment_intent", ids[0])
    allow(intent, "paid with a customer balance")
    if intent["customer"] is None:
        raise StripeError(400, "This PaymentIntent has no customer.", param="customer")
    customer = world.get("customer", intent["customer"], param="customer")
    code = intent["currency"]
    owed = intent["amount"] - intent["amount_received"]
    funds = (customer["cash_balance"] or {"available": {}})["available"]
    amount = given.get("amount", min(owed, funds.get(code, 0)))
    if amount > owed or amount > funds.get(code, 0) or amount < 1:
        raise StripeError(
            400, "The customer's cash balance does not cover this amount.", param="amount"
        )
    available = {**funds, code: funds[code] - amount}
    world.put({**customer, "cash_balance": {"object": "cash_balance", "available": available}})
    world.charge_payer(intent, amount)
    changed: Obj = {**intent, "amount_received": intent["amount_received"] + amount}
    if changed["amount_received"] == intent["amount"]:
        changed["status"] = "succeeded"
        world.tell("payment_intent.succeeded", changed)
    return world.put(changed)


def verify_microdeposits(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """The test amounts are 32 and 45, the test code is SM11AA (docs.stripe.com/testing)."""
    intent = world.get("payment_intent", ids[0])
    allow(intent, "verified")
    if (intent["next_action"] or {}).get("type") != "verify_with_microdeposits":
        raise StripeError(400, "This PaymentIntent does not await microdeposits.")
    if given.get("amounts") != ["32", "45"] and given.get("descriptor_code") != "SM11AA":
        raise StripeError(
            400,
            "The amounts provided do not match the amounts that were sent to the bank account.",
            code="payment_method_microdeposit_verification_amounts_mismatch",
        )
    outcome = methods.outcome(world, intent["payment_method"])
    return intents.pay(world, {**intent, "next_action": None}, outcome, intents.unpaid(intent))
