"""What a person reads when the gateway is up."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

from gateway.run.banner import banner, charge_line, create_line
from gateway.settings import AccountSettings, Secret, ServerSettings, Settings, VendorSettings

SANDBOXED = Settings(vendors={"stripe": VendorSettings("stripe", "x", sandbox=True)})


def words(line: str) -> list[str]:
    """As a shell would read the pasted lines."""
    return shlex.split(line.replace("\\\n", " "))


def test_a_first_start_shows_the_key_once_and_a_line_to_paste() -> None:
    text = banner(SANDBOXED, "127.0.0.1:8080", "kb_admin_x", "vault_key_x")
    assert "kb_admin_x" in text
    assert "Bearer vault_key_x" in text
    assert "STRIPE SANDBOX" in text
    assert "http://127.0.0.1:8080/openapi.json" in text


def test_a_later_start_shows_no_key() -> None:
    real = Settings(vendors={"stripe": VendorSettings("stripe", "x")})
    text = banner(real, "127.0.0.1:8080", None, None, "127.0.0.1:9090")
    assert "$KEYBRAKE_ADMIN_KEY" in text
    assert "http://127.0.0.1:9090/vault/keys" in text
    assert "SANDBOX" not in text


def test_each_stand_in_is_named_on_a_line() -> None:
    twilio = VendorSettings("twilio", "x", sandbox=True)
    resend = VendorSettings("resend", "x")
    everyone = {**SANDBOXED.vendors, "twilio": twilio, "resend": resend}
    lines = banner(Settings(vendors=everyone), "127.0.0.1:8080", None, None).splitlines()
    loud = [line.split(":")[0] for line in lines if line.startswith("***")]
    assert loud == ["*** STRIPE SANDBOX", "*** TWILIO SANDBOX"]


def test_without_stripe_there_is_no_line_for_it() -> None:
    twilio = Settings(vendors={"twilio": VendorSettings("twilio", "x", sandbox=True)})
    assert "curl" not in banner(twilio, "127.0.0.1:8080", "kb_admin_x", None)


def test_with_several_accounts_the_pasted_line_names_one() -> None:
    two = {name: AccountSettings(name, Secret("sk_test_x")) for name in ("umbrella", "acme")}
    stripe = VendorSettings("stripe", "x", accounts=two)
    text = banner(Settings(vendors={"stripe": stripe}), "127.0.0.1:8080", None, None)
    assert '"account": "acme"' in text


def test_pasted_lines_are_whole() -> None:
    charge = words(charge_line("http://h", "vault_key_x"))
    assert charge[:3] == ["curl", "-i", "http://h/stripe/v1/payment_intents"]
    assert json.loads(charge[-1]) == {"amount": 1200, "currency": "usd", "customer": "cus_1"}
    create = words(create_line("http://h", "kb_admin_x"))
    assert "Authorization: Bearer kb_admin_x" in create
    assert json.loads(create[-1])["daily_usd_cap"] == 500


def test_with_a_certificate_everything_is_https() -> None:
    settings = replace(SANDBOXED, server=ServerSettings(tls_cert_file="cert.pem"))
    text = banner(settings, "127.0.0.1:8443", "kb_admin_x", "vault_key_x", "127.0.0.1:9443")
    assert "https://127.0.0.1:8443" in text
    assert "https://127.0.0.1:9443/openapi.json" in text
    assert "http://" not in text
