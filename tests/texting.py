"""What tests of Twilio from outside say again and again: a message to an American, what it came to
at the gateway and at a Twilio of our own, and what that Twilio got to see.

    call_id = sent(gateway, key, Body="Hello")
    assert charged(twilio) <= spent(gateway, key)

Money is in micros here, so that both sides are compared to the last digit.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from bench.sandbox.launch import Sandbox
from tests.house import TWILIO_SID, TWILIO_TOKEN, Answer, Gateway, VaultKey, request_bytes

ACCOUNT: Final = f"/2010-04-01/Accounts/{TWILIO_SID}"
MESSAGES: Final = f"{ACCOUNT}/Messages.json"
CALLS: Final = f"{ACCOUNT}/Calls.json"
FROM: Final = "+15005550006"
SMS: Final = {"To": "+14155550100", "From": FROM, "Body": "Your order is on its way."}
SMS_MICROS: Final = 13_300
"""One segment to an American, with the dearest carrier's fee."""
SERVICE: Final = f"MG{'a' * 32}"
PAIRS: Final = tuple(SMS.items())
SAY: Final = "<Response><Say>Your order is on its way.</Say></Response>"
CALL: Final = {"To": SMS["To"], "From": FROM, "Twiml": SAY}
VERIFY: Final = f"/verify/v2/Services/VA{'a' * 32}"
LOOKUP: Final = f"/lookups/v2/PhoneNumbers/{SMS['To']}"
SUBACCOUNT: Final = f"AC{'9' * 32}"
AT_ONCE: Final = """
[reconciler]
doubt_first_look_s = 0
listing_gap_s = 0
calls_per_second_max = 1000
"""
"""Looks are made as soon as they are asked for."""
NEVER: Final = """
[reconciler]
enabled = false
"""
"""Nobody looks: what the vendor sees comes from the test."""
NOWHERE: Final = "http://127.0.0.1:9"
"""Where Stripe is, for a gateway that is not asked about it."""
_LOOKS_MAX: Final = 6
_FORM: Final = "application/x-www-form-urlencoded"

Fields = Mapping[str, str | None]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


REAL: Final = basic(TWILIO_SID, TWILIO_TOKEN)


def fields_of(changes: Fields) -> dict[str, str]:
    """A short message to an American, but for these; None leaves a field out."""
    return {name: value for name, value in {**SMS, **changes}.items() if value is not None}


def text(
    gateway: Gateway,
    key: VaultKey,
    path: str = MESSAGES,
    /,
    *,
    idempotency_key: str | None = None,
    **changes: str | None,
) -> Answer:
    """A message, answered or refused."""
    named = {} if idempotency_key is None else {"idempotency_key": idempotency_key}
    return gateway.call(key, "POST", path, form=fields_of(changes), **named)


def sent(gateway: Gateway, key: VaultKey, **changes: str | None) -> str:
    """The id of a call that sent a message."""
    answer = text(gateway, key, **changes)
    assert answer.status == 201, answer
    return answer.headers["keybrake-call-id"]


def raw(
    gateway: Gateway,
    method: str,
    target: str,
    authorization: str,
    pairs: Sequence[tuple[str, str]] | None = None,
    **headers: str,
) -> Answer:
    """A request as it stands, with these pairs as its form."""
    named = {"Host": gateway.address, "Authorization": authorization}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = None
    if pairs is not None:
        named.setdefault("Content-Type", _FORM)
        body = urlencode(pairs).encode()
    with gateway.wire() as wire:
        wire.send(request_bytes(method, target, named, body))
        return wire.answer(head=method == "HEAD")


def refused(answer: Answer, status: int, error: str, **facts: Any) -> None:
    """It was, with this code of ours and these facts."""
    told = answer.json()
    assert (answer.status, told["error"]) == (status, error), answer
    assert {name: told.get(name) for name in facts} == facts


def untouched(twilio: Sandbox, gateway: Gateway, key: VaultKey) -> None:
    """Nothing was sent, and nothing counts."""
    assert twilio.stats()["requests"] == 0
    assert spent(gateway, key) == 0


def verified(gateway: Gateway) -> None:
    """It ends in good order, and its journal tells the same story as its books did."""
    assert gateway.stop() == 0
    told = gateway.run("ledger", "verify")
    assert told.returncode == 0, told.stdout + told.stderr


def micros(usd: str) -> int:
    whole = Decimal(usd) * 1_000_000
    assert whole == whole.to_integral_value()
    return int(whole)


def cost(answer: Answer) -> int:
    return micros(answer.headers["keybrake-cost-usd"])


def spent(gateway: Gateway, key: VaultKey) -> int:
    return micros(gateway.record(key)["spent_usd"])


def counts(gateway: Gateway, key: VaultKey) -> dict[str, int]:
    """What is counted, by state; what is nothing is left out."""
    record = gateway.record(key)
    names = ("held", "settled", "pending", "standing", "in_doubt")
    found = {name: micros(record[f"{name}_usd"]) for name in names}
    return {name: amount for name, amount in found.items() if amount}


def call_of(gateway: Gateway, call_id: str) -> Any:
    """A row of the audit log."""
    return gateway.ask(f"/vault/calls/{call_id}")


def last_call(gateway: Gateway) -> Any:
    return gateway.ask("/vault/calls?limit=1")["data"][0]


def looked_until(gateway: Gateway, call_id: str, *states: str) -> Any:
    """The call's row, once it is in one of these states. The background may be there first."""
    for _ in range(_LOOKS_MAX):
        record = call_of(gateway, call_id)
        if record["state"] in states:
            return record
        gateway.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
    raise AssertionError(f"still {record['state']}: {gateway.ask('/vault/reconciler')}")


# -- at the vendor ---------------------------------------------------------------------------------


def charged(twilio: Sandbox) -> int:
    return int(twilio.stats()["charged"]["usd_micros"])


def messages(twilio: Sandbox) -> list[dict[str, Any]]:
    """All that were made, as Twilio shows them."""
    found: list[dict[str, Any]] = twilio.control("GET", "messages")["messages"]
    return found


def seen(twilio: Sandbox) -> list[dict[str, Any]]:
    """Requests that arrived, in order; each has its `headers` by lower-case name."""
    return [
        {**each, "headers": {name.lower(): value for name, value in each["headers"]}}
        for each in twilio.stats()["seen"]
    ]


def heard_no_secrets(twilio: Sandbox) -> None:
    """Each request bore its own credentials, and nothing of ours."""
    for request in seen(twilio):
        assert request["headers"]["authorization"] == REAL
        assert "vault_key" not in json.dumps(request)
        assert not any(name.startswith("keybrake") for name in request["headers"])


def pass_time(twilio: Sandbox, seconds: float = 120) -> None:
    """Long enough for a message to arrive and its price to show."""
    twilio.control("POST", "advance", {"seconds": seconds})


def deliver(twilio: Sandbox, sid: str, status: str, **more: Any) -> None:
    twilio.control("POST", "deliver", {"sid": sid, "status": status, **more})
