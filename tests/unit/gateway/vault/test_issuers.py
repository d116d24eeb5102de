from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import PolicyRefused
from gateway.vault.allowlist import Allowlist
from gateway.vault.issuers import Issuer, IssuerTerms, Template, issuer_budget, judge_template
from gateway.vault.terms import Terms
from ledger import BudgetTerms

TEMPLATE = Template(
    frozenset({"stripe", "twilio"}),
    Allowlist.parse(["POST /v1/*", "GET /v1/customers/*"]),
    daily_cap_micros_max=100,
    expires_s_max=60,
    total_cap_micros_max=1_000,
    per_call_micros_max=10,
    daily_call_cap_max=20,
)
TERMS = Terms(
    key_id="vk_1",
    vendor="stripe",
    account="default",
    allowed=Allowlist.parse(["POST /v1/payment_intents"]),
    daily_cap_micros=100,
    created_at_us=0,
    expires_at_us=60_000_000,
    total_cap_micros=1_000,
    per_call_micros_max=10,
    daily_call_cap=20,
    label="scn/1",
)


def test_a_key_may_be_as_much_as_the_template() -> None:
    judge_template(TERMS, TEMPLATE, "default")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"vendor": "resend"}, "vendor must be one of stripe, twilio"),
        ({"daily_cap_micros": 101}, "daily_usd_cap must be at most 0.0001"),
        ({"total_cap_micros": None}, "total_usd_cap must be at most 0.001"),
        ({"per_call_micros_max": None}, "per_call_usd_max must be at most 0.00001"),
        ({"daily_call_cap": 21}, "daily_call_cap must be at most 20"),
        ({"daily_call_cap": None}, "daily_call_cap must be at most 20"),
        ({"expires_at_us": 60_000_001}, "expires_in must be at most 60s"),
        ({"expires_at_us": None}, "expires_in must be at most 60s"),
        (
            {"allowed": Allowlist.parse(["POST /v1/a", "GET /v1/**"])},
            "allowed_endpoints goes beyond the template with GET /v1/**",
        ),
    ],
)
def test_and_no_more(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        judge_template(replace(TERMS, **changes), TEMPLATE, "default")
    assert problem in refused.value.text
    assert refused.value.facts["rule"] == "issuer_template"


def test_an_account_can_be_fixed() -> None:
    with pytest.raises(PolicyRefused, match="account must be acme"):
        judge_template(TERMS, replace(TEMPLATE, account="acme"), "default")
    judge_template(replace(TERMS, account="acme"), replace(TEMPLATE, account="acme"), "default")


@pytest.mark.parametrize(
    ("home", "told"), [("default", "default"), (None, "named in the template")]
)
def test_without_one_a_key_has_the_vendors_default(home: str | None, told: str) -> None:
    with pytest.raises(PolicyRefused, match=f"account must be {told}"):
        judge_template(replace(TERMS, account="acme"), TEMPLATE, home)


def test_a_budget_is_one_vendors_and_one_labels() -> None:
    terms = IssuerTerms("iss_1", TEMPLATE, 5, 0, timezone="Asia/Tokyo")
    issuer = Issuer(terms, b"")
    issuer.knows(TERMS.vendor, TERMS.label, 7, 1)
    issuer.knows(TERMS.vendor, TERMS.label, 8, 2)
    assert issuer.first_budget(TERMS) == 7
    assert issuer.first_budget(replace(TERMS, vendor="twilio")) is None
    assert issuer.first_budget(replace(TERMS, label="scn/2")) is None
    assert issuer_budget(terms) == BudgetTerms("Asia/Tokyo", 5, None, None)
