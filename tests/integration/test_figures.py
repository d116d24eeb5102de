"""Where an amount stands and what it is worth: query and body, lookups, other currencies."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway
from tests.lives import HELD, INTENTS, MULTICAPTURE, act, create, refused, stands


def test_query_and_body_are_one_bucket(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    target = f"{INTENTS}?amount=1200&currency=usd&confirm=true&payment_method=pm_card_visa"
    assert gateway.call(key, "POST", target).status == 200
    assert stands(gateway, key) == ("12.00", "0.00")
    assert (
        gateway.call(key, "POST", f"{INTENTS}?amount=700", form={"currency": "usd"}).status == 200
    )
    assert stands(gateway, key) == ("12.00", "7.00")
    for target, form in (
        (f"{INTENTS}?amount=1", {"amount": 90_000, "currency": "usd"}),
        (f"{INTENTS}?amount=1&amount=2", {"currency": "usd"}),
        (f"{INTENTS}?%61mount=1", {"amount": 2, "currency": "usd"}),
    ):
        answer = gateway.call(key, "POST", target, form=form)
        assert (answer.status, answer.error) == (422, "amount_unreadable")
        assert answer.json()["field"] == "amount"
    assert (vendor.charged(), vendor.stats()["posts"]) == (1200, {INTENTS: 2})


def test_lookups_are_written_down_with_their_call(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 2000)
    headers = {"stripe_version": "2026-10-28.endive", "user_agent": "an agent of ours"}
    form = {"payment_method": "pm_card_visa"}
    confirmed = gateway.call(key, "POST", f"{path}/confirm", form=form, **headers)
    call = gateway.ask(f"/vault/calls/{confirmed.headers['keybrake-call-id']}")
    assert (call["lookups"], call["quote_usd"]) == ([path], "0.00")
    looked = next(seen for seen in vendor.stats()["seen"] if seen["method"] == "GET")
    told = {name.lower(): value for name, value in looked["headers"]}
    assert looked["path"] == path
    assert (told["user-agent"], "stripe-version" in told) == ("keybrake", False)


def test_a_lookup_that_fails_sends_nothing(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 2000)
    vendor.behave(path=path, method="GET", status=500)
    answer = refused(gateway, key, f"{path}/confirm", payment_method="pm_card_visa")
    assert (answer.status, answer.error) == (502, "vendor_unreachable")
    assert answer.json()["stage"] == "lookup"
    assert (stands(gateway, key), vendor.charged()) == (("0.00", "20.00"), 0)


# -- other currencies ------------------------------------------------------------------------------

RATES = {"eur": "0.5", "jpy": "100", "kwd": "0.25", "isk": "100"}
"""Units that one USD buys. With 2 % on top a euro costs 2.04 USD."""


def write_rates(directory: Path, **units: str) -> None:
    """A table of today's."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    table = {"date": today, "units_per_usd": {**RATES, **units}}
    (directory / "rates.json").write_text(json.dumps(table))


@pytest.fixture
def abroad(vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that knows what money is worth today."""
    write_rates(tmp_path)
    money = '[money]\nrates_file = "rates.json"'
    with Gateway.start(tmp_path, vendor.base_url, more=money) as running:
        yield running


@pytest.mark.parametrize(
    ("currency", "amount", "usd"),
    [
        ("usd", 1001, "10.01"),
        ("eur", 1001, "20.4204"),
        ("EUR", 1001, "20.4204"),
        ("jpy", 1001, "10.2102"),
        ("kwd", 5120, "20.8896"),
        ("isk", 10_000, "1.02"),
    ],
)
def test_minor_units_become_usd(
    abroad: Gateway, vendor: Sandbox, currency: str, amount: int, usd: str
) -> None:
    key = abroad.make_key(daily_usd_cap=usd)
    path = create(abroad, key, amount, currency=currency)
    assert stands(abroad, key) == ("0.00", usd)
    act(abroad, key, f"{path}/confirm", payment_method="pm_card_visa")
    assert stands(abroad, key) == (usd, "0.00")
    assert vendor.charged(currency.lower()) == amount
    act(abroad, abroad.make_key(), "/v1/refunds", payment_intent=path.rpartition("/")[2])
    assert refused(abroad, key, INTENTS, amount=1, currency="usd").error == "daily_cap_exceeded"


@pytest.mark.parametrize(
    ("currency", "amount", "field"),
    [("kwd", 5121, "amount"), ("isk", 101, "amount"), ("xyz", 100, "currency")],
)
def test_what_is_no_amount_of_its_currency_is_refused(
    abroad: Gateway, vendor: Sandbox, currency: str, amount: int, field: str
) -> None:
    answer = refused(abroad, abroad.make_key(), INTENTS, amount=amount, currency=currency)
    assert (answer.status, answer.error) == (422, "amount_unreadable")
    assert (answer.json()["field"], vendor.stats()["requests"]) == (field, 0)


def test_a_hold_settles_at_the_rate_it_was_made_at(abroad: Gateway, vendor: Sandbox) -> None:
    """Until it does, other rates are for other intents."""
    key = abroad.make_key()
    path = create(abroad, key, 1000, currency="eur", **HELD, **MULTICAPTURE)
    assert stands(abroad, key) == ("0.00", "20.40")
    abroad.stop()
    write_rates(abroad.directory, eur="0.25")
    abroad.restart()
    act(abroad, key, f"{path}/capture", amount_to_capture=600, final_capture="false")
    assert stands(abroad, key) == ("12.24", "8.16")
    act(abroad, key, f"{path}/capture", amount_to_capture=400)
    assert stands(abroad, key) == ("20.40", "0.00")
    create(abroad, key, 1000, currency="eur")
    assert stands(abroad, key) == ("20.40", "40.80")


def test_an_intent_keeps_the_currency_it_is_counted_in(abroad: Gateway, vendor: Sandbox) -> None:
    """A hold keeps its rate; who wants another currency cancels the intent and creates one."""
    key = abroad.make_key()
    path = create(abroad, key, 1000, currency="eur")
    before = stands(abroad, key)
    answer = refused(abroad, key, path, currency="usd")
    assert (answer.error, answer.json()["rule"]) == ("policy_refused", "currency")
    assert stands(abroad, key) == before
    act(abroad, key, f"{path}/cancel")
    path = create(abroad, key, 5000, currency="jpy")
    act(abroad, key, f"{path}/confirm", payment_method="pm_card_visa")
    assert (stands(abroad, key), vendor.charged("jpy")) == (("51.00", "0.00"), 5000)


def test_an_old_table_prices_usd_only(vendor: Sandbox, tmp_path: Path) -> None:
    write_rates(tmp_path)
    table = json.loads((tmp_path / "rates.json").read_text())
    (tmp_path / "rates.json").write_text(json.dumps({**table, "date": "2020-01-01"}))
    money = '[money]\nrates_file = "rates.json"'
    with Gateway.start(tmp_path, vendor.base_url, more=money) as gateway:
        key = gateway.make_key()
        answer = refused(gateway, key, INTENTS, amount=1000, currency="eur")
        assert (answer.status, answer.error) == (403, "policy_refused")
        assert answer.json()["rule"] == "rates_age"
        create(gateway, key, 1000)
        assert stands(gateway, key) == ("0.00", "10.00")
