"""Where payers are charged: the Charge object, its capture, its decline, its balance transaction.

PaymentIntents and legacy Charges both come here. `World.charge_payer` is called at the moment
money really moves (at once, or at capture), never for a hold.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import errors, fees, methods
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import Outcome, World, new_id, now
from bench.sandbox.wire import Obj

PASSED: Final[Obj] = {
    "advice_code": None, "network_advice_code": None, "network_decline_code": None,
    "network_status": "approved_by_network", "reason": None, "risk_level": "normal",
    "seller_message": "Payment complete.", "type": "authorized",
}  # fmt: skip
CARD: Final[Obj] = {
    "amount_authorized": None, "authorization_code": "123456", "brand": "visa",
    "checks": {
        "address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass",
    },
    "country": "US", "exp_month": 12, "exp_year": 2034, "fingerprint": "Xt5EWLLDS7FJjR1c",
    "funding": "credit", "installments": None, "last4": "4242", "mandate": None,
    "network": "visa", "three_d_secure": None, "wallet": None,
}  # fmt: skip
CHARGE: Final[Obj] = {
    "id": "", "object": "charge", "amount": 0, "amount_captured": 0, "amount_refunded": 0,
    "application": None, "application_fee": None, "application_fee_amount": None,
    "balance_transaction": None, "billing_details": methods.BILLING,
    "calculated_statement_descriptor": "KEYBRAKE SANDBOX", "captured": False, "created": 0,
    "currency": "usd", "customer": None, "description": None, "disputed": False,
    "failure_balance_transaction": None, "failure_code": None, "failure_message": None,
    "fraud_details": {}, "livemode": False, "metadata": {}, "on_behalf_of": None,
    "outcome": PASSED, "paid": True, "payment_intent": None, "payment_method": None,
    "payment_method_details": None, "receipt_email": None, "receipt_number": None,
    "receipt_url": None, "refunded": False, "review": None, "shipping": None, "source": None,
    "source_transfer": None, "statement_descriptor": None, "statement_descriptor_suffix": None,
    "status": "succeeded", "transfer_data": None, "transfer_group": None,
}  # fmt: skip
MESSAGES: Final = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
AUTHENTICATE: Final = Outcome("decline", "authentication_required", "authentication_required")


def make_charge(
    world: World,
    amount: int,
    currency: str,
    *,
    method_id: str | None,
    outcome: Outcome,
    capture: bool,
    details: Obj,
    options: Obj | None = None,
) -> Obj:
    """A new Charge, stored: succeeded, pending or failed as the payment method decides.

    details: members that the caller knows (customer, payment_intent, metadata, …). options:
    `payment_method_options` of an intent, which allow increments, several captures, over-capture.
    """
    charge_id = new_id("charge")
    charge: Obj = {
        **CHARGE,
        "id": charge_id,
        "amount": amount,
        "created": now(),
        "currency": currency,
        "livemode": world.livemode,
        "payment_method": method_id,
        "payment_method_details": _method_details(amount, outcome, options or {}),
        **details,
    }
    if outcome.how == "decline":
        return world.put({**charge, **_failure(outcome)})
    if outcome.how == "processing":
        return world.put({**charge, "status": "pending", "paid": False, "captured": True})
    if not capture:
        return world.put(charge)
    world.charge_payer(charge, amount)
    charge = fees.collect(world, charge)
    return world.put({**charge, "captured": True, "amount_captured": amount})


def _method_details(amount: int, outcome: Outcome, options: Obj) -> Obj:
    if outcome.how == "processing":
        return {
            "type": "us_bank_account",
            "us_bank_account": {"bank_name": "STRIPE TEST BANK", "last4": "6789"},
        }
    card = options.get("card")
    if not card:
        return {"card": CARD, "type": "card"}
    wanted = {
        feature: {
            "status": "available"
            if card.get(f"request_{feature}") == "if_available"
            else "unavailable"
        }
        for feature in ("incremental_authorization", "multicapture")
    }
    over = card.get("request_overcapture") == "if_available"
    most = amount * 115 // 100 if over else amount
    overcapture = {
        "maximum_amount_capturable": most,
        "status": "available" if over else "unavailable",
    }
    return {
        "card": {**CARD, "amount_authorized": amount, "overcapture": overcapture, **wanted},
        "type": "card",
    }


def _failure(outcome: Outcome) -> Obj:
    assert outcome.code is not None
    return {
        "status": "failed",
        "paid": False,
        "failure_code": outcome.code,
        "failure_message": MESSAGES[outcome.code],
        "outcome": {
            **PASSED,
            "network_status": "declined_by_network",
            "reason": outcome.decline_code or outcome.code,
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        },
    }


def declined(
    outcome: Outcome, *, charge: Obj | None = None, intent: Obj | None = None, param: str = ""
) -> StripeError:
    """The 402 for a failed payment."""
    assert outcome.code is not None
    return StripeError(
        402,
        MESSAGES[outcome.code],
        kind="card_error",
        code=outcome.code,
        decline_code=outcome.decline_code,
        advice_code="try_again_later" if outcome.code == "card_declined" else None,
        param=param,
        charge=charge["id"] if charge else None,
        payment_intent=intent,
    )


def capture_charge(world: World, charge: Obj, amount: int, *, final: bool = True) -> Obj:
    """Move `amount` of an authorised charge; the caller has checked that it may."""
    world.charge_payer(charge, amount)
    charge = fees.collect(world, charge)
    total = charge["amount_captured"] + amount
    return world.put({**charge, "amount_captured": total, "captured": final or charge["captured"]})


def settle_pending(world: World, charge: Obj, *, succeeded: bool) -> Obj:
    """A bank debit ends, days later in the real world."""
    if not succeeded:
        failed = {"status": "failed", "failure_code": "insufficient_funds", "captured": False}
        return world.put({**charge, **failed, "paid": False})
    world.charge_payer(charge, charge["amount"])
    charge = fees.collect(world, charge)
    done = {"status": "succeeded", "paid": True, "amount_captured": charge["amount"]}
    return world.put({**charge, **done})


def settled(charge: Obj) -> Obj:
    """The charge as a later reader finds it: captured shortly after, with a balance transaction."""
    if charge["amount_captured"] and charge["balance_transaction"] is None:
        return {**charge, "balance_transaction": f"txn_3{charge['id'].removeprefix('ch_3')}"}
    return charge


def balance_transaction(world: World, txn_id: str, *, param: str | None = None) -> Obj:
    """Made from the object whose id it carries. Fees: 2.9 % and 30 minor units of a charge, 1 % of
    an instant payout (50 at least)."""
    tail = txn_id.removeprefix("txn_3")
    charge, refund = world.find("charge", f"ch_3{tail}"), world.find("refund", f"re_3{tail}")
    if charge is not None:
        amount = charge["amount_captured"]
        return _transaction(txn_id, charge, amount, "charge", -(-amount * 29 // 1_000) + 30)
    if refund is not None:
        return _transaction(txn_id, refund, -refund["amount"], "refund", 0)
    tail = txn_id.removeprefix("txn_1")
    transfer, payout = world.find("transfer", f"tr_1{tail}"), world.find("payout", f"po_1{tail}")
    if transfer is not None:
        return _transaction(txn_id, transfer, -transfer["amount"], "transfer", 0)
    if payout is not None:
        fee = max(50, -(-payout["amount"] // 100)) if payout["method"] == "instant" else 0
        return _transaction(txn_id, payout, -payout["amount"], "payout", fee)
    raise errors.no_such("balance_transaction", txn_id, param or "id", 400 if param else 404)


def _transaction(txn_id: str, source: Obj, amount: int, kind: str, fee: int) -> Obj:
    part = {
        "amount": fee, "application": None, "currency": source["currency"],
        "description": "Stripe processing fees", "type": "stripe_fee",
    }  # fmt: skip
    return {
        "id": txn_id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": source["created"],
        "balance_type": "payments",
        "created": source["created"],
        "currency": source["currency"],
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [part] if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }
