"""Mails through a gateway, told in a line a step: for tests from outside, with Resend's sandbox
behind it.

What the gateway counts is read from its books, what really went out is asked of the sandbox. The
sandbox has a team for each account of the settings: `default`, `acme`, and `narrow`, whose key may
send and do nothing else.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from bench.sandbox.launch import Sandbox
from tests.house import RESEND_SECRET, Answer, Gateway, VaultKey, request_bytes, resend_at

ACME_SECRET: Final = "re_houseOfAcme_9876543210"
SENDING_ONLY: Final = "re_houseOfSenders_5555555555"
OTHERS: Final = """
[vendors.resend.accounts.acme]
secret = "env:ACME_RESEND_KEY"
[vendors.resend.accounts.narrow]
secret = "env:NARROW_RESEND_KEY"
"""
ENV: Final = {"ACME_RESEND_KEY": ACME_SECRET, "NARROW_RESEND_KEY": SENDING_ONLY}
QUICK: Final = "calls_per_second_max = 0\nfirst_byte_timeout_s = 4\ntotal_timeout_s = 8"
"""No waiting for Resend's rate, and little for an answer that does not come."""
NOWHERE: Final = "http://127.0.0.1:9"
PRICE: Final = Decimal("0.0009")
MAIL: Final[dict[str, Any]] = {
    "from": "Shop <shop@example.com>", "to": "a@example.com", "subject": "Hi", "text": "there",
}  # fmt: skip
AGENT: Final = "mails-of-the-tests/1"


def settings(base_url: str) -> str:
    """Sections for all accounts."""
    return resend_at(base_url, lines=QUICK, account_lines=OTHERS)


def mail(**changed: Any) -> dict[str, Any]:
    """MAIL with these members; `from_` is `from`."""
    return {**MAIL, **{name.rstrip("_"): value for name, value in changed.items()}}


def people(count: int, name: str = "p") -> list[str]:
    return [f"{name}{n}@example.com" for n in range(count)]


def mail_key(gateway: Gateway, **terms: Any) -> VaultKey:
    endpoints = [f"{method} /**" for method in ("POST", "GET", "PATCH", "DELETE")]
    return gateway.make_key(**{"vendor": "resend", "allowed_endpoints": endpoints, **terms})


def send(
    gateway: Gateway, key: VaultKey, body: Any = None, *, path: str = "/emails", **headers: Any
) -> Answer:
    """One mail (MAIL if none is given), or whatever else is posted there."""
    body = MAIL if body is None else body
    return gateway.call(key, "POST", path, json_body=body, **headers)


def send_raw(
    gateway: Gateway, key: VaultKey, body: bytes, content_type: str = "application/json",
    path: str = "/emails",
) -> Answer:  # fmt: skip
    """Bytes as they are; without a Content-Type where that is ''."""
    head = {"Host": gateway.address, "Authorization": f"Bearer {key.secret}"}
    if content_type:
        head["Content-Type"] = content_type
    with gateway.wire() as wire:
        wire.send(request_bytes("POST", f"/resend{path}", head, body))
        return wire.answer()


def sent_mails(sandbox: Sandbox) -> list[list[str]]:
    """The recipients of each mail that went out, oldest first."""
    return [one["recipients"] for one in sandbox.control("GET", "mails")["mails"]]


def went_out(sandbox: Sandbox) -> int:
    """How many recipients."""
    return int(sandbox.stats()["mails"])


def arrived(sandbox: Sandbox, method: str = "POST") -> list[dict[str, Any]]:
    """Requests that reached the sandbox: {"path", "query", "headers", "body"}."""
    found = [seen for seen in sandbox.stats()["seen"] if seen["method"] == method]
    for seen in found:
        seen["headers"] = {name.lower(): value for name, value in seen["headers"]}
    return found


def stands(gateway: Gateway, key: VaultKey) -> dict[str, Any]:
    """What of the key's budget is not zero: USD by state, and `calls`."""
    record = gateway.record(key)
    states = ("settled", "standing", "pending", "in_doubt", "held")
    found = {s: record[f"{s}_usd"] for s in states if record[f"{s}_usd"] != "0.00"}
    return found | ({"calls": record["calls_today"]} if record["calls_today"] else {})


def usd(recipients: int) -> str:
    """What so many cost, as the gateway writes it: 2 to 6 decimals, zeros trimmed beyond two."""
    whole, _, rest = f"{PRICE * recipients:.6f}".partition(".")
    return f"{whole}.{rest[:2]}{rest[2:].rstrip('0')}"


def directly(
    sandbox: Sandbox, method: str, path: str, data: Any = None, secret: str = RESEND_SECRET
) -> Any:
    """The same by somebody who has the real key."""
    body = None if data is None else json.dumps(data).encode()
    status, _, content = sandbox.request(
        method, path, body, authorization=f"Bearer {secret}", user_agent=AGENT
    )
    assert 200 <= status < 300, content
    return json.loads(content)


def segment_of(sandbox: Sandbox, contacts: int) -> str:
    """A new segment with so many people in it."""
    segment: str = directly(sandbox, "POST", "/segments", {"name": "Customers"})["id"]
    for address in people(contacts):
        directly(sandbox, "POST", "/contacts", {"email": address, "segments": [{"id": segment}]})
    return segment


def draft_for(sandbox: Sandbox, segment: str) -> str:
    """A new broadcast to it."""
    wish = {"segment_id": segment, "from": "n@example.com", "subject": "News", "text": "none"}
    made: str = directly(sandbox, "POST", "/broadcasts", wish)["id"]
    return made
