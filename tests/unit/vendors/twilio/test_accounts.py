"""Whose account a path names."""

from __future__ import annotations

import pytest

from tests.unit.vendors.twilio.asking import ACCOUNT, OTHER
from vendors.contract import Credential, RuleRefused
from vendors.twilio.accounts import alias, mistakes, own_path

ALIAS = alias("vk_1")
THIRD = "AC" + "0c" * 16


def own(path: str) -> tuple[str, str]:
    return own_path(path, ACCOUNT, {ALIAS, "vk_1.x"}, {OTHER})


@pytest.mark.parametrize("tail", ["/Messages.json", "", ".json", ".xml", "/Messages/SM1.json"])
@pytest.mark.parametrize("name", [ACCOUNT, ALIAS])
def test_what_stands_for_the_account_becomes_it(name: str, tail: str) -> None:
    path = f"/2010-04-01/Accounts/{name}{tail}"
    assert own(path) == (f"/2010-04-01/Accounts/{ACCOUNT}{tail}", name)


def test_a_name_may_have_a_dot() -> None:
    path = "/2010-04-01/Accounts/vk_1.x/Messages.json"
    assert own(path) == (f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", "vk_1.x")


@pytest.mark.parametrize("tail", ["/Messages.json", ".json"])
def test_another_account_that_the_key_may_name_stays(tail: str) -> None:
    path = f"/2010-04-01/Accounts/{OTHER}{tail}"
    assert own(path) == (path, "")


@pytest.mark.parametrize(
    "path",
    [
        f"/2010-04-01/Accounts/{THIRD}/Messages.json",
        f"/2010-04-01/Accounts/{THIRD}.json",
        f"/2010-04-01/accounts/{THIRD}/Messages.json",
        f"/2010-04-01/ACCOUNTS/{THIRD.lower()}/Messages.json",
        f"/2010-04-01/Accounts/{ACCOUNT.upper()}/Messages.json",
        f"/2010-04-01/Accounts/{ACCOUNT}x/Messages.json",
        "/2010-04-01/Accounts/me/Messages.json",
        "/2010-04-01/Accounts/.json",
        f"/2008-08-01/Accounts/{THIRD}/Messages.json",
        f"/v1/Things/{THIRD}",
        f"/Organizations/OR1/Accounts/{THIRD}",
        f"/2010-04-01/Accounts/{ACCOUNT}/Things/{THIRD}.json",
    ],
)
def test_any_other_is_refused(path: str) -> None:
    with pytest.raises(RuleRefused) as caught:
        own(path)
    assert caught.value.rule == "account"


@pytest.mark.parametrize(
    "path", ["/2010-04-01/Accounts.json", "/v2/Services/VA1/Verifications", "/v1", "/"]
)
def test_a_path_that_names_none(path: str) -> None:
    assert own(path) == (path, "")


def test_elsewhere_in_a_path_and_in_another_case() -> None:
    assert own(f"/v1/Things/{ALIAS}") == (f"/v1/Things/{ACCOUNT}", ALIAS)
    path = f"/2010-04-01/accounts/{ALIAS}/Messages.json"
    assert own(path) == (f"/2010-04-01/accounts/{ACCOUNT}/Messages.json", ALIAS)


def test_an_alias_looks_like_an_account() -> None:
    assert mistakes(Credential("0" * 32, ALIAS)) == {}
    assert alias("vk_1") == ALIAS != alias("vk_2")


@pytest.mark.parametrize(
    ("credential", "settings"),
    [
        (Credential("0a" * 16, ACCOUNT), set()),
        (Credential("Ab0" * 10 + "xy", ACCOUNT, "SK" + "0d" * 16), set()),
        (Credential("0a" * 16), {"account_sid"}),
        (Credential("0a" * 16, "AC123"), {"account_sid"}),
        (Credential("0a" * 16, ACCOUNT, "SK1"), {"api_key_sid"}),
        (Credential("short", ACCOUNT, "SK" + "0d" * 16), {"secret"}),
        (Credential("SK" + "0d" * 16, ACCOUNT), {"secret"}),
        (Credential("vault_key_abc", ACCOUNT), {"secret"}),
        (Credential("Ab0" * 10 + "xy", ACCOUNT), {"secret"}),
        (Credential("", "", "x"), {"account_sid", "api_key_sid", "secret"}),
    ],
)
def test_mistakes(credential: Credential, settings: set[str]) -> None:
    found = mistakes(credential)
    assert set(found) == settings
    assert not credential.secret or all(credential.secret not in why for why in found.values())
