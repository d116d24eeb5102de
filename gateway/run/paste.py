"""Lines to paste into a shell: the first call of a key, for whatever vendor it is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Final

TRIALS: Final[Mapping[str, Mapping[str, Any]]] = {
    "stripe": {
        "daily_usd_cap": 500,
        "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/customers/*"],
    },
    "twilio": {
        "daily_usd_cap": 5,
        "daily_call_cap": 50,
        "allowed_endpoints": ["POST /2010-04-01/Accounts/*/Messages.json"],
    },
    "resend": {"daily_usd_cap": 1, "daily_call_cap": 50, "allowed_endpoints": ["POST /emails"]},
}
"""What a key to begin with may do."""

_EXAMPLES: Final[Mapping[str, Mapping[str, str] | str]] = {
    "POST /v1/payment_intents": '{"amount": 1200, "currency": "usd", "customer": "cus_1"}',
    "POST /v1/charges": '{"amount": 1200, "currency": "usd", "source": "tok_visa"}',
    "POST /2010-04-01/Accounts/*/Messages.json": {
        "To": "+14155550123",
        "From": "+14155550100",
        "Body": "Your order is on its way.",
    },
    "POST /emails": (
        '{"from": "you@example.com", "to": "someone@example.com", "subject": "Hello", "text": "…"}'
    ),
}
"""Entry of an allowlist -> a body that fits it: JSON, or the fields of a form."""


def trial_terms(vendor: str, account: str = "") -> dict[str, Any]:
    """account: named where the vendor has several and none of them is meant by itself."""
    terms = TRIALS.get(vendor, {"daily_usd_cap": 1, "allowed_endpoints": ["GET /**"]})
    named = {"account": account} if account else {}
    return {
        "vendor": vendor, **terms, **named, "expires_in": "2h", "agent_run_label": "first-steps/1",
    }  # fmt: skip


def call_line(url: str, record: Mapping[str, Any], secret: str) -> str:
    """A call that the key may make: the first of its endpoints. url: of this gateway."""
    entry = str((record.get("allowed_endpoints") or ["GET /"])[0])
    method, _, path = entry.partition(" ")
    account = record.get("account_sid")
    if account:
        path = path.replace("/Accounts/*", f"/Accounts/{account}")
    path = path.replace("**", "…").replace("*", "…")
    words = [f"curl -i {url}/{record.get('vendor')}{path}"]
    if method not in ("GET", "POST"):
        words.append(f"-X {method}")
    words.append(
        f"-u {shlex.quote(f'{account}:{secret}')}"
        if account
        else f'-H "Authorization: Bearer {secret}"'
    )
    return " \\\n  ".join([*words, *_body(entry, method)])


def create_line(url: str, admin_key: str | None, terms: Mapping[str, Any]) -> str:
    bearer = admin_key or '${KEYBRAKE_ADMIN_KEY:-$(cat "$KEYBRAKE_ADMIN_KEY_FILE")}'
    words = [f"curl -i {url}/vault/keys", f'-H "Authorization: Bearer {bearer}"']
    return " \\\n  ".join([*words, *_json(json.dumps(terms))])


def _body(entry: str, method: str) -> list[str]:
    example = _EXAMPLES.get(entry)
    if isinstance(example, str):
        return _json(example)
    if example is not None:
        fields = (f"{name}={value}" for name, value in example.items())
        return [f"--data-urlencode {shlex.quote(field)}" for field in fields]
    return ["-d '…'"] if method == "POST" else []


def _json(body: str) -> list[str]:
    return ['-H "Content-Type: application/json"', f"-d '{body}'"]
