from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.vault.known import Known, KnownVendor
from gateway.vault.termsreader import KEY_FIELDS, read_amendment, read_terms

NOW_US = 1_790_000_000_000_000
BODY = {
    "vendor": "stripe",
    "daily_usd_cap": 500,
    "allowed_endpoints": ["POST /v1/payment_intents"],
    "agent_run_label": "scn/1",
}


def stripe(accounts: set[str]) -> Known:
    terms = frozenset({"currencies", "vendor_accounts", "refunds_restore_cap"})
    return {"stripe": KnownVendor(accounts, terms)}


KNOWN = stripe({"default"})


def account(accounts: set[str], **changes: Any) -> str:
    return read_terms({**BODY, **changes}, stripe(accounts), "vk_1", NOW_US).account


def test_the_account_is_the_named_one_the_default_or_the_only_one() -> None:
    assert account({"default", "acme"}, account="acme") == "acme"
    assert account({"default", "acme"}) == "default"
    assert account({"acme"}) == "acme"


@pytest.mark.parametrize("accounts", [{"acme", "umbrella"}, set()])
def test_an_account_that_cannot_be_told_is_asked_for(accounts: set[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        account(accounts)
    (mistake,) = refused.value.facts["errors"]
    assert (mistake["field"], "is required" in mistake["problem"]) == ("account", True)


def test_a_gateway_without_vendors_says_so() -> None:
    with pytest.raises(InvalidRequest, match="there is none"):
        read_terms(BODY, {}, "vk_1", NOW_US)


@pytest.mark.parametrize(
    ("vendor", "told"), [("stripe", "does not apply to stripe, only to acme, zeta"), ("paypal", "")]
)
def test_a_term_belongs_to_the_vendors_that_say_so(vendor: str, told: str) -> None:
    others = {name: KnownVendor({"default"}, frozenset({"countries"})) for name in ("zeta", "acme")}
    body = {**BODY, "vendor": vendor, "countries": ["DE"]}
    with pytest.raises(InvalidRequest) as refused:
        read_terms(body, {**KNOWN, **others}, "vk_1", NOW_US)
    problems = {m["field"]: m["problem"] for m in refused.value.facts["errors"]}
    assert problems.get("countries", "") == told
    assert read_terms({**body, "vendor": "acme"}, others, "vk_1", NOW_US).countries == frozenset(
        {"DE"}
    )


def test_a_term_that_nobody_here_knows() -> None:
    with pytest.raises(InvalidRequest, match=r"countries does not apply to stripe\."):
        read_terms({**BODY, "countries": ["DE"]}, KNOWN, "vk_1", NOW_US)


def test_null_leaves_an_optional_field_out() -> None:
    body = BODY | {row.name: None for row in KEY_FIELDS if not row.required}
    terms = read_terms(body, KNOWN, "vk_1", NOW_US)
    assert terms.expires_at_us is None
    assert terms == read_terms({**BODY, "expires_in": None}, KNOWN, "vk_1", NOW_US)


def test_an_amendment_leaves_alone_what_it_does_not_name() -> None:
    terms = read_terms(BODY, KNOWN, "vk_1", NOW_US)
    amended, top_up = read_amendment({"name": "x"}, terms, NOW_US + 5)
    assert top_up is None
    assert (amended.name, amended.expires_at_us) == ("x", terms.expires_at_us)
