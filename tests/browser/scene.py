"""A day at a small shop, played through a gateway: what the dashboard has to show.

A billing scenario charges, is stopped by its cap, and loses an answer; a refund helper is revoked;
texts and mails go out; one label and one reason are hostile. Everything goes through the gateway as
callers go, with the headers that Make would send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.browser.people import Town
from tests.house import Answer, Gateway, VaultKey

HOSTILE: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
RUN: Final = "make-billing-scenario/8f31"
REASONS: Final = (
    "The customer asked to be billed for May; the total matches order 1042.",
    "Order 1043 is shipped and not paid yet. The mail of 09:12 confirms the amount.",
    "Renewal of the yearly plan, agreed by phone on Friday.",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What was made, by what the pages call it."""

    billing_key: str
    run: str
    refused_call: str
    doubted_call: str


def play(place: Town) -> Scene:
    gateway = place.gateway
    billing = gateway.make_key(
        daily_usd_cap=60,
        per_call_usd_max=25,
        agent_run_label=RUN,
        name="Billing scenario",
        allowed_endpoints=["POST /v1/payment_intents", "GET /v1/customers/*"],
    )
    for number, amount in enumerate((1200, 1850, 940, 1500)):
        charge(gateway, billing, amount, number)
    refused = [charge(gateway, billing, amount, 9) for amount in (900, 9_900)]
    gateway.call(billing, "POST", "/v1/refunds", form={"payment_intent": "pi_1"})
    doubted = _doubt(place)
    _helpers(gateway)
    _messages(gateway)
    return Scene(
        billing.id, RUN, refused[0].headers["keybrake-call-id"], doubted.headers["keybrake-call-id"]
    )


def charge(gateway: Gateway, key: VaultKey, amount: int, number: int = 0) -> Answer:
    """One confirmed charge of so many cents, with what Make tells about it."""
    return gateway.call(
        key,
        "POST",
        "/v1/payment_intents",
        form={
            "amount": amount,
            "currency": "usd",
            "confirm": "true",
            "payment_method": "pm_card_visa",
        },
        keybrake_step=f"charge-{number}",
        keybrake_reason=REASONS[number % len(REASONS)],
        keybrake_run_url="https://eu1.make.com/1234/scenarios/77/logs/8f31",
    )


def _doubt(place: Town) -> Answer:
    """A charge whose answer is lost."""
    key = place.gateway.make_key(daily_usd_cap=100, agent_run_label="invoice-chaser/2041")
    place.stripe.behave(path="/v1/payment_intents", drop=True)
    return charge(place.gateway, key, 4_200)


def _helpers(gateway: Gateway) -> None:
    helper = gateway.make_key(
        daily_usd_cap=120, agent_run_label="refund-helper/310", name="Refunds"
    )
    charge(gateway, helper, 3_000)
    gateway.admin("POST", f"/vault/keys/{helper.id}/revoke", {})
    hostile = gateway.make_key(daily_usd_cap=40, agent_run_label=f"{HOSTILE}/1"[:100], name=HOSTILE)
    gateway.call(
        hostile,
        "POST",
        "/v1/payment_intents",
        form={"amount": 3_700, "currency": "usd"},
        keybrake_reason=HOSTILE,
        keybrake_run_url="javascript:alert(3)",
    )
    gateway.admin("POST", "/vault/issuers", _ISSUER)


def _messages(gateway: Gateway) -> None:
    texts = gateway.make_key(
        vendor="twilio",
        daily_usd_cap=5,
        daily_call_cap=50,
        agent_run_label="welcome-sms/77",
        allowed_endpoints=["POST /2010-04-01/Accounts/*/Messages.json"],
    )
    sid = texts.record["account_sid"]
    for _ in range(3):
        form = {"To": "+14155550123", "From": "+14155550100", "Body": "Welcome aboard."}
        gateway.call(texts, "POST", f"/2010-04-01/Accounts/{sid}/Messages.json", form=form)
    mails = gateway.make_key(
        vendor="resend",
        daily_usd_cap=1,
        agent_run_label="newsletter/12",
        allowed_endpoints=["POST /emails"],
    )
    mail = {"from": "a@example.com", "to": ["b@example.com"], "subject": "May", "text": "Hello."}
    gateway.call(mails, "POST", "/emails", json_body=mail)


_ISSUER: Final[Mapping[str, Any]] = {
    "name": "Billing scenario",
    "daily_usd_cap": 1000,
    "template": {
        "vendors": ["stripe"],
        "allowed_endpoints": ["POST /v1/payment_intents"],
        "daily_usd_cap_max": 200,
        "expires_in_max": "2h",
    },
}
