"""PaymentIntents: the whole life, from requires_payment_method to succeeded or canceled.

STATES says which operation is allowed in which status. An intent that is created is kept even when
its confirmation is declined; the 402 carries it, and it can be confirmed again. `payer_acts` is
what happens away from the API: a payer authenticates, a bank debit comes through, somebody with
the client_secret pays an intent that was only created.
"""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.stripe import errors, methods, params, payments
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import Outcome, World, new_id, now
from bench.sandbox.wire import Obj

OPEN: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
STATES: Final = {
    "confirmed": OPEN,
    "updated": OPEN,
    "captured": ("requires_capture",),
    "incremented": ("requires_capture",),
    "canceled": (*OPEN, "requires_capture", "processing"),
    "paid with a customer balance": OPEN,
    "verified": ("requires_action",),
}
SHARED: Final[params.Spec] = {
    "amount_details": params.any_value,
    "application_fee_amount": params.integer,
    "expand": params.array,
    "hooks": params.any_value,
    "metadata": params.metadata,
    "payment_details": params.any_value,
    "statement_descriptor": params.clearable,
    "statement_descriptor_suffix": params.clearable,
    "transfer_data": params.mapping,
}
CAPTURE_METHOD: Final = params.one_of("automatic", "automatic_async", "manual")
CONFIRMABLE: Final[params.Spec] = {
    "allowed_payment_method_types": params.array,
    "payment_method_types": params.array,
    "excluded_payment_method_types": params.array,
    "capture_method": CAPTURE_METHOD,
    "confirmation_token": params.text,
    "error_on_requires_action": params.boolean,
    "mandate": params.text,
    "mandate_data": params.any_value,
    "off_session": params.off_session,
    "payment_method": params.clearable,
    "payment_method_data": params.mapping,
    "payment_method_options": params.mapping,
    "radar_options": params.mapping,
    "receipt_email": params.clearable,
    "return_url": params.text,
    "setup_future_usage": params.clearable,
    "shipping": params.mapping,
    "use_stripe_sdk": params.boolean,
}
DESCRIBED: Final[params.Spec] = {
    "amount": params.positive,
    "currency": params.currency,
    "customer": params.text,
    "customer_account": params.text,
    "description": params.clearable,
    "payment_method_configuration": params.text,
    "transfer_group": params.text,
}
CREATE: Final[params.Spec] = {
    **SHARED,
    **CONFIRMABLE,
    **DESCRIBED,
    "automatic_payment_methods": params.mapping,
    "confirm": params.boolean,
    "confirmation_method": params.one_of("automatic", "manual"),
    "on_behalf_of": params.text,
}
UPDATE: Final[params.Spec] = {**SHARED, **CONFIRMABLE, **DESCRIBED}
CONFIRM: Final[params.Spec] = {
    **CONFIRMABLE,
    "amount_details": params.any_value,
    "amount_to_confirm": params.positive,
    "client_secret": params.text,
    "expand": params.array,
    "hooks": params.any_value,
    "payment_details": params.any_value,
}
CAPTURE: Final[params.Spec] = {
    **SHARED,
    "amount_to_capture": params.positive,
    "final_capture": params.boolean,
}
INCREMENT: Final[params.Spec] = {
    **SHARED,
    "amount": params.positive,
    "description": params.clearable,
}
CANCEL: Final[params.Spec] = {
    "cancellation_reason": params.one_of(
        "duplicate", "fraudulent", "requested_by_customer", "abandoned"
    ),
    "expand": params.array,
}
APPLY: Final[params.Spec] = {
    "amount": params.positive,
    "currency": params.currency,
    "expand": params.array,
}
VERIFY: Final[params.Spec] = {
    "amounts": params.array,
    "descriptor_code": params.text,
    "client_secret": params.text,
    "expand": params.array,
}
RETRIEVE: Final[params.Spec] = {"client_secret": params.text, "expand": params.array}
INTENT: Final[Obj] = {
    "id": "", "object": "payment_intent", "amount": 0, "amount_capturable": 0,
    "amount_details": {"tip": {}}, "amount_received": 0, "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
    "canceled_at": None, "cancellation_reason": None, "capture_method": "automatic_async",
    "client_secret": "", "confirmation_method": "automatic", "created": 0, "currency": "usd",
    "customer": None, "customer_account": None, "description": None,
    "excluded_payment_method_types": None, "last_payment_error": None, "latest_charge": None,
    "livemode": False, "metadata": {}, "next_action": None, "on_behalf_of": None,
    "payment_method": None, "payment_method_configuration_details": None,
    "payment_method_options": {}, "payment_method_types": ["card"], "processing": None,
    "receipt_email": None, "review": None, "setup_future_usage": None, "shipping": None,
    "source": None, "statement_descriptor": None, "statement_descriptor_suffix": None,
    "status": "requires_payment_method", "transfer_data": None, "transfer_group": None,
}  # fmt: skip
COPIED: Final = params.words(
    "amount application_fee_amount automatic_payment_methods capture_method confirmation_method "
    "currency customer customer_account description excluded_payment_method_types on_behalf_of "
    "payment_method_options payment_method_types receipt_email setup_future_usage shipping "
    "statement_descriptor statement_descriptor_suffix transfer_data transfer_group"
)
"""Parameters that become members of the same name."""


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


def allow(intent: Obj, doing: str) -> None:
    if intent["status"] not in STATES[doing]:
        raise errors.unexpected_state(intent, doing, STATES[doing])


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("payment_intent", ids[0])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    intent = world.get("payment_intent", ids[0])
    if given.keys() - {"metadata", "description", "receipt_email", "expand", "transfer_group"}:
        allow(intent, "updated")
    changed: Obj = {**intent, **_described(world, given)}
    params.chargeable(changed["amount"], changed["currency"])
    if "metadata" in given:
        changed["metadata"] = params.merged(intent["metadata"], given["metadata"])
    method_id = _method_given(world, given)
    if method_id is not None:
        changed["payment_method"], changed["status"] = method_id, "requires_confirmation"
    return world.put(changed)


def confirm(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    intent = world.get("payment_intent", ids[0])
    allow(intent, "confirmed")
    amount = params.number(given, "amount_to_confirm", intent["amount"])
    if amount > intent["amount"]:
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


def is_manual(intent: Obj) -> bool:
    """`payment_method_options[card][capture_method]` overrides; an empty one does not."""
    own = intent["payment_method_options"].get("card", {}).get("capture_method")
    return bool((own or intent["capture_method"]) == "manual")


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
    return _succeeded(world, intent, charge, amount)


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
    return world.put(intent)


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
    return pay(world, {**intent, "next_action": None}, outcome, intent["amount"])


def payer_acts(world: World, intent_id: str, *, succeeds: bool, token: str | None = None) -> Obj:
    """What happens outside the API. token: a payer with the client_secret brings this method."""
    intent = world.get("payment_intent", intent_id)
    if intent["status"] == "processing":
        charge = world.get("charge", intent["latest_charge"])
        charge = payments.settle_pending(world, charge, succeeded=succeeds)
        if succeeds:
            return _succeeded(world, intent, charge, charge["amount"])
        failed = {"status": "requires_payment_method", "processing": None, "payment_method": None}
        return world.put({**intent, **failed})
    allow(intent, "confirmed")
    method_id: Any = methods.resolve(world, token) if token else intent["payment_method"]
    method_id = method_id or methods.resolve(world, "pm_card_visa")
    outcome = (
        methods.SUCCEEDS if succeeds else Outcome("decline", "card_declined", "generic_decline")
    )
    try:
        return pay(world, {**intent, "payment_method": method_id}, outcome, intent["amount"])
    except StripeError:
        return world.get("payment_intent", intent_id)
