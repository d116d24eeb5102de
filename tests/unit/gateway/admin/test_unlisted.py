"""Entries of an allowlist that are most likely misspelt."""

from __future__ import annotations

import pytest

from gateway.admin.unlisted import warnings
from gateway.vault.allowlist import Allowlist
from gateway.vault.terms import Terms
from tests.unit.gateway.admin.side import BODY, Side
from vendors.contract import Vendor
from vendors.plain import Plain
from vendors.resend import RESEND
from vendors.stripe import STRIPE
from vendors.twilio import TWILIO


def terms(*entries: str, unpriced: str = "") -> Terms:
    meant = ((Allowlist.parse([unpriced]), 1),) if unpriced else ()
    return Terms(
        key_id="vk_1",
        vendor="x",
        account="default",
        allowed=Allowlist.parse(entries),
        daily_cap_micros=1,
        created_at_us=1,
        expires_at_us=None,
        label="a/1",
        allow_unpriced=meant,
    )


@pytest.mark.parametrize(
    ("vendor", "entry"),
    [
        (STRIPE, "POST /v1/payment_intents"),
        (STRIPE, "POST /v1/payment_intents/*/capture"),
        (STRIPE, "POST /v1/payment_intents/pi_1/capture"),
        (STRIPE, "POST /v1/*"),
        (STRIPE, "DELETE /v1/**"),
        (STRIPE, "GET /v1/no_such_thing"),
        (TWILIO, "POST /2010-04-01/Accounts/*/Messages.json"),
        (TWILIO, "POST /verify/v2/Services/*/Verifications"),
        (TWILIO, "POST /verify/v2/Services/VA1/Verifications"),
        (RESEND, "POST /emails"),
        (Plain(), "POST /anything"),
    ],
)
def test_what_is_listed_or_cannot_be_known(vendor: Vendor, entry: str) -> None:
    assert warnings(terms(entry), vendor) == []


@pytest.mark.parametrize(
    ("vendor", "entry", "near"),
    [
        (STRIPE, "POST /v1/payment_intent", "did you mean POST /v1/payment_intents?"),
        (TWILIO, "POST /2010-04-01/Accounts/*/Message.json", "Messages.json?"),
        (RESEND, "PUT /emails", "did you mean POST /emails?"),
        (RESEND, "POST /zzzzzzzzzzzz/qqqqqqqqqqq", "known here"),
    ],
)
def test_what_is_misspelt(vendor: Vendor, entry: str, near: str) -> None:
    [told] = warnings(terms(entry), vendor)
    assert told.startswith(entry)
    assert told.endswith(near)


def test_what_is_named_as_unpriced_is_meant() -> None:
    entry = "POST /v1/brand_new_things"
    assert warnings(terms(entry, unpriced=entry), STRIPE) == []


async def test_who_makes_a_key_is_told(side: Side) -> None:
    entries = ["POST /v1/payment_intent", "GET /v1/customers/*"]
    status, made = await side.ask("POST", "/vault/keys", {**BODY, "allowed_endpoints": entries})
    assert status == 201
    assert made["warnings"] == [
        "POST /v1/payment_intent: no operation of stripe that is known here; "
        "did you mean POST /v1/payment_intents?"
    ]
    _, made = await side.ask("POST", "/vault/keys", dict(BODY))
    assert "warnings" not in made
