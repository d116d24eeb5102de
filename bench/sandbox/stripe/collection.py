"""Invoices once they are meant: finalised, paid, sent, voided.

An invoice that is due has a PaymentIntent of its own; when that succeeds, by whatever way, the
invoice is paid and what waited for it goes on (`World.once_paid`). Finalising with `auto_advance`
answers `open`, as Stripe does, and collects right after: the next look shows the result.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import customers, errors, intents, invoices, methods, payments
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.intent_terms import INTENT, OPEN
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

URL: Final = "https://invoice.stripe.com/i/sandbox/"


def finalize(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/invoices/{id}/finalize."""
    invoice = invoices.editable(world, ids[0])
    if "auto_advance" in given:
        invoice = world.put({**invoice, "auto_advance": given["auto_advance"]})
    invoice = close(world, invoice)
    if invoice["auto_advance"] and _collectible(invoice):
        try_collect(world, invoice["id"])
    return invoice


def _collectible(invoice: Obj) -> bool:
    return bool(
        invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically"
    )


def close(world: World, invoice: Obj) -> Obj:
    """A draft becomes open, or paid when nothing is due. In a rehearsal it only adds up."""
    invoice = invoices.refresh(world, invoice)
    if world.rehearsing:
        return invoice
    customer = world.get("customer", invoice["customer"])
    moved = invoice["ending_balance"] - customer["balance"]
    if moved:
        code = invoice["currency"]
        applied = {"invoice": invoice["id"]}
        customers.adjust(world, customer, moved, code, "applied_to_invoice", **applied)
    elif customer["currency"] is None:
        world.put({**customer, "currency": invoice["currency"]})
    moments = {**invoice["status_transitions"], "finalized_at": now()}
    number = f"{customer['invoice_prefix']}-{len(world.tables['invoice']):04d}"
    invoice = world.put(
        {
            **invoice,
            "status": "open",
            "hosted_invoice_url": URL + invoice["id"],
            "number": invoice["number"] or number,
            "status_transitions": moments,
        }
    )
    if invoice["amount_due"] == 0:
        world.tell("invoice.finalized", invoice)
        return mark_paid(world, invoice["id"], 0)
    _owe(world, invoice)
    world.tell("invoice.finalized", invoice)
    return invoice


def _owe(world: World, invoice: Obj) -> None:
    """The PaymentIntent that the invoice is to be paid with."""
    intent_id = new_id("payment_intent")
    secret = f"{intent_id}_secret_{new_id('payment_intent')[4:]}"
    intent: Obj = {
        **INTENT,
        "id": intent_id,
        "amount": invoice["amount_due"],
        "application_fee_amount": invoice["application_fee_amount"],
        "capture_method": "automatic",
        "client_secret": secret,
        "created": now(),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": invoice["description"] or "Payment for Invoice",
        "livemode": world.livemode,
    }
    world.put(intent)
    world.tell("payment_intent.created", intent)
    expect(world, invoice, intent)
    confirmation = {"client_secret": secret, "type": "payment_intent"}
    world.more[invoice["id"]]["confirmation_secret"] = confirmation


def expect(world: World, invoice: Obj, intent: Obj, *, default: bool = True) -> None:
    """The invoice is paid once this intent is."""
    payment = world.put(
        {
            "id": new_id("invoice_payment"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": intent["amount"],
            "created": now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": default,
            "livemode": world.livemode,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
        }
    )
    more = world.more.setdefault(invoice["id"], {})
    known = more.get("payments", {"object": "list", "data": [], "has_more": False})
    more["payments"] = {**known, "data": [*known["data"], payment]}
    world.once_paid(
        intent["id"], lambda later, paid: _intent_paid(later, invoice["id"], payment, paid)
    )


def _intent_paid(world: World, invoice_id: str, payment: Obj, intent: Obj) -> None:
    received = intent["amount_received"]
    done = world.put({**payment, "status": "paid", "amount_paid": received})
    more = world.more[invoice_id]
    data = [done if one["id"] == payment["id"] else one for one in more["payments"]["data"]]
    more["payments"] = {**more["payments"], "data": data}
    mark_paid(world, invoice_id, received)


def mark_paid(world: World, invoice_id: str, amount: int) -> Obj:
    """So much of it was paid; it is paid once nothing remains."""
    invoice = world.get("invoice", invoice_id)
    paid = invoice["amount_paid"] + amount
    left = max(0, invoice["amount_due"] - paid - invoice["pre_payment_credit_notes_amount"])
    changed: Obj = {**invoice, "amount_paid": paid, "amount_remaining": left}
    if left:
        return world.put(changed)
    changed["status"] = "paid"
    changed["attempted"] = True
    changed["status_transitions"] = {**invoice["status_transitions"], "paid_at": now()}
    world.put(changed)
    world.tell("invoice.paid", changed)
    world.tell("invoice.payment_succeeded", changed)
    world.paid(changed)
    return world.get("invoice", invoice_id)


def intent_of(world: World, invoice_id: str) -> Obj:
    """The intent that is still to be paid, the first one."""
    found = world.more.get(invoice_id, {}).get("payments", {"data": []})["data"]
    for payment in found:
        if payment["status"] == "open":
            return world.get("payment_intent", payment["payment"]["payment_intent"])
    raise StripeError(400, "This invoice has no payment to collect.")


# Paying.


def pay(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/invoices/{id}/pay."""
    invoice = world.get("invoice", ids[0])
    if invoice["status"] == "draft":
        invoice = close(world, invoice)
        if invoice["status"] == "paid":  # nothing was due
            return invoice
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(
            400, f"Invoice is already {invoice['status']}", code="invoice_already_paid"
        )
    if given.get("paid_out_of_band"):
        _give_up(world, invoice)
        return mark_paid(world, invoice["id"], invoice["amount_remaining"])
    token = given.get("payment_method") or given.get("source")
    method = methods.resolve(world, token) if token else default_method(world, invoice)
    if method is None:
        raise no_method()
    return collect(world, invoice["id"], method)


def default_method(world: World, invoice: Obj) -> str | None:
    """The invoice's own, its subscription's, the customer's; in that order."""
    named: str | None = invoice["default_payment_method"] or invoice["default_source"]
    about = invoices.subscription_of(invoice)
    subscription = world.find("subscription", about) if about else None
    if named is None and subscription is not None:
        named = subscription["default_payment_method"] or subscription["default_source"]
    customer = world.get("customer", invoice["customer"])
    named = named or customer["invoice_settings"]["default_payment_method"]
    named = named or customer["default_source"]
    return methods.resolve(world, named) if named else None


def no_method() -> StripeError:
    return StripeError(
        400,
        "This customer has no attached payment source or default payment method. Please consider "
        "adding a default payment method.",
        code="resource_missing",
    )


def collect(world: World, invoice_id: str, method: str) -> Obj:
    """Charge the method. Raises what the card network answers; the invoice stays open then."""
    invoice = world.get("invoice", invoice_id)
    attempts = {"attempt_count": invoice["attempt_count"] + 1, "attempted": True}
    invoice = world.put({**invoice, **attempts})
    intent = {**intent_of(world, invoice_id), "payment_method": method}
    if intent["status"] not in OPEN:
        return invoice
    intent = world.put({**intent, "amount": invoice["amount_remaining"]})
    outcome = methods.outcome(world, method)
    if outcome.how == "action":
        world.put({**intent, "status": "requires_action"})
        world.tell("invoice.payment_action_required", invoice)
        raise StripeError(
            402,
            "This payment requires additional user action before it can be completed successfully.",
            kind="card_error",
            code="invoice_payment_intent_requires_action",
        )
    try:
        intents.pay(world, intent, outcome, intent["amount"])
    except StripeError:
        world.tell("invoice.payment_failed", invoice)
        raise
    return world.get("invoice", invoice_id)


def try_collect(world: World, invoice_id: str, method: str | None = None) -> bool:
    """As Stripe does by itself: a failure is no error. True: paid."""
    invoice = world.get("invoice", invoice_id)
    method = method or default_method(world, invoice)
    if method is not None and not world.rehearsing:
        try:
            invoice = collect(world, invoice_id, method)
        except StripeError:
            invoice = world.get("invoice", invoice_id)
    return bool(invoice["status"] == "paid")


def attach(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """POST /v1/invoices/{id}/attach_payment: an intent that pays it, now or later."""
    invoice = world.get("invoice", ids[0])
    if "payment_intent" not in given:
        raise errors.missing("payment_intent")
    intent = world.get("payment_intent", given["payment_intent"], param="payment_intent")
    if invoice["status"] != "open":
        raise StripeError(400, f"Invoice is {invoice['status']}.")
    expect(world, invoice, intent, default=False)
    if intent["status"] == "succeeded":
        world.paid(intent)
    return world.get("invoice", ids[0])


# The other ends.


def send(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Mails a payable link; a draft is finalised first."""
    invoice = world.get("invoice", ids[0])
    if invoice["status"] == "draft":
        invoice = close(world, invoice)
    if invoice["status"] not in ("open", "paid"):
        raise StripeError(400, f"You cannot send an invoice that is {invoice['status']}.")
    world.tell("invoice.sent", invoice)
    return invoice


def void(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return _end(world, ids[0], "void", "voided")


def mark_uncollectible(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return _end(world, ids[0], "uncollectible", "marked_uncollectible")


def _end(world: World, invoice_id: str, status: str, word: str) -> Obj:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] not in ("open", "uncollectible") or invoice["status"] == status:
        raise StripeError(400, f"You cannot do this to an invoice that is {invoice['status']}.")
    if status == "void":
        _give_up(world, invoice)
        _give_balance_back(world, invoice)
    moments = {**invoice["status_transitions"], f"{word}_at": now()}
    changed = world.put({**invoice, "status": status, "status_transitions": moments})
    world.tell(f"invoice.{word}", changed)
    return changed


def _give_up(world: World, invoice: Obj) -> None:
    """Its intent can no longer be paid."""
    intent = intent_of(world, invoice["id"])
    world.waiting.pop(intent["id"], None)
    if intent["status"] in OPEN:
        changed = world.put({**intent, "status": "canceled", "canceled_at": now()})
        world.tell("payment_intent.canceled", changed)


def _give_balance_back(world: World, invoice: Obj) -> None:
    back = invoice["starting_balance"] - (invoice["ending_balance"] or 0)
    if back:
        customer = world.get("customer", invoice["customer"])
        applied = {"invoice": invoice["id"]}
        customers.adjust(
            world, customer, back, invoice["currency"], "unapplied_from_invoice", **applied
        )


def declined_already(world: World, method: str) -> StripeError | None:
    """What paying with this method would raise, without trying."""
    outcome = methods.outcome(world, method)
    if outcome.how == "action":
        outcome = payments.AUTHENTICATE
    return payments.declined(outcome) if outcome.how == "decline" else None
