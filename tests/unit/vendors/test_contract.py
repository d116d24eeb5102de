"""The contract's own small behaviours, and that the known vendors keep it."""

from __future__ import annotations

from vendors import VENDORS
from vendors.contract import RuleRefused, Unreadable, Vendor


def test_refusals_carry_what_the_gateway_shows() -> None:
    unreadable = Unreadable("amount", "missing")
    assert (unreadable.field_name, unreadable.why, str(unreadable)) == (
        "amount",
        "missing",
        "amount: missing",
    )
    rule = RuleRefused("rates_age", "too old")
    assert (rule.rule, rule.why, str(rule)) == ("rates_age", "too old", "too old")


def test_every_vendor_goes_by_its_own_name() -> None:
    promised = {name for name in vars(Vendor) if not name.startswith("_")}
    for name, vendor in VENDORS.items():
        assert vendor.name == name
        assert promised <= set(dir(vendor))
