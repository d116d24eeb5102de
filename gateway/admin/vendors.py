"""`GET /vault/vendors`: each vendor account, with what its calls of the last hour came to, how far
the looking after its open calls is, and how old its prices are. Credentials are named by where they
come from, never shown."""

from __future__ import annotations

from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.admin.views import moment
from gateway.reconcile.crew import Account
from gateway.settings import VendorSettings
from ledger.history import VendorHealth

HOUR_US: Final = 3_600_000_000


async def list_vendors(house: House, ask: Ask) -> Answer:
    await house.fresh()
    found = await house.history.vendor_health(house.now_us() - HOUR_US)
    health = {(one.vendor, one.account): one for one in found}
    looked = {(one.vendor, one.account): one for one in house.reconcilers.accounts()}
    rates = house.doors.rates()
    return {
        "object": "vendors",
        "accounts": [
            {
                **_account(house, vendor, name),
                "last_hour": _health(health.get((vendor.name, name))),
                **_reconciled(looked.get((vendor.name, name))),
            }
            for _, vendor in sorted(house.doors.settings.vendors.items())
            for name in sorted(vendor.accounts)
        ],
        "rates": {
            "date": rates.date.isoformat(),
            "age_days": rates.age_days,
            "stale": rates.stale,
        },
        "barred": [bar.shown() for bar in house.registry.bars.in_force],
    }


def _account(house: House, vendor: VendorSettings, name: str) -> dict[str, Any]:
    secret = f"vendors.{vendor.name}.accounts.{name}.secret"
    bar = house.registry.bars.stops(vendor.name, name)
    return {
        "object": "vendor_account",
        "vendor": vendor.name,
        "account": name,
        "sandbox": vendor.sandbox,
        "base_url": vendor.base_url,
        "credential_from": house.doors.settings.origins.get(secret),
        "prices_date": house.doors.vendors[vendor.name].prices_date or None,
        "barred": bar is not None,
    }


def _health(health: VendorHealth | None) -> dict[str, Any]:
    """Of calls that were let through; nothing but zeros where there were none."""
    if health is None:
        return {"calls": 0, "failed": 0, "turned_down": 0, "p50_ms": None, "p99_ms": None}
    return {
        "calls": health.calls,
        "failed": health.failed,
        "turned_down": health.turned_down,
        "p50_ms": health.p50_ms,
        "p99_ms": health.p99_ms,
    }


def _reconciled(account: Account | None) -> dict[str, Any]:
    """None throughout where the reconciler is switched off."""
    if account is None:
        return {"open": None, "last_look_at": None, "last_error": None}
    looked_us = account.last_look_us
    return {
        "open": sum(account.queue.values()),
        "last_look_at": None if looked_us is None else moment(looked_us),
        "last_error": account.last_error or None,
    }


ROUTES: Final = (
    Route("GET", "/vault/vendors", ADMIN, list_vendors,
          "Vendor accounts: how they answer, what is open, how old their prices are", "Vendors"),
)  # fmt: skip
