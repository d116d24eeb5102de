"""Vendors as far as settings go: the three that ship, and Acme, which has no stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from vendors.contract import Credential, PriceTableMistake, Vendor
from vendors.plain import Plain


@dataclass(frozen=True, slots=True)
class Pretended(Plain):
    """A vendor as far as settings go. ids: its credentials have an account's."""

    name: str
    base_url: str
    sandbox_credential: Credential
    products: Mapping[str, str] = field(default_factory=dict)
    prices_date: str = ""
    ids: bool = False

    def mistakes(self, credential: Credential) -> Mapping[str, str]:
        told = {}
        if not credential.secret.startswith(("sk_", "rk_")):
            told["secret"] = "must begin with sk_ or rk_"
        if self.ids and not credential.account.startswith("AC"):
            told["account_sid"] = "must begin with AC"
        if credential.api_key and not credential.api_key.startswith("SK"):
            told["api_key_sid"] = "must begin with SK"
        return told

    def with_prices(self, table: str) -> Vendor:
        if not self.prices_date:
            return Plain.with_prices(self, table)
        if not table.startswith("20"):
            raise PriceTableMistake("date: must be a day")
        return cast("Vendor", replace(self, prices_date=table.strip()))


STRIPE = Pretended(
    "stripe",
    "https://api.stripe.com",
    Credential("sk_test_keybrakeSandboxOnly"),
    {"files": "https://files.stripe.com", "connect": "https://connect.stripe.com"},
)
TWILIO = Pretended(
    "twilio",
    "https://api.twilio.com",
    Credential("sk_" + "0" * 32, "AC" + "0" * 32),
    ids=True,
    prices_date="2026-05-25",
)
RESEND = Pretended("resend", "https://api.resend.com", Credential("sk_keybrakeSandboxOnly"))
ACME = Pretended("acme", "https://api.acme.example", Credential("sk_acme"))
