"""Settings are plain values; a secret shows itself to nobody."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from gateway.settings import (
    AccountSettings,
    DashboardSettings,
    LedgerSettings,
    MoneySettings,
    Secret,
    ServerSettings,
    Settings,
    VendorSettings,
)


def test_a_secret_is_shown_on_purpose_only() -> None:
    secret = Secret("sk_live_x")
    account = AccountSettings("default", secret)
    assert secret.reveal() == "sk_live_x"
    assert f"{secret} {secret!r} {account}".count("sk_live_x") == 0
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            copied(account)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().server.listen = "0.0.0.0:1"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [ServerSettings, LedgerSettings, MoneySettings, DashboardSettings])
def test_every_number_is_a_limit_above_zero(kind: type) -> None:
    made = kind()
    numbers = {field.name: getattr(made, field.name) for field in fields(made)}
    assert all(n > 0 for n in numbers.values() if type(n) in (int, float)), numbers


def test_a_vendors_own_limit_is_not_ours_to_keep_unless_it_is_set() -> None:
    vendor = VendorSettings("stripe", "https://api.stripe.com")
    assert (vendor.calls_per_second_max, vendor.queue_wait_s) == (0, 2.0)
    assert (vendor.accounts, vendor.hosts, Settings().vendors) == ({}, {}, {})
