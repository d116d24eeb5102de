"""Real credentials by their places, and those of our stand-ins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from gateway.run.accounts import stand_in_accounts
from gateway.run.config import ConfigMistakes, show
from gateway.settings import AccountSettings, Settings
from tests.unit.gateway.run.pretended import RESEND, STRIPE, TWILIO, Pretended
from vendors import VENDORS
from vendors.contract import Credential, Vendor

Load = Callable[..., Settings]

TABLE = "[vendors.twilio.accounts.default]\n"
AUTO = '[vendors.twilio]\nsandbox = "auto"\n'
FROM_ENV = TABLE + 'account_sid = "env:TWILIO_ACCOUNT_SID"\nsecret = "env:TWILIO_AUTH_TOKEN"\n'
SID, TOKEN = "AC" + "1" * 32, "sk_" + "2" * 32

pytestmark = pytest.mark.usefixtures("no_secrets")


def account(settings: Settings) -> AccountSettings:
    return settings.vendors["twilio"].accounts["default"]


def mistakes(load: Load, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigMistakes) as caught:
        load(text, **environ)
    return list(caught.value.mistakes)


def test_all_parts_may_come_from_the_environment(load: Load) -> None:
    text = FROM_ENV + 'api_key_sid = "env:KEY_SID"\n'
    settings = load(text, TWILIO_ACCOUNT_SID=SID, TWILIO_AUTH_TOKEN=TOKEN, KEY_SID="SK1")
    assert account(settings).credential() == Credential(TOKEN, SID, "SK1")


def test_ids_may_be_written_out_or_come_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "sid").write_text(f"{SID}\n")
    text = TABLE + f'account_sid = "file:{tmp_path}/sid"\nsecret = "env:T"\napi_key_sid = "SK1"\n'
    assert account(load(text, T=TOKEN)).credential() == Credential(TOKEN, SID, "SK1")


def test_the_vendors_own_word_stands_at_the_setting_it_is_about(load: Load) -> None:
    wrong = {"TWILIO_ACCOUNT_SID": "XX1", "TWILIO_AUTH_TOKEN": "no_token"}
    assert mistakes(load, FROM_ENV + 'api_key_sid = "PK1"\n', **wrong) == [
        "gateway.toml:2: vendors.twilio.accounts.default.account_sid: "
        "env:TWILIO_ACCOUNT_SID: must begin with AC",
        "gateway.toml:3: vendors.twilio.accounts.default.secret: "
        "env:TWILIO_AUTH_TOKEN: must begin with sk_ or rk_",
        "gateway.toml:4: vendors.twilio.accounts.default.api_key_sid: must begin with SK",
    ]


def test_a_part_that_is_missing_altogether(load: Load) -> None:
    (told,) = mistakes(load, TABLE + 'secret = "env:T"\n', T=TOKEN)
    assert told.endswith("account_sid: must begin with AC")


@pytest.mark.parametrize("value", ["env:", "env:1A", "file:"])
def test_a_place_that_is_none(load: Load, value: str) -> None:
    (told,) = mistakes(load, TABLE + f'secret = "env:T"\naccount_sid = "{value}"\n', T=TOKEN)
    assert told.endswith('must be the id itself, "env:NAME" or "file:PATH"')


def test_an_id_has_the_form_of_one_line(load: Load) -> None:
    (told,) = mistakes(load, TABLE + 'secret = "env:T"\naccount_sid = "A C"\n', T=TOKEN)
    assert told.endswith("account_sid: must be one line of printable ASCII without spaces")


def test_a_vendor_without_ids_does_not_know_them(load: Load) -> None:
    text = '[vendors.stripe.accounts.default]\nsecret = "env:S"\naccount_sid = "AC1"\n'
    (told,) = mistakes(load, text, S="sk_live_1")
    assert "account_sid: unknown setting" in told


# ── auto ────────────────────────────────────────────────────────────────────────────────────────


def test_with_nothing_set_the_stand_in_takes_over(load: Load) -> None:
    settings = load(AUTO + FROM_ENV)
    assert settings.vendors["twilio"].sandbox
    assert account(settings).credential() == TWILIO.sandbox_credential


def test_what_is_written_out_sets_nothing(load: Load) -> None:
    settings = load(AUTO + TABLE + f'account_sid = "{SID}"\nsecret = "env:TWILIO_AUTH_TOKEN"\n')
    assert settings.vendors["twilio"].sandbox
    assert account(settings).account_sid == TWILIO.sandbox_credential.account


@pytest.mark.parametrize("name", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"])
def test_half_of_a_credential_is_a_mistake(load: Load, name: str) -> None:
    (told,) = mistakes(load, AUTO + FROM_ENV, **{name: SID if name.endswith("SID") else TOKEN})
    other = {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"} - {name}
    assert told.endswith(f"the environment variable {other.pop()} is not set")


def test_a_file_that_cannot_be_read_is_no_stand_in(load: Load, tmp_path: Path) -> None:
    text = AUTO + TABLE + f'account_sid = "file:{tmp_path}/none"\nsecret = "env:T"\n'
    assert "cannot be read" in mistakes(load, text)[0]


@pytest.mark.parametrize("sandbox", ['"auto"', "true"])
def test_a_vendor_without_a_stand_in_needs_real_credentials(load: Load, sandbox: str) -> None:
    text = f"[vendors.acme]\nsandbox = {sandbox}\n"
    table = '[vendors.acme.accounts.default]\nsecret = "env:ACME_KEY"\n'
    assert mistakes(load, text + table) == [
        "gateway.toml:2: vendors.acme.sandbox: "
        "there is no sandbox of acme, so it needs real credentials: set ACME_KEY"
    ]
    (told,) = mistakes(load, text)
    assert told.endswith("so it needs real credentials")


def test_what_is_in_force_is_shown_with_how_it_came_to_be(
    load: Load, known: Mapping[str, Vendor]
) -> None:
    for environ, in_force in (
        ({}, True),
        ({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN}, False),
    ):
        rows = {row.name: row for row in show(load(AUTO + FROM_ENV, **environ), known)}
        sandbox = rows["vendors.twilio.sandbox"]
        assert (sandbox.value, sandbox.origin) == (in_force, 'gateway.toml:2 ("auto")')
        sid = rows["vendors.twilio.accounts.default.account_sid"]
        shown = (TWILIO.sandbox_credential.account, "the sandbox")
        assert (sid.value, sid.origin) == (shown if in_force else (SID, "gateway.toml:4"))


# ── stand-ins ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("vendor", [STRIPE, TWILIO, RESEND, *VENDORS.values()])
def test_each_account_of_a_stand_in_is_one_of_its_own(vendor: Vendor | Pretended) -> None:
    known = cast("Vendor", vendor)
    names = ["default", "acme", "umbrella"]
    accounts = stand_in_accounts(known, names)
    made = [accounts[name].credential() for name in names]
    if vendor.sandbox_credential.secret not in vendor.sandbox_credential.account:
        assert made[0] == vendor.sandbox_credential
    assert len({credential.secret for credential in made}) == len(names)
    assert not any(vendor.mistakes(credential) for credential in made)
    assert not any(credential.secret in credential.account for credential in made)
    if made[0].account:
        assert len({credential.account for credential in made}) == len(names)
    again = stand_in_accounts(known, names[::-1])
    assert [again[name].credential() for name in names] == made, "whatever the order"


def test_a_secret_does_not_stand_in_its_accounts_id() -> None:
    same = Credential("sk_" + "0" * 32, "AC" + "sk_" + "0" * 32)
    vendor = cast("Vendor", replace(TWILIO, sandbox_credential=same))
    made = stand_in_accounts(vendor, ["default"])["default"].credential()
    assert made.secret not in made.account
    assert len(made.account) == len(same.account)


def test_the_only_account_is_the_usual_one() -> None:
    accounts = stand_in_accounts(cast("Vendor", STRIPE), ["acme"])
    assert accounts["acme"].credential() == STRIPE.sandbox_credential
