"""The lives of payment intents and charges, told in a line a step: for tests from outside.

`act` does something with an object, `stands` and `counts` read the books after it. The stand-in for
Stripe knows what its payers were really charged.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

from bench.sandbox.launch import Sandbox
from tests.house import STRIPE_SECRET, Answer, Gateway, VaultKey

INTENTS: Final = "/v1/payment_intents"
EVERYTHING: Final = ["POST /v1/**", "GET /v1/**", "DELETE /v1/**"]
CARD: Final = "payment_method_options[card]"
MULTICAPTURE: Final = {f"{CARD}[request_multicapture]": "if_available"}
PAY: Final = {"payment_method": "pm_card_visa", "confirm": "true"}
HELD: Final = {**PAY, "capture_method": "manual"}
ORDER: Final = {"amount": 1200, "currency": "usd", **PAY}


def act(gateway: Gateway, key: VaultKey, path: str, **form: Any) -> Any:
    """A POST that succeeds; the object that it answers with."""
    answer = gateway.call(key, "POST", path, form=form)
    assert answer.status == 200, answer
    return answer.json()


def create(gateway: Gateway, key: VaultKey, amount: int, **form: Any) -> str:
    """The path of a new intent."""
    intent = act(gateway, key, INTENTS, **{"amount": amount, "currency": "usd", **form})
    return f"{INTENTS}/{intent['id']}"


def without_us(vendor: Sandbox, path: str, **form: Any) -> Any:
    """The same, by somebody who has the real key."""
    content = {"content_type": "application/x-www-form-urlencoded"}
    bearer = f"Bearer {STRIPE_SECRET}"
    body = urlencode(form).encode()
    status, _, answer = vendor.request("POST", path, body, authorization=bearer, **content)
    assert status == 200, answer
    return json.loads(answer)


def refused(gateway: Gateway, key: VaultKey, path: str, **form: Any) -> Answer:
    answer = gateway.call(key, "POST", path, form=form)
    assert answer.status >= 400, answer
    return answer


def stands(gateway: Gateway, key: VaultKey) -> tuple[str, str]:
    """What of the key's budget is settled, and what stands. Nothing else counts between calls."""
    record = gateway.record(key)
    assert (record["held_usd"], record["in_doubt_usd"]) == ("0.00", "0.00"), record
    return record["settled_usd"], record["standing_usd"]


class Issuer:
    """An issuer at a gateway, and what it counts."""

    def __init__(self, gateway: Gateway, daily_usd_cap: str = "500") -> None:
        self.gateway = gateway
        body = {
            "daily_usd_cap": daily_usd_cap,
            "template": {
                "vendors": ["stripe"],
                "allowed_endpoints": EVERYTHING,
                "daily_usd_cap_max": "500",
            },
        }
        answer = gateway.admin("POST", "/vault/issuers", body)
        assert answer.status == 201, answer
        self.id, self.secret = answer.json()["id"], answer.json()["key"]

    def key(self, label: str, **terms: Any) -> VaultKey:
        return self.gateway.make_key(bearer=self.secret, agent_run_label=label, **terms)

    @property
    def stands(self) -> tuple[str, str]:
        record = self.gateway.ask(f"/vault/issuers/{self.id}")
        assert (record["held_usd"], record["in_doubt_usd"]) == ("0.00", "0.00"), record
        return record["settled_usd"], record["standing_usd"]


def pay(gateway: Gateway, key: VaultKey, name: str = "order-1", **form: Any) -> Answer:
    """12 USD at once, under an Idempotency-Key."""
    return send(gateway, key, INTENTS, name, **{**ORDER, **form})


def send(gateway: Gateway, key: VaultKey, path: str, name: str, **form: Any) -> Answer:
    return gateway.call(key, "POST", path, form=form, idempotency_key=name)


def counts(gateway: Gateway, key: VaultKey) -> dict[str, str]:
    """What of the key's budget is not 0.00, by its state."""
    record = gateway.record(key)
    states = ("settled", "standing", "held", "in_doubt")
    return {s: record[f"{s}_usd"] for s in states if record[f"{s}_usd"] != "0.00"}


def issuer_of(gateway: Gateway) -> tuple[str, str]:
    """Id and secret of a new issuer."""
    made = Issuer(gateway)
    return made.id, made.secret


def vendor_keys(vendor: Sandbox) -> list[str]:
    """The Idempotency-Key of each POST that arrived."""
    posts = [seen for seen in vendor.stats()["seen"] if seen["method"] == "POST"]
    return [{n.lower(): v for n, v in post["headers"]}["idempotency-key"] for post in posts]
