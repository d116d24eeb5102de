"""Invoices in facts: the parameters of each operation, and the object itself."""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import params
from bench.sandbox.wire import Obj

SET: Final = (
    "account_tax_ids automatically_finalizes_at custom_fields days_until_due due_date effective_at "
    "footer issuer on_behalf_of payment_settings rendering shipping_details statement_descriptor "
    "transfer_data"
)
UPDATE: Final = params.spec(
    SET,
    application_fee_amount=params.integer,
    auto_advance=params.boolean,
    automatic_tax=params.mapping,
    collection_method=params.one_of("charge_automatically", "send_invoice"),
    default_payment_method=params.text,
    default_source=params.text,
    default_tax_rates=params.any_value,
    description=params.clearable,
    discounts=params.any_value,
    number=params.text,
    shipping_cost=params.mapping,
)
CREATE: Final = params.spec(
    "customer_account from_invoice",
    **UPDATE,
    currency=params.currency,
    customer=params.text,
    pending_invoice_items_behavior=params.one_of("include", "exclude"),
    subscription=params.text,
)
FINALIZE: Final = params.spec(auto_advance=params.boolean)
PAY: Final = params.spec(
    "mandate",
    forgive=params.boolean,
    off_session=params.boolean,
    paid_out_of_band=params.boolean,
    payment_method=params.text,
    source=params.text,
)
ATTACH: Final = params.spec("payment_record", payment_intent=params.text)
ADD_LINES: Final = params.spec("invoice_metadata", lines=params.maps)
UPDATE_LINE: Final = params.spec(
    "amount description discountable discounts period price_data pricing quantity "
    "quantity_decimal tax_amounts tax_rates"
)
PREVIEW: Final = params.spec(
    "customer_account issuer on_behalf_of",
    automatic_tax=params.mapping,
    currency=params.currency,
    customer=params.text,
    customer_details=params.mapping,
    discounts=params.any_value,
    invoice_items=params.maps,
    preview_mode=params.one_of("next", "recurring"),
    schedule=params.text,
    schedule_details=params.mapping,
    subscription=params.text,
    subscription_details=params.mapping,
)
COPIED: Final = params.words(
    "application_fee_amount auto_advance collection_method custom_fields default_payment_method "
    "default_source description due_date effective_at footer issuer number on_behalf_of "
    "statement_descriptor transfer_data"
)
INVOICE: Final[Obj] = {
    "id": "", "object": "invoice", "account_country": "US", "account_name": None,
    "account_tax_ids": None, "amount_due": 0, "amount_overpaid": 0, "amount_paid": 0,
    "amount_remaining": 0, "amount_shipping": 0, "application": None,
    "application_fee_amount": None, "attempt_count": 0, "attempted": False, "auto_advance": False,
    "automatic_tax": {"enabled": False, "liability": None, "status": None},
    "automatically_finalizes_at": None, "billing_reason": "manual",
    "collection_method": "charge_automatically", "created": 0, "currency": "usd",
    "custom_fields": None, "customer": None, "customer_address": None, "customer_email": None,
    "customer_name": None, "customer_tax_exempt": "none", "default_payment_method": None,
    "default_source": None, "default_tax_rates": [], "description": None, "discounts": [],
    "due_date": None, "effective_at": None, "ending_balance": None, "footer": None,
    "from_invoice": None, "hosted_invoice_url": None, "invoice_pdf": None,
    "issuer": {"type": "self"}, "last_finalization_error": None, "latest_revision": None,
    "lines": {}, "livemode": False, "metadata": {}, "next_payment_attempt": None, "number": None,
    "on_behalf_of": None, "parent": None, "payment_settings": {}, "period_end": 0,
    "period_start": 0, "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0, "receipt_number": None, "rendering": None,
    "shipping_cost": None, "shipping_details": None, "starting_balance": 0,
    "statement_descriptor": None, "status": "draft",
    "status_transitions": {
        "finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None,
    },
    "subtotal": 0, "subtotal_excluding_tax": 0, "test_clock": None, "total": 0,
    "total_discount_amounts": [], "total_excluding_tax": 0, "total_pretax_credit_amounts": [],
    "total_taxes": [], "transfer_data": None, "webhooks_delivered_at": None,
}  # fmt: skip
