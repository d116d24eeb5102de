"""A gateway without credentials, as `make run` starts it: a stand-in for each vendor, an account of
its own there for each account of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.house import Answer, Gateway, VaultKey

SETTINGS: Final = """
[server]
listen = "127.0.0.1:0"
[ledger]
shards = ["sqlite:ledger-0.db"]
audit = "sqlite:audit.db"
[vendors.stripe]
sandbox = true
[vendors.resend]
sandbox = true
[vendors.twilio]
sandbox = true
[vendors.twilio.accounts.default]
account_sid = "env:NO_SID"
secret = "env:NO_TOKEN"
[vendors.twilio.accounts.acme]
account_sid = "env:NO_SID"
secret = "env:NO_TOKEN"
"""
MESSAGES: Final = "/2010-04-01/Accounts/{sid}/Messages.json"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("sandboxes")
    (directory / "gateway.toml").write_text(SETTINGS)
    with Gateway(directory, {}) as running:
        running.restart()
        yield running


def send(house: Gateway, key: VaultKey, body: str) -> Answer:
    message = {"To": "+14155550123", "From": "+14155550000", "Body": body}
    path = MESSAGES.format(sid=key.record["account_sid"])
    return house.call(key, "POST", path, form=message)


def listed(house: Gateway, key: VaultKey) -> Any:
    answer = house.call(key, "GET", MESSAGES.format(sid=key.record["account_sid"]))
    return [message["body"] for message in answer.json()["messages"]]


def test_it_says_which_are_stand_ins_and_of_when_their_prices_are(house: Gateway) -> None:
    ready = house.request("GET", "/readyz").json()
    assert ready["sandbox"] == ready["vendors"] == ["resend", "stripe", "twilio"]
    assert sorted(ready["prices"]) == ["resend", "twilio"]
    out = (house.directory / "stdout.log").read_text()
    for vendor in ("STRIPE", "TWILIO", "RESEND"):
        assert house.said.count(f"*** {vendor} SANDBOX") == 1, "loudly, and once"
        assert "SANDBOX" not in out


def test_each_vendor_can_be_called(house: Gateway) -> None:
    charge = {"amount": "1200", "currency": "usd", "customer": "cus_1"}
    paid = house.call(house.make_key(), "POST", "/v1/payment_intents", form=charge)
    assert paid.status == 200
    mail = {"from": "a@example.com", "to": ["b@example.com"], "subject": "s", "text": "t"}
    sent = house.call(house.make_key(vendor="resend"), "POST", "/emails", json_body=mail)
    assert (sent.status, sent.headers["keybrake-cost-usd"]) == (200, "0.0009")
    key = house.make_key(vendor="twilio")
    sent = send(house, key, "hello")
    assert (sent.status, sent.json()["account_sid"]) == (201, key.record["account_sid"])
    assert house.record(key)["pending_usd"] == "0.0133", "its price is still to come"


def test_each_account_is_one_of_its_own(house: Gateway) -> None:
    ours = house.make_key(vendor="twilio", agent_run_label="ours/1")
    acmes = house.make_key(vendor="twilio", account="acme", agent_run_label="acme/1")
    assert send(house, acmes, "from acme").status == 201
    assert send(house, ours, "from us").status == 201
    assert listed(house, acmes) == ["from acme"]
    assert "from acme" not in listed(house, ours)
    path = MESSAGES.format(sid=acmes.record["account_sid"])
    other = house.call(ours, "GET", path)
    assert (other.status, other.error) == (403, "policy_refused")


def test_what_was_made_here_says_so(house: Gateway) -> None:
    assert house.make_key(vendor="resend").record["sandbox"] is True
    shown = house.run("config", "show")
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert ["vendors.twilio.sandbox", "true", "gateway.toml:12"] in rows
