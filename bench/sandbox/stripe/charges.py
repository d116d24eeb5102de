"""Charges, the legacy way to pay: create (with or without capture), capture, update.

Charges that a PaymentIntent made live in the same table and are captured through their intent only.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import errors, methods, params, payments
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

CREATE: Final[params.Spec] = {
    "amount": params.positive,
    "application_fee": params.integer,
    "application_fee_amount": params.integer,
    "capture": params.boolean,
    "currency": params.currency,
    "customer": params.text,
    "description": params.clearable,
    "destination": params.mapping,
    "expand": params.array,
    "metadata": params.metadata,
    "on_behalf_of": params.text,
    "radar_options": params.mapping,
    "receipt_email": params.clearable,
    "shipping": params.mapping,
    "source": params.any_value,
    "statement_descriptor": params.clearable,
    "statement_descriptor_suffix": params.clearable,
    "transfer_data": params.mapping,
    "transfer_group": params.text,
}
UPDATE: Final[params.Spec] = {
    "customer": params.text,
    "description": params.clearable,
    "expand": params.array,
    "fraud_details": params.mapping,
    "metadata": params.metadata,
    "receipt_email": params.clearable,
    "shipping": params.mapping,
    "transfer_group": params.text,
}
CAPTURE: Final[params.Spec] = {
    "amount": params.positive,
    "application_fee": params.integer,
    "application_fee_amount": params.integer,
    "expand": params.array,
    "receipt_email": params.clearable,
    "statement_descriptor": params.clearable,
    "statement_descriptor_suffix": params.clearable,
    "transfer_data": params.mapping,
    "transfer_group": params.text,
}
COPIED: Final = params.words(
    "application_fee_amount customer description fraud_details on_behalf_of receipt_email "
    "shipping statement_descriptor statement_descriptor_suffix transfer_data transfer_group"
)


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    params.chargeable(given["amount"], given["currency"])
    method_id = _source(world, given)
    outcome = methods.outcome(world, method_id)
    if outcome.how == "action":
        outcome = payments.AUTHENTICATE
    details = {name: value for name, value in given.items() if name in COPIED}
    details["metadata"] = params.merged({}, given.get("metadata", {}))
    charge = payments.make_charge(
        world,
        given["amount"],
        given["currency"],
        method_id=method_id,
        outcome=outcome,
        capture=given.get("capture", True),
        details=details,
    )
    if outcome.how == "decline":
        world.tell("charge.failed", charge)
        raise payments.declined(outcome, charge=charge)
    world.tell("charge.pending" if outcome.how == "processing" else "charge.succeeded", charge)
    return world.put(payments.settled(charge))


def _source(world: World, given: Obj) -> str:
    """The payment method that is charged: the source, else the customer's default."""
    source = given.get("source")
    customer: Obj = {}
    if "customer" in given:
        customer = world.get("customer", given["customer"], param="customer")
    if isinstance(source, dict):
        return str(methods.from_data(world, {"type": "card", "card": source})["id"])
    if source:
        debit = source.startswith("acct_")
        return methods.resolve(world, "tok_visa" if debit else source, "source")
    if not customer:
        raise StripeError(400, "Must provide source or customer.", code="parameter_missing")
    if not customer.get("default_source"):
        raise StripeError(
            402,
            "Cannot charge a customer that has no active card",
            kind="card_error",
            code="missing",
            param="card",
        )
    return str(customer["default_source"])


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Reading a captured charge later finds its balance transaction."""
    charge = world.get("charge", ids[0])
    settled = payments.settled(charge)
    return charge if settled is charge else world.put(settled)


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    charge = world.get("charge", ids[0])
    changed: Obj = {**charge, **{name: value for name, value in given.items() if name in COPIED}}
    if "metadata" in given:
        changed["metadata"] = params.merged(charge["metadata"], given["metadata"])
    world.tell("charge.updated", changed)
    return world.put(changed)


def capture(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """The rest of a partly captured charge is released: it can never be captured."""
    charge = world.get("charge", ids[0])
    if charge["payment_intent"] is not None:
        raise StripeError(
            400,
            "This charge was created by a PaymentIntent. Capture the PaymentIntent instead: "
            f"{charge['payment_intent']}.",
        )
    if charge["captured"] or charge["status"] != "succeeded":
        raise StripeError(
            400, f"Charge {charge['id']} has already been captured.", code="charge_already_captured"
        )
    if charge["refunded"]:
        raise StripeError(
            400, f"Charge {charge['id']} has been refunded.", code="charge_already_refunded"
        )
    amount = params.number(given, "amount", charge["amount"])
    if amount > charge["amount"]:
        raise errors.invalid("amount: more than was authorized", "amount", amount)
    charge = payments.settled(payments.capture_charge(world, charge, amount))
    world.tell("charge.captured", charge)
    return world.put(charge)
