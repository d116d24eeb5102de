"""What a person reads when the gateway is up: the admin key once, a line to paste, and where to go
next."""

from __future__ import annotations

import json
from typing import Final

from gateway.settings import Settings
from gateway.vault.known import home

TRIAL_KEY: Final = {
    "vendor": "stripe",
    "daily_usd_cap": 500,
    "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/customers/*"],
    "expires_in": "2h",
    "agent_run_label": "first-steps/1",
}
"""The key that a first start with the sandbox makes, and that the pasted line makes otherwise."""


def banner(
    settings: Settings,
    address: str,
    admin_key: str | None,
    vault_key: str | None,
    admin_address: str = "",
) -> str:
    """address, admin_address: host:port as they are listened on. admin_key: the secret, if it was
    made just now. vault_key: the secret of a trial key, if there is one to paste."""
    url = f"{settings.server.scheme}://{address}"
    admin_url = f"{settings.server.scheme}://{admin_address or address}"
    parts = [f"keybrake is serving on {url}"]
    stand_ins = [vendor.name for vendor in settings.vendors.values() if vendor.sandbox]
    if stand_ins:
        parts.append("\n".join(map(sandbox_words, stand_ins)))
    if admin_key:
        parts.append(f"admin key, shown this once (only its hash is kept):\n\n    {admin_key}")
    else:
        parts.append(
            "admin key: the one from KEYBRAKE_ADMIN_KEY, or from the first start. "
            "Lost it? Start again with KEYBRAKE_ADMIN_KEY set."
        )
    if vault_key:
        line = charge_line(url, vault_key)
        parts.append(f"charge 12 USD of a trial key's 500 a day (paste it):\n\n{line}")
    elif "stripe" in settings.vendors:
        accounts = settings.vendors["stripe"].accounts
        account = "" if home(accounts) else min(accounts, default="")
        line = create_line(admin_url, admin_key, account)
        parts.append(f"make a vault key (paste it):\n\n{line}")
    parts.append(f"next: README.md · {admin_url}/openapi.json · keybrake demo · keybrake --help")
    return "\n" + "\n\n".join(parts) + "\n"


def sandbox_words(vendor: str) -> str:
    """Said in the banner and in the log, loudly."""
    return (
        f"*** {vendor.upper()} SANDBOX: no real {vendor} credentials are configured. "
        "Calls go to a stand-in of our own; no money moves. ***"
    )


def charge_line(url: str, vault_key: str) -> str:
    body = json.dumps({"amount": 1200, "currency": "usd", "customer": "cus_1"})
    return _curl(f"{url}/stripe/v1/payment_intents", vault_key, body)


def create_line(url: str, admin_key: str | None, account: str = "") -> str:
    """account: named where the vendor has several and none of them is meant by itself."""
    terms = {**TRIAL_KEY, "account": account} if account else TRIAL_KEY
    return _curl(f"{url}/vault/keys", admin_key or "$KEYBRAKE_ADMIN_KEY", json.dumps(terms))


def _curl(url: str, key: str, body: str) -> str:
    return (
        f"    curl -i {url} \\\n"
        f'      -H "Authorization: Bearer {key}" \\\n'
        f'      -H "Content-Type: application/json" \\\n'
        f"      -d '{body}'"
    )
