"""What a person reads when the gateway is up."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from gateway.run.banner import banner, first_vendor, sandbox_words
from gateway.settings import (
    AccountSettings,
    DashboardSettings,
    Secret,
    ServerSettings,
    Settings,
    VendorSettings,
)

TRIAL = {
    "vendor": "stripe",
    "daily_usd_cap": "500.00",
    "allowed_endpoints": ["POST /v1/payment_intents"],
    "key": "vault_key_x",
}


def here(*names: str, sandbox: bool = True) -> Settings:
    return Settings(vendors={name: VendorSettings(name, "x", sandbox=sandbox) for name in names})


def pasted(text: str) -> list[str]:
    """As a shell would read the pasted lines."""
    lines = text[text.index("    curl") :].split("\n\n")[0]
    return shlex.split(lines.replace("\\\n", " "))


def test_a_first_start_shows_the_key_once_and_a_line_to_paste() -> None:
    text = banner(here("stripe"), "127.0.0.1:8080", "kb_admin_x", TRIAL)
    assert text.count("kb_admin_x") == 1
    words = pasted(text)
    assert words[:3] == ["curl", "-i", "http://127.0.0.1:8080/stripe/v1/payment_intents"]
    assert "Authorization: Bearer vault_key_x" in words
    assert json.loads(words[-1]) == {"amount": 1200, "currency": "usd", "customer": "cus_1"}
    assert "http://127.0.0.1:8080/openapi.json" in text
    assert "http://127.0.0.1:8080/dashboard" in text


def test_a_later_start_shows_no_key() -> None:
    real = here("stripe", sandbox=False)
    text = banner(real, "127.0.0.1:8080", None, None, "127.0.0.1:9090")
    assert "${KEYBRAKE_ADMIN_KEY:-" in text
    assert "http://127.0.0.1:9090/vault/keys" in text
    assert "http://127.0.0.1:9090/dashboard" in text


def test_a_sandbox_is_the_logs_to_tell() -> None:
    assert "SANDBOX" not in banner(here("stripe", "twilio"), "127.0.0.1:8080", None, None)
    assert sandbox_words("twilio").startswith("*** TWILIO SANDBOX")


@pytest.mark.parametrize("vendor", ["stripe", "twilio", "resend", "acme"])
def test_there_is_a_line_for_whatever_vendor_is_there(vendor: str) -> None:
    words = pasted(banner(here(vendor), "127.0.0.1:8080", "kb_admin_x", None))
    assert json.loads(words[-1])["vendor"] == vendor


def test_without_a_vendor_there_is_nothing_to_paste() -> None:
    assert "curl" not in banner(Settings(), "127.0.0.1:8080", "kb_admin_x", None)


def test_the_vendor_to_begin_with() -> None:
    mixed = Settings(vendors={**here("resend").vendors, **here("stripe", sandbox=False).vendors})
    first, tried = first_vendor(mixed), first_vendor(mixed, sandbox=True)
    assert first is not None
    assert tried is not None
    assert (first.name, tried.name) == ("stripe", "resend")


def test_with_several_accounts_the_pasted_line_names_one() -> None:
    two = {name: AccountSettings(name, Secret("sk_test_x")) for name in ("umbrella", "acme")}
    stripe = VendorSettings("stripe", "x", accounts=two)
    text = banner(Settings(vendors={"stripe": stripe}), "127.0.0.1:8080", None, None)
    assert '"account": "acme"' in text


def test_with_a_certificate_it_is_https_and_a_dashboard_may_be_off() -> None:
    settings = replace(
        here("stripe"),
        server=ServerSettings(tls_cert_file="cert.pem"),
        dashboard=DashboardSettings(enabled=False),
    )
    text = banner(settings, "127.0.0.1:8080", None, None)
    assert "https://127.0.0.1:8080/vault/keys" in text
    assert "/dashboard" not in text
