"""The kinds of calls that a benchmark makes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from bench import load
from bench.vendor import TWILIO_SID

FORM: Final = "amount=1200&currency=usd&confirm=true"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MESSAGE: Final = {
    "To": "+14155550100",
    "From": "+15005550006",
    "Body": "Your order is on its way.",
}
_MAIL: Final = {
    "from": "Shop <shop@example.com>",
    "to": "a@example.com",
    "subject": "Your order",
    "text": "It is on its way.",
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One kind of request. target: path below the vendor's root. shows: in every good answer."""

    name: str
    method: str
    target: str
    body: str = ""
    content_type: str = ""
    vendor: str = "stripe"
    shows: bytes = b'"object":"payment_intent"'

    def headers(self, bearer: str) -> list[tuple[str, str]]:
        kind = [("Content-Type", self.content_type)] if self.content_type else []
        return [("Authorization", f"Bearer {bearer}"), *kind]

    def bytes_for(self, bearer: str, prefix: str) -> bytes:
        return load.request(
            self.method,
            prefix + self.target,
            headers=self.headers(bearer),
            body=self.body.encode(),
        )


CHARGE: Final = Shot("charge", "POST", "/v1/payment_intents", FORM, _FORM_TYPE)
READ: Final = Shot("read", "GET", "/v1/payment_intents/pi_000000000000000000000001")
MESSAGE: Final = Shot(
    "message",
    "POST",
    f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json",
    urlencode(_MESSAGE),
    _FORM_TYPE,
    "twilio",
    b'"sid":"SM',
)
MAIL: Final = Shot(
    "mail", "POST", "/emails", json.dumps(_MAIL), "application/json", "resend", b'"id":"'
)
