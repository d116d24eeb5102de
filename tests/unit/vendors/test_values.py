"""The values' own small behaviours."""

from __future__ import annotations

from vendors.values import Credential, RuleRefused, Unreadable


def test_refusals_carry_what_the_gateway_shows() -> None:
    unreadable = Unreadable("amount", "missing")
    assert (unreadable.field_name, unreadable.why, str(unreadable)) == (
        "amount",
        "missing",
        "amount: missing",
    )
    rule = RuleRefused("rates_age", "too old")
    assert (rule.rule, rule.why, str(rule)) == ("rates_age", "too old", "too old")


def test_a_credential_never_shows_its_secret() -> None:
    assert "hush" not in repr(Credential("hush", "AC1"))
