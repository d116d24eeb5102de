"""PaymentIntents in facts: their states, the parameters of each operation, the object itself."""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import errors, params
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


def allow(intent: Obj, doing: str) -> None:
    """Raises when an intent in this status may not be (confirmed, captured, …)."""
    if intent["status"] not in STATES[doing]:
        raise errors.unexpected_state(intent, doing, STATES[doing])


def is_manual(intent: Obj) -> bool:
    """`payment_method_options[card][capture_method]` overrides; an empty one does not."""
    own = intent["payment_method_options"].get("card", {}).get("capture_method")
    return bool((own or intent["capture_method"]) == "manual")
