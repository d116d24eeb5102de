"""Payment methods: Stripe's test tokens, what each of them does, and the PaymentMethod object.

Tokens as documented at docs.stripe.com/testing. Each token becomes one PaymentMethod in a world,
made when it is first used; `POST /v1/payment_methods` makes one of its own.
"""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.stripe import errors, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import Outcome, World, new_id, now
from bench.sandbox.wire import Obj

SUCCEEDS: Final = Outcome()
DECLINES: Final = {
    "chargeDeclined": ("card_declined", "generic_decline"),
    "chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "chargeDeclinedFraudulent": ("card_declined", "fraudulent"),
    "chargeDeclinedExpiredCard": ("expired_card", None),
    "chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "chargeDeclinedProcessingError": ("processing_error", None),
    "chargeCustomerFail": ("card_declined", "generic_decline"),
}
DECLINED_NUMBERS: Final = {
    "4000000000000002": "chargeDeclined",
    "4000000000009995": "chargeDeclinedInsufficientFunds",
    "4000000000009987": "chargeDeclinedLostCard",
    "4000000000009979": "chargeDeclinedStolenCard",
    "4000000000000069": "chargeDeclinedExpiredCard",
    "4000000000000127": "chargeDeclinedIncorrectCvc",
    "4000000000000119": "chargeDeclinedProcessingError",
    "4000000000000341": "chargeCustomerFail",
}
ACTION_NUMBERS: Final = frozenset({"4000002500003155", "4000002760003184", "4000003800000446"})
BRANDS: Final = {"3": "amex", "4": "visa", "5": "mastercard", "6": "discover"}
BILLING: Final[Obj] = {
    "address": {
        "city": None, "country": None, "line1": None, "line2": None, "postal_code": None,
        "state": None,
    },
    "email": None, "name": None, "phone": None, "tax_id": None,
}  # fmt: skip

CREATE: Final[params.Spec] = {
    "type": params.text,
    "card": params.mapping,
    "us_bank_account": params.mapping,
    "sepa_debit": params.mapping,
    "billing_details": params.mapping,
    "customer": params.text,
    "metadata": params.metadata,
    "allow_redisplay": params.text,
    "expand": params.array,
}
ATTACH: Final[params.Spec] = {"customer": params.text, "expand": params.array}
PLAIN: Final[params.Spec] = {"expand": params.array}


def outcome_of(token: str) -> Outcome | None:
    """What a test token (`pm_card_…`, `pm_usBankAccount…`, `tok_…`) does; None: no such token."""
    kind, _, rest = token.partition("_")
    if kind == "tok":
        rest = f"card_{rest}"
    if rest.startswith(("usBankAccount", "sepaDebit")):
        return Outcome("processing", refund="pending")
    if not rest.startswith("card_") or rest == "card_" or kind not in ("pm", "tok"):
        return None
    name = rest.removeprefix("card_").removeprefix("visa_")
    if name in DECLINES:
        return _decline(name)
    if name.startswith(("authenticationRequired", "threeDSecure2Required", "threeDSecureRequired")):
        return Outcome("action")
    if name == "refundFail":
        return Outcome(refund="failed")
    if name == "pendingRefund":
        return Outcome(refund="pending")
    return SUCCEEDS


def _decline(name: str) -> Outcome:
    code, decline_code = DECLINES[name]
    return Outcome("decline", code, decline_code)


def resolve(world: World, token: str, param: str = "payment_method") -> str:
    """The id of the PaymentMethod that a token or id names. Raises resource_missing."""
    if token in world.tables["payment_method"]:
        return token
    shared = world.shared_methods.get(token)
    if shared is not None and shared in world.tables["payment_method"]:
        return shared
    outcome = outcome_of(token)
    if outcome is None:
        raise errors.no_such("PaymentMethod", token, param, 400)
    kind = "us_bank_account" if outcome.how == "processing" else "card"
    method = make(world, kind, outcome, last4="6789" if kind != "card" else "4242")
    world.shared_methods[token] = method["id"]
    return str(method["id"])


def outcome(world: World, method_id: str) -> Outcome:
    return world.outcomes.get(method_id, SUCCEEDS)


def make(
    world: World, kind: str, outcome: Outcome, *, last4: str = "4242", brand: str = "visa"
) -> Obj:
    """A new PaymentMethod in the world."""
    details: Obj = {
        "brand": brand, "checks": {"cvc_check": "pass"}, "country": "US", "exp_month": 12,
        "exp_year": 2034, "fingerprint": "Xt5EWLLDS7FJjR1c", "funding": "credit", "last4": last4,
        "networks": {"available": [brand], "preferred": None}, "wallet": None,
    }  # fmt: skip
    if kind != "card":
        details = {"last4": last4, "bank_name": "STRIPE TEST BANK", "account_type": "checking"}
    method: Obj = {
        "id": new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": BILLING,
        kind: details,
        "created": now(),
        "customer": None,
        "livemode": world.livemode,
        "metadata": {},
        "type": kind,
    }
    world.outcomes[method["id"]] = outcome
    return world.put(method)


def from_data(world: World, data: Obj) -> Obj:
    """A PaymentMethod from `payment_method_data` or the create call's parameters."""
    kind = data.get("type")
    if not isinstance(kind, str) or kind == "":
        raise errors.missing("type")
    if kind != "card":
        return make(world, kind, Outcome("processing", refund="pending"), last4="6789")
    card = data.get("card", {})
    if "token" in card:
        token_outcome = outcome_of(card["token"])
        if token_outcome is None:
            raise errors.no_such("token", card["token"], "card[token]", 400)
        return make(world, kind, token_outcome)
    number = str(card.get("number", "4242424242424242"))
    return make(
        world,
        kind,
        _number_outcome(number),
        last4=number[-4:],
        brand=BRANDS.get(number[:1], "visa"),
    )


def _number_outcome(number: str) -> Outcome:
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        raise StripeError(
            402, "Your card number is incorrect.", kind="card_error", code="incorrect_number"
        )
    if number in ACTION_NUMBERS:
        return Outcome("action")
    name = DECLINED_NUMBERS.get(number)
    return _decline(name) if name else SUCCEEDS


# The resource's own operations.


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    method = from_data(world, given)
    changes: Obj = {"metadata": given.get("metadata") or {}}
    if "billing_details" in given:
        changes["billing_details"] = {**BILLING, **given["billing_details"]}
    return world.put({**method, **changes})


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("payment_method", ids[0])


def attach(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Attaching a bare token makes a PaymentMethod of the customer's own, as at Stripe."""
    customer = world.get("customer", given["customer"], param="customer")
    return world.put({**_owned(world, ids[0]), "customer": customer["id"]})


def _owned(world: World, token: str) -> Obj:
    found = world.find("payment_method", token)
    if found is not None:
        return found
    outcome = outcome_of(token)
    if outcome is None:
        raise errors.no_such("PaymentMethod", token, "payment_method")
    return make(world, "us_bank_account" if outcome.how == "processing" else "card", outcome)


def detach(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.put({**world.get("payment_method", ids[0]), "customer": None})


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    method = world.get("payment_method", ids[0])
    changed: dict[str, Any] = dict(method)
    if "metadata" in given:
        changed["metadata"] = params.merged(method["metadata"], given["metadata"])
    if "billing_details" in given:
        changed["billing_details"] = {**method["billing_details"], **given["billing_details"]}
    return world.put(changed)
