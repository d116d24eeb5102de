"""Which settings differ, and which of them wait for a restart."""

from __future__ import annotations

from dataclasses import replace

from gateway.run.changes import changes, keeping_fixed
from gateway.settings import (
    AccountSettings,
    DashboardSettings,
    LedgerSettings,
    LogSettings,
    Secret,
    ServerSettings,
    Settings,
    VendorSettings,
)


def account(secret: str) -> AccountSettings:
    return AccountSettings("default", Secret(secret))


STRIPE = VendorSettings("stripe", "https://api.stripe.com", accounts={"default": account("one")})
OLD = Settings(vendors={"stripe": STRIPE})


def test_nothing_differs_from_itself_whatever_it_came_from() -> None:
    again = replace(STRIPE, accounts={"default": account("one")})
    assert changes(OLD, Settings(vendors={"stripe": again}, origins={"log.level": "x:1"})) == []


def test_names_and_never_values() -> None:
    other = replace(STRIPE, accounts={"default": account("two"), "acme": account("three")})
    new = Settings(
        server=ServerSettings(host_routes={"stripe.gw": "stripe"}),
        vendors={"stripe": other, "twilio": VendorSettings("twilio", "https://api.twilio.com")},
        log=LogSettings(level="debug"),
        admin_key=Secret("kb_admin"),
    )
    assert changes(OLD, new) == [
        "server.host_routes.stripe.gw",
        "vendors.stripe.accounts.default.secret",
        "vendors.stripe.accounts.acme",
        "vendors.twilio",
        "log.level",
        "admin_key",
    ]


def test_what_is_open_stays_as_it_is() -> None:
    new = Settings(
        server=ServerSettings(listen="0.0.0.0:1", admin_listen="0.0.0.0:2", head_timeout_s=1.0),
        ledger=LedgerSettings(audit="sqlite:elsewhere.db"),
        dashboard=DashboardSettings(enabled=False),
    )
    kept = keeping_fixed(OLD, new)
    assert kept.server == ServerSettings(head_timeout_s=1.0)
    assert changes(kept, new) == [
        "server.listen",
        "server.admin_listen",
        "ledger.audit",
        "dashboard.enabled",
    ]


def test_tls_changes_its_files_and_does_not_come_or_go() -> None:
    with_tls = Settings(server=ServerSettings(tls_cert_file="a.pem", tls_key_file="a.key"))
    renewed = Settings(server=ServerSettings(tls_cert_file="b.pem", tls_key_file="b.key"))
    assert keeping_fixed(with_tls, renewed) == renewed
    assert keeping_fixed(OLD, with_tls).server == OLD.server
    assert keeping_fixed(with_tls, OLD).server == with_tls.server
