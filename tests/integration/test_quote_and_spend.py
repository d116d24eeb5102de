"""Asking before and counting after, from outside: what a quote says is what the call then does, and
each tenant's spend is its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ROOT, STRIPE_SECRET, Gateway, VaultKey

ACME: Final = "sk_test_houseOfAcme"
INTENTS: Final = "/v1/payment_intents"
CHARGE: Final = {
    "amount": "1200", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa",
}  # fmt: skip
MORE: Final = """
[vendors.stripe.accounts.acme]
secret = "env:ACME_KEY"
"""


@pytest.fixture(scope="module")
def stripe() -> Iterator[Sandbox]:
    with Sandbox.start("stripe", "--secret", STRIPE_SECRET, "--secret", ACME) as sandbox:
        yield sandbox


@pytest.fixture
def house(stripe: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    stripe.reset()
    env = {"ACME_KEY": ACME, "PYTHONPATH": str(ROOT)}
    with Gateway.start(tmp_path, stripe.base_url, more=MORE, env=env) as running:
        yield running


def quote(house: Gateway, key: VaultKey, method: str, path: str, **call: Any) -> Any:
    body = {"method": method, "path": path, **call}
    answer = house.admin("POST", "/vault/quote", body, bearer=key.secret)
    assert answer.status == 200, answer
    return answer.json()


def failed(told: Any) -> list[str]:
    return [row["rule"] for row in told["rules"] if not row["pass"]]


def test_a_quote_says_what_the_call_then_does(house: Gateway, stripe: Sandbox) -> None:
    key = house.make_key(daily_usd_cap=20)
    told = quote(house, key, "POST", INTENTS, body={"amount": 1200, "currency": "usd"})
    assert (told["allowed"], told["quote_usd"], told["remaining_usd"]) == (True, "12.00", "8.00")
    assert (told["operation"], told["lookups"]) == ("PostPaymentIntents", [])
    assert stripe.stats()["requests"] == 0, "nothing was sent"
    assert house.record(key)["spent_usd"] == "0.00"
    paid = house.call(key, "POST", INTENTS, form=CHARGE)
    assert paid.headers["keybrake-remaining-usd"] == told["remaining_usd"]
    told = quote(house, key, "POST", INTENTS, body={"amount": 1200, "currency": "usd"})
    assert (told["allowed"], told["code"]) == (False, "daily_cap_exceeded")
    assert failed(told) == ["key_daily"]
    refused = house.call(key, "POST", INTENTS, form=CHARGE)
    assert refused.error == told["code"]


def test_no_header_has_to_be_there_and_a_key_belongs_into_one(house: Gateway) -> None:
    """Authorization is not looked at: who asks is known."""
    key = house.make_key()
    wish = {"amount": 1200, "currency": "usd"}
    bearer = {"Authorization": f"Bearer {key.secret}"}
    for headers in ({}, bearer, {"User-Agent": "x"}, {**bearer, "User-Agent": "x"}):
        assert quote(house, key, "POST", INTENTS, body=wish, headers=headers)["allowed"]
    for headers in ({"User-Agent": key.secret}, {**bearer, "Stripe-Version": key.secret}):
        told = quote(house, key, "POST", INTENTS, body=wish, headers=headers)
        assert (told["allowed"], told["code"]) == (False, "request_malformed"), told


def test_a_price_is_looked_up_only_for_what_the_key_may_do(house: Gateway, stripe: Sandbox) -> None:
    key = house.make_key()
    made = house.call(key, "POST", INTENTS, form={"amount": "1200", "currency": "usd"}).json()
    path = f"{INTENTS}/{made['id']}/confirm"
    other = house.make_key(allowed_endpoints=[f"POST {INTENTS}"])
    before = stripe.stats()["requests"]
    told = quote(house, other, "POST", path, body={})
    assert (failed(told), told["quote_usd"]) == (["endpoint", "price"], None)
    assert stripe.stats()["requests"] == before
    told = quote(house, house.make_key(), "POST", path, body={})
    assert (told["allowed"], told["quote_usd"]) == (True, "12.00")
    assert told["lookups"] == [f"{INTENTS}/{made['id']}"]
    assert stripe.stats()["requests"] == before + 1


def keybrake(house: Gateway, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that asks the running gateway."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words, "--url", f"http://{house.address}"],
        cwd=house.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KEYBRAKE_ADMIN_KEY": house.admin_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_asks_too(house: Gateway) -> None:
    key = house.make_key(daily_usd_cap=1)
    done = keybrake(house, "quote", key.id, f"POST {INTENTS}", "--data", "amount=1200&currency=usd")
    assert done.returncode == 4
    assert "NO    key_daily" in done.stdout
    done = keybrake(house, "quote", key.id, f"POST {INTENTS}", "--data", "amount=90&currency=usd")
    assert done.returncode == 0
    assert house.call(key, "POST", INTENTS, form=CHARGE | {"amount": "90"}).status == 200
    done = keybrake(house, "spend", "--by", "key")
    assert (done.returncode, done.stdout.splitlines()[1].split()[:4]) == (
        0, [key.id, "1", "0", "0.90"],
    )  # fmt: skip


def test_each_tenants_spend_is_its_own(house: Gateway, stripe: Sandbox) -> None:
    ours, acmes = house.make_key(), house.make_key(account="acme", agent_run_label="acme/1")
    for key, amount in ((ours, "500"), (acmes, "700"), (acmes, "800")):
        assert house.call(key, "POST", INTENTS, form=CHARGE | {"amount": amount}).status == 200
    house.call(acmes, "POST", "/v1/unheard_of", form={})

    def spend(by: str, **wishes: str) -> dict[str, str]:
        query = "&".join(f"{name}={value}" for name, value in {"by": by, **wishes}.items())
        return {row["id"]: row["cost_usd"] for row in house.ask(f"/vault/spend?{query}")["data"]}

    assert spend("account") == {"stripe/acme": "15.00", "stripe/default": "5.00"}
    assert spend("vendor") == {"stripe": "20.00"}
    assert spend("key", account="acme") == {acmes.id: "15.00"}
    assert spend("scenario") == {"acme": "15.00", "house-of-tests": "5.00"}
    assert spend("operation", account="default") == {"stripe/PostPaymentIntents": "5.00"}
    assert list(spend("day", account="acme").values()) == ["15.00"]
    (refused,) = (row for row in house.ask("/vault/spend?account=acme")["data"])
    assert (refused["calls"], refused["refused"]) == (3, 1)
    rows = house.ask("/vault/calls?account=acme")["data"]
    assert {row["key_id"] for row in rows} == {acmes.id}
    exported = house.admin("GET", "/vault/calls/export?format=csv&account=acme").body.decode()
    assert exported.count(acmes.id) == 3
    assert ours.id not in exported
    charged = {row["account"]: row["charged"] for row in stripe.state()["accounts"]}
    assert sorted(row["usd"] for row in charged.values()) == [500, 1500], "each its own account"
