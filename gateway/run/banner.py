"""What a person reads when the gateway is up: the admin key once, a line to paste, and where to go
next. That a sandbox stands in is the log's to say, once and loudly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.run import paste
from gateway.settings import Settings, VendorSettings
from gateway.vault.known import home


def banner(
    settings: Settings,
    address: str,
    admin_key: str | None,
    trial: Mapping[str, Any] | None,
    admin_address: str = "",
) -> str:
    """address, admin_address: host:port as they are listened on. admin_key: the secret, if it was
    made just now. trial: the record of a key to play with, its secret as `key`, if there is one."""
    scheme = "https" if settings.server.tls_cert_file else "http"
    url, admin_url = f"{scheme}://{address}", f"{scheme}://{admin_address or address}"
    parts = [f"keybrake is serving on {url}"]
    if admin_key:
        parts.append(f"admin key, shown this once (only its hash is kept):\n\n    {admin_key}")
    else:
        parts.append(
            "admin key: the one from KEYBRAKE_ADMIN_KEY or its _FILE, or from the first start. "
            "Lost it? Start again with KEYBRAKE_ADMIN_KEY set."
        )
    first = first_vendor(settings)
    if trial is not None:
        line = paste.call_line(url, trial, str(trial["key"]))
        parts.append(
            f"a trial key for {trial['vendor']}, {trial['daily_usd_cap']} USD a day at most "
            f"(paste it):\n\n{_indented(line)}"
        )
    elif first is not None:
        account = "" if home(first.accounts) else min(first.accounts, default="")
        line = paste.create_line(admin_url, admin_key, paste.trial_terms(first.name, account))
        parts.append(f"make a vault key for {first.name} (paste it):\n\n{_indented(line)}")
    if settings.dashboard.enabled:
        parts.append(f"dashboard: {admin_url}/dashboard")
    parts.append(f"next: README.md · {admin_url}/openapi.json · keybrake demo · keybrake --help")
    return "\n" + "\n\n".join(parts) + "\n"


def first_vendor(settings: Settings, *, sandbox: bool = False) -> VendorSettings | None:
    """The one to begin with. sandbox: of those that a stand-in of ours answers for."""
    here = [v for v in settings.vendors.values() if v.sandbox or not sandbox]
    known = list(paste.TRIALS)
    order = {name: at for at, name in enumerate(known)}
    return min(here, key=lambda vendor: order.get(vendor.name, len(known)), default=None)


def sandbox_words(vendor: str) -> str:
    """Said in the log, loudly."""
    return (
        f"*** {vendor.upper()} SANDBOX: no real {vendor} credentials are configured. "
        "Calls go to a stand-in of our own; no money moves. ***"
    )


def _indented(line: str) -> str:
    return "\n".join(f"    {part}" for part in line.splitlines())
