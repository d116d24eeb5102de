"""What callers ask for in a soak: each call with a token that the vendor keeps and the audit log
tells, so that in the end both can be laid side by side."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from bench import load
from bench.vendor import TWILIO_SID

FORM: Final = "application/x-www-form-urlencoded"
MESSAGES: Final = f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json"
RECIPIENTS: Final = ("ada@example.com", "grace@example.com", "edsger@example.com")
_tokens = itertools.count(1)


@dataclass(slots=True)
class Key:
    """A vault key as the callers hold it. steady: its cap is never lowered. revoked_us: when the
    answer to its revoke came, shown time."""

    id: str
    secret: str
    vendor: str
    steady: bool = True
    revoked_us: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One call. kind: what it is called in the table. token: the same for all that is done about
    one charge. retry: its Idempotency-Key, '' for none."""

    kind: str
    key: Key
    method: str
    path: str
    body: bytes = b""
    content_type: str = ""
    token: str = field(default_factory=lambda: f"t{next(_tokens)}")
    retry: str = ""
    run: str = ""

    def bytes(self) -> bytes:
        named = {
            "Authorization": f"Bearer {self.key.secret}",
            "Content-Type": self.content_type,
            "Idempotency-Key": self.retry,
            "Keybrake-Step": self.token,
            "Keybrake-Run": self.run,
        }
        headers = [(name, value) for name, value in named.items() if value]
        target = f"/{self.key.vendor}{self.path}"
        return load.request(self.method, target, headers=headers, body=self.body)

    def again(self) -> Order:
        return replace(self, kind="retry")

    def otherwise(self) -> Order:
        """Another request under the same Idempotency-Key."""
        return replace(self, kind="conflict", body=self.body + b"&description=other")


def charge(key: Key, dice: random.Random, *, method: str = "visa", kind: str = "charge") -> Order:
    """Half of them the old way, half as an intent."""
    made = Order(kind, key, "POST", "", content_type=FORM, retry=f"soak-{dice.getrandbits(64):x}")
    form = {
        "amount": str(dice.randint(50, 2_500)),
        "currency": "usd",
        "metadata[soak]": made.token,
    }
    if dice.random() < 0.5:
        form["source"] = f"tok_{method}"
        return _posted(made, "/v1/charges", form)
    form |= {"payment_method": f"pm_card_{method}", "confirm": "true"}
    return _posted(made, "/v1/payment_intents", form)


def authorised(key: Key, dice: random.Random) -> Order:
    """An intent whose money waits for a capture."""
    made = Order("authorise", key, "POST", "", content_type=FORM, run=f"r{dice.randint(1, 99)}")
    form = {
        "amount": str(dice.randint(1_000, 2_500)),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "capture_method": "manual",
        "metadata[soak]": made.token,
    }
    return _posted(made, "/v1/payment_intents", form)


def captured(of: Order, intent: str, cents: int) -> Order:
    made = replace(of, kind="capture", retry="")
    return _posted(made, f"/v1/payment_intents/{intent}/capture", {"amount_to_capture": str(cents)})


def canceled(of: Order, intent: str) -> Order:
    return _posted(replace(of, kind="cancel", retry=""), f"/v1/payment_intents/{intent}/cancel", {})


def refund(key: Key, charge_id: str, cents: int) -> Order:
    made = Order("refund", key, "POST", "", content_type=FORM)
    return _posted(made, "/v1/refunds", {"charge": charge_id, "amount": str(cents)})


def read(key: Key, path: str) -> Order:
    return Order("read", key, "GET", path)


def message(key: Key, dice: random.Random) -> Order:
    made = Order("message", key, "POST", "", content_type=FORM)
    text = "Your order is on its way. " * dice.randint(1, 9)
    return _posted(
        made, MESSAGES, {"To": "+14155550100", "From": "+15005550006", "Body": text + made.token}
    )


def mail(key: Key, dice: random.Random) -> Order:
    made = Order("mail", key, "POST", "", retry=f"soak-{dice.getrandbits(64):x}")
    to = list(RECIPIENTS[: dice.randint(1, 3)])
    data = {
        "from": "Shop <shop@example.com>", "to": to, "subject": made.token, "text": "It is coming.",
    }  # fmt: skip
    if dice.random() < 0.2:
        return _written(replace(made, kind="batch"), "/emails/batch", [data, data])
    return _written(made, "/emails", data)


def wrong(key: Key, dice: random.Random) -> Order:
    """What must be refused before anything is held."""
    stranger = replace(key, secret="vault_key_" + "0" * 36)
    return dice.choice(
        (
            Order("wrong", stranger, "GET", "/v1/charges"),
            Order("wrong", key, "POST", "/v1/accounts/../charges", b"a=1", FORM),
            Order("wrong", key, "POST", "/v1/charges", b"amount=1e6&currency=usd", FORM),
            Order("wrong", key, "POST", "/v1/ephemeral_keys", b"customer=cus_1", FORM),
            Order("wrong", key, "POST", "/v1/charges", b"amount=5&amount=6&currency=usd", FORM),
        )
    )


def _posted(order: Order, path: str, form: Mapping[str, str]) -> Order:
    return replace(order, path=path, body=urlencode(form).encode(), content_type=FORM)


def _written(order: Order, path: str, data: object) -> Order:
    return replace(
        order, path=path, body=json.dumps(data).encode(), content_type="application/json"
    )
