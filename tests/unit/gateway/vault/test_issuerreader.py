from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.vault.issuerreader import read_issuer_amendment, read_issuer_terms
from gateway.vault.known import KnownVendor

KNOWN = {"stripe": KnownVendor({"default", "acme"}), "twilio": KnownVendor({"main"})}
BODY: dict[str, Any] = {
    "daily_usd_cap": "1000",
    "template": {
        "vendors": ["stripe"],
        "allowed_endpoints": ["POST /v1/payment_intents"],
        "daily_usd_cap_max": 50,
    },
}


def test_where_nothing_is_said_a_key_lives_a_day_at_most() -> None:
    terms = read_issuer_terms(BODY, KNOWN, "iss_1", 5)
    assert terms.template.expires_s_max == 86_400
    assert (terms.daily_cap_micros, terms.template.daily_cap_micros_max) == (10**9, 50_000_000)
    assert (terms.timezone, terms.keys_per_hour, terms.created_at_us) == ("UTC", None, 5)


def test_a_template_names_vendors_and_accounts_that_are_here() -> None:
    template = BODY["template"] | {"vendors": ["stripe", "twilio", "resend"], "account": "acme"}
    with pytest.raises(InvalidRequest) as refused:
        read_issuer_terms(BODY | {"template": template}, KNOWN, "iss_1", 5)
    assert [told["problem"] for told in refused.value.facts["errors"]] == [
        "resend is not set up here; there is stripe, twilio",
        "acme is no account of resend",
        "acme is no account of twilio",
    ]


def test_an_amendment_leaves_alone_what_it_does_not_name() -> None:
    terms = read_issuer_terms(BODY | {"name": "x", "keys_per_hour": 3}, KNOWN, "iss_1", 5)
    amended = read_issuer_amendment({"keys_per_hour": None}, KNOWN, terms)
    assert (amended.keys_per_hour, amended.name) == (None, "x")
    assert amended.template is terms.template
