"""PaymentIntents: created, confirmed, paid, declined.

An intent that is created is kept even when its confirmation is declined; the 402 carries it, and it
can be confirmed again. `payer_acts` is what happens away from the API: a payer authenticates, a
bank debit comes through, somebody with the client_secret pays an intent that was only created.
What follows an authorisation (capture, increment, cancel) is in `holds.py`.
"""

from __future__ import annotations

from typing import Any

from bench.sandbox.stripe import errors, methods, params, payments
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.intent_terms import COPIED, INTENT, allow, is_manual
from bench.sandbox.stripe.world import Outcome, World, new_id, now
from bench.sandbox.wire import Obj


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    params.chargeable(given["amount"], given["currency"])
    intent_id = new_id("payment_intent")
    intent: Obj = {
        **INTENT,
        "id": intent_id,
        "client_secret": f"{intent_id}_secret_{new_id('payment_intent')[4:]}",
        "created": now(),
        "livemode": world.livemode,
        **_described(world, given),
        "metadata": params.merged({}, given.get("metadata", {})),
    }
    method_id = _method_given(world, given)
    if method_id is not None:
        intent["payment_method"], intent["status"] = method_id, "requires_confirmation"
    if not given.get("confirm"):
        world.put(intent)
        world.tell("payment_intent.created", intent)
        return intent
    method_id = method_id or _method_of_customer(world, intent)
    world.tell("payment_intent.created", intent)
    return _confirm(world, intent, method_id, given, intent["amount"])


def _described(world: World, given: Obj) -> Obj:
    """The intent's members that parameters set directly."""
    if "customer" in given:
        world.get("customer", given["customer"], param="customer")
    changes = {name: value for name, value in given.items() if name in COPIED}
    if "allowed_payment_method_types" in given:
        changes["payment_method_types"] = given["allowed_payment_method_types"]
    if "automatic_payment_methods" in given:
        wanted = given["automatic_payment_methods"]
        changes["automatic_payment_methods"] = {
            **wanted,
            "enabled": wanted.get("enabled") == "true",
        }
    return changes


def _method_given(world: World, given: Obj) -> str | None:
    token = given.get("payment_method")
    if token:
        return methods.resolve(world, token)
    if given.get("payment_method_data"):
        return str(methods.from_data(world, given["payment_method_data"])["id"])
    if "confirmation_token" in given:
        return methods.resolve(world, "pm_card_visa")
    return None


def _method_of_customer(world: World, intent: Obj) -> str:
    """The customer's default, or Stripe's refusal to confirm nothing."""
    customer = world.find("customer", intent["customer"]) if intent["customer"] else None
    if customer is not None and not customer.get("deleted"):
        default = (
            customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
        )
        if default:
            return str(default)
    raise StripeError(
        400,
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
        "either update the PaymentIntent with a payment method and then confirm it again, or "
        "confirm it again directly with a payment method or ConfirmationToken.",
        code="payment_intent_unexpected_state",
    )


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("payment_intent", ids[0])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    intent = world.get("payment_intent", ids[0])
    if given.keys() - {"metadata", "description", "receipt_email", "expand", "transfer_group"}:
        allow(intent, "updated")
    changed: Obj = {**intent, **_described(world, given)}
    params.chargeable(changed["amount"], changed["currency"])
    if changed["amount"] <= intent["amount_received"]:
        raise errors.invalid("amount: no more than was received", "amount", changed["amount"])
    if "metadata" in given:
        changed["metadata"] = params.merged(intent["metadata"], given["metadata"])
    method_id = _method_given(world, given)
    if method_id is not None:
        changed["payment_method"], changed["status"] = method_id, "requires_confirmation"
    return world.put(changed)


def confirm(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    intent = world.get("payment_intent", ids[0])
    allow(intent, "confirmed")
    left = unpaid(intent)
    amount = params.number(given, "amount_to_confirm", left)
    if amount > left:
        raise errors.invalid("amount: more than the intent's", "amount_to_confirm", amount)
    method_id = _method_given(world, given) or intent["payment_method"]
    method_id = method_id or _method_of_customer(world, intent)
    return _confirm(world, {**intent, **_described(world, given)}, method_id, given, amount)


def _confirm(world: World, intent: Obj, method_id: str, given: Obj, amount: int) -> Obj:
    """Use the payment method; it decides what becomes of the intent."""
    intent = {**intent, "payment_method": method_id, "next_action": None}
    outcome = methods.outcome(world, method_id)
    if outcome.how == "action":
        if not (given.get("off_session") or given.get("error_on_requires_action")):
            return _requires_action(world, intent, given)
        outcome = payments.AUTHENTICATE
    if outcome.how == "processing" and _by_microdeposits(intent):
        return _requires_microdeposits(world, intent)
    return pay(world, intent, outcome, amount)


def _requires_action(world: World, intent: Obj, given: Obj) -> Obj:
    action: Obj = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    if "return_url" in given:
        where = {"return_url": given["return_url"], "url": "https://hooks.stripe.com/3d_secure"}
        action = {"type": "redirect_to_url", "redirect_to_url": where}
    intent = world.put({**intent, "status": "requires_action", "next_action": action})
    world.tell("payment_intent.requires_action", intent)
    return intent


def _by_microdeposits(intent: Obj) -> bool:
    bank = intent["payment_method_options"].get("us_bank_account", {})
    return bool(bank.get("verification_method") == "microdeposits")


def _requires_microdeposits(world: World, intent: Obj) -> Obj:
    details = {"arrival_date": now(), "microdeposit_type": "amounts"}
    action = {"type": "verify_with_microdeposits", "verify_with_microdeposits": details}
    intent = world.put({**intent, "status": "requires_action", "next_action": action})
    world.tell("payment_intent.requires_action", intent)
    return intent


def pay(world: World, intent: Obj, outcome: Outcome, amount: int) -> Obj:
    """Make the charge and move the intent to where it leads. Raises the decline, intent stored."""
    manual = is_manual(intent)
    charge = payments.make_charge(
        world,
        amount,
        intent["currency"],
        method_id=intent["payment_method"],
        outcome=outcome,
        capture=not manual,
        details={
            "application_fee_amount": intent["application_fee_amount"],
            "customer": intent["customer"],
            "description": intent["description"],
            "metadata": intent["metadata"],
            "payment_intent": intent["id"],
        },
        options=intent["payment_method_options"],
    )
    intent = {**intent, "latest_charge": charge["id"], "last_payment_error": None}
    if outcome.how == "decline":
        raise _decline(world, intent, outcome, charge)
    if outcome.how == "processing":
        return _processing(world, intent, charge)
    if manual:
        intent = {**intent, "status": "requires_capture", "amount_capturable": amount}
        world.tell("charge.succeeded", charge)
        world.tell("payment_intent.amount_capturable_updated", intent)
        return world.put(intent)
    if intent["capture_method"] == "automatic":
        charge = world.put(payments.settled(charge))
    return _succeeded(world, intent, charge, intent["amount_received"] + amount)


def unpaid(intent: Obj) -> int:
    """What a customer's cash balance has not paid yet."""
    left: int = intent["amount"] - intent["amount_received"]
    return left


def _succeeded(world: World, intent: Obj, charge: Obj, received: int) -> Obj:
    intent = {
        **intent,
        "status": "succeeded",
        "amount_received": received,
        "amount_capturable": 0,
        "next_action": None,
        "processing": None,
    }
    world.tell("charge.succeeded", charge)
    world.tell("payment_intent.succeeded", intent)
    world.put(intent)
    world.paid(intent)
    return intent


def _processing(world: World, intent: Obj, charge: Obj) -> Obj:
    details = {"type": "us_bank_account"}
    intent = world.put({**intent, "status": "processing", "processing": details})
    world.tell("charge.pending", charge)
    world.tell("payment_intent.processing", intent)
    return intent


def _decline(world: World, intent: Obj, outcome: Outcome, charge: Obj) -> StripeError:
    """The intent lives on without its payment method; the 402 shows it."""
    error = payments.declined(outcome, charge=charge)
    failed: Obj = {
        **intent,
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error.body,
    }
    world.put(failed)
    world.tell("charge.failed", charge)
    world.tell("payment_intent.payment_failed", failed)
    return payments.declined(outcome, charge=charge, intent=failed)


def payer_acts(world: World, intent_id: str, *, succeeds: bool, token: str | None = None) -> Obj:
    """What happens outside the API. token: a payer with the client_secret brings this method."""
    intent = world.get("payment_intent", intent_id)
    if intent["status"] == "processing":
        charge = world.get("charge", intent["latest_charge"])
        charge = payments.settle_pending(world, charge, succeeded=succeeds)
        if succeeds:
            received = intent["amount_received"] + charge["amount"]
            return _succeeded(world, intent, charge, received)
        failed = {"status": "requires_payment_method", "processing": None, "payment_method": None}
        return world.put({**intent, **failed})
    allow(intent, "confirmed")
    method_id: Any = methods.resolve(world, token) if token else intent["payment_method"]
    method_id = method_id or methods.resolve(world, "pm_card_visa")
    outcome = (
        methods.SUCCEEDS if succeeds else Outcome("decline", "card_declined", "generic_decline")
    )
    try:
        return pay(world, {**intent, "payment_method": method_id}, outcome, unpaid(intent))
    except StripeError:
        return world.get("payment_intent", intent_id)
