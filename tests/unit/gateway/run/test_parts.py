"""What settings alone make, and the one line about a file of theirs that cannot be used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import HandClock
from gateway.run.parts import PartsRefused, make_parts
from gateway.settings import MoneySettings, ServerSettings, Settings, VendorSettings
from vendors import VENDORS

DAY_US = 86_400_000_000
STRIPE = VendorSettings("stripe", "https://api.stripe.com", hosts={"x": "https://x.example"})
PLAIN = Settings(vendors={"stripe": STRIPE})


def test_vendors_routes_and_rates() -> None:
    settings = replace(PLAIN, server=ServerSettings(host_routes={"stripe.gw": "stripe"}))
    parts = make_parts(settings, VENDORS)
    assert list(parts.vendors) == ["stripe"]
    assert parts.routes.resolve("stripe.gw", "/v1/charges").vendor == "stripe"
    assert parts.routes.resolve("", "/stripe/x/v1/charges").product == "x"


def test_rates_are_of_the_day_on_the_clock() -> None:
    clock = HandClock()
    rates = make_parts(PLAIN, VENDORS).rates_by(clock)
    today = rates()
    assert rates() is today
    clock.at_us += DAY_US
    assert rates().age_days == (today.age_days or 0) + 1


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "rates.json")
    with pytest.raises(PartsRefused, match=r"rates\.json"):
        make_parts(replace(PLAIN, money=MoneySettings(rates_file=missing)), VENDORS)
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({}))
    resend = VendorSettings("resend", "https://api.resend.com", prices_file=str(prices))
    with pytest.raises(PartsRefused, match=r"prices\.json"):
        make_parts(Settings(vendors={"resend": resend}), VENDORS)
