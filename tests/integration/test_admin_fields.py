"""Every field of `POST /vault/keys` does what it says, seen from outside.

Each test makes a key with one field and shows both sides of it: what the field lets pass, and what
it does not. What is refused has reached nobody and cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from bench.sandbox.launch import Sandbox
from gateway.vault.termsreader import KEY_FIELDS
from tests.house import Answer, Gateway, VaultKey
from tests.speaker import INTENT, SDK, Meanwhile, until
from vendors.stripe import STRIPE

INTENTS: Final = "/v1/payment_intents"
ACCOUNTS: Final = {"acme": "sk_test_secretOfAcme", "real": "rk_live_secretOfReal"}
PRINTED: Final = {
    "vendor": "stripe",
    "daily_usd_cap": 500,
    "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/customers/*"],
    "expires_in": "2h",
    "agent_run_label": "make-billing-scenario/8f31",
}


@pytest.fixture(scope="module")
def anyones() -> Iterator[Sandbox]:
    """A Stripe where every secret has an account."""
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def vendor(anyones: Sandbox) -> Sandbox:
    anyones.reset()
    return anyones


@pytest.fixture(scope="module")
def house(anyones: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    more = "".join(
        f'[vendors.stripe.accounts.{name}]\nsecret = "env:SECRET_OF_{name.upper()}"\n'
        for name in ACCOUNTS
    )
    with Gateway.start(
        tmp_path_factory.mktemp("fields"),
        anyones.base_url,
        more=more + "[money]\nrates_age_max_days = 3_650\n",
        env={f"SECRET_OF_{name.upper()}": secret for name, secret in ACCOUNTS.items()},
    ) as running:
        yield running


def pay(
    house: Gateway, key: VaultKey, form: dict[str, Any] | None = None, **headers: str
) -> Answer:
    return house.call(key, "POST", INTENTS, form={**INTENT, **(form or {})}, **headers)


def refused_by(answer: Answer) -> tuple[str | None, Any]:
    """Code and rule."""
    return answer.error, answer.json().get("rule")


def spent(house: Gateway, key: VaultKey) -> str:
    told: str = house.record(key)["spent_usd"]
    return told


def test_the_printed_body_makes_a_key_and_then_a_json_charge_works(
    house: Gateway, vendor: Sandbox
) -> None:
    made = house.admin("POST", "/vault/keys", PRINTED)
    record = made.json()
    assert made.status == 201, made
    assert (record["daily_usd_cap"], record["agent_run_label"]) == (
        "500.00",
        PRINTED["agent_run_label"],
    )
    assert record["base_url"] == f"http://{house.address}"
    body = {"amount": 1200, "currency": "usd", "customer": "cus_1"}
    answer = house.call(record["key"], "POST", INTENTS, json_body=body)
    assert (answer.status, answer.json()["amount"]) == (200, 1200)
    sent = vendor.stats()["seen"][-1]
    assert sent["body"] == "amount=1200&currency=usd&customer=cus_1"
    assert dict(sent["headers"])["content-type"] == "application/x-www-form-urlencoded"
    assert answer.headers["keybrake-remaining-usd"] == "488.00"
    assert house.call(record["key"], "GET", "/v1/customers/cus_1").status == 200
    assert house.call(record["key"], "GET", "/v1/customers").error == "endpoint_not_allowed"


def test_every_field_is_tested_here() -> None:
    """By a test of its name, or by the vendors it does not apply to."""
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    missing = {row.name for row in KEY_FIELDS if not row.special or row.name in STRIPE.key_terms}
    missing -= tested | {"vendor", "agent_run_label"}  # those two are in the printed body's test
    assert missing == set()


def test_daily_usd_cap(house: Gateway, vendor: Sandbox) -> None:
    """Zero is for reads only."""
    key = house.make_key(daily_usd_cap=0)
    assert house.call(key, "GET", "/v1/customers/cus_1").status == 200
    refused = pay(house, key)
    assert (refused.error, refused.json()["cap_usd"]) == ("daily_cap_exceeded", "0.00")
    assert vendor.charged() == 0


def test_allowed_endpoints(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(allowed_endpoints=["GET /v1/customers/*", "GET /v1/charges/**"])
    asked = {
        ("GET", "/v1/customers/cus_1"): True,
        ("GET", "/v1/customers"): False,
        ("GET", "/v1/customers/cus_1/sources"): False,
        ("HEAD", "/v1/customers/cus_1"): False,
        ("GET", "/v1/charges/ch_1/refunds"): True,
        ("GET", "/v1/charge"): False,
    }
    for (method, path), allowed in asked.items():
        reached = vendor.stats()["requests"]
        answer = house.call(key, method, path)
        assert (answer.status != 403) is allowed, (method, path, answer)
        assert vendor.stats()["requests"] == reached + allowed


def test_expires_in(house: Gateway, vendor: Sandbox) -> None:
    made = datetime.now(UTC)
    for asked, life in (("90s", 90), ("3m", 180), ("2h", 7200), ("7d", 604_800), (..., 86_400)):
        record = house.make_key(**({} if asked is ... else {"expires_in": asked})).record
        ends = datetime.fromisoformat(record["expires_at"])
        assert abs(ends - made - timedelta(seconds=life)) < timedelta(seconds=20)
    assert house.make_key(expires_in=None).record["expires_at"] is None
    key = house.make_key(expires_in="1s")
    until(lambda: house.record(key)["status"], lambda status: status == "expired")
    assert pay(house, key).error == "key_expired"
    assert vendor.charged() == 0


def test_account(house: Gateway, vendor: Sandbox) -> None:
    for name in ("acme", "real"):
        assert pay(house, house.make_key(account=name)).status == 200
        seen = dict(vendor.stats()["seen"][-1]["headers"])
        assert seen["authorization"] == f"Bearer {ACCOUNTS[name]}"


def test_total_usd_cap(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(total_usd_cap="30")
    assert [pay(house, key).status for _ in range(3)] == [200, 200, 429]
    record = house.record(key)
    assert (record["total_spent_usd"], record["total_remaining_usd"]) == ("24.00", "6.00")
    assert vendor.charged() == 2400


def test_per_call_usd_max(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(per_call_usd_max="12.00")
    assert pay(house, key).status == 200
    refused = pay(house, key, {"amount": 1201})
    assert refused_by(refused) == ("policy_refused", "per_call_usd_max")
    [told, _] = house.ask(f"/vault/calls?key_id={key.id}")["data"]
    assert (told["quote_usd"], told["cost_usd"]) == ("12.01", "0.00"), "what it asked for"
    assert (told["code"], told["rule"]) == ("policy_refused", "per_call_usd_max")
    assert vendor.charged() == 1200


def test_daily_call_cap(house: Gateway, vendor: Sandbox) -> None:
    """Held and released like money: a call that the vendor refused gives its place back."""
    key = house.make_key(daily_call_cap=2)
    vendor.behave(path=INTENTS, status=402)
    assert [pay(house, key).status for _ in range(4)] == [402, 200, 200, 429]
    assert house.record(key)["calls_today"] == 2
    assert house.call(key, "GET", "/v1/customers/cus_1").status == 200, "reads are not metered"


def test_rate_per_minute(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(rate_per_minute=3)
    answers = [house.call(key, "GET", "/v1/customers/cus_1") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert vendor.stats()["requests"] == 3


def test_concurrency_max(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(concurrency_max=1)
    vendor.behave(path=INTENTS, hold=True)
    first = Meanwhile(lambda: pay(house, key))
    until(lambda: house.record(key)["in_flight"])
    refused = pay(house, key)
    assert (refused.error, refused.json()["limit"]) == ("rate_limited", 1)
    until(lambda: vendor.stats()["requests"])
    vendor.calm()
    assert first.result().status == 200
    assert pay(house, key).status == 200
    assert vendor.charged() == 2400


def test_currencies(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(currencies=["usd", "EUR"])
    assert pay(house, key).status == pay(house, key, {"currency": "eur"}).status == 200
    refused = pay(house, key, {"currency": "gbp"})
    assert refused_by(refused) == ("policy_refused", "currency")
    assert vendor.charged("gbp") == 0
    assert vendor.charged("eur") == 1200
    assert Decimal(spent(house, key)) > 24, "a euro is more than a dollar, and there is a margin"


@pytest.mark.parametrize(
    ("rule", "passes", "fails"),
    [
        ({"equals": "cus_1"}, ["cus_1"], ["cus_2", None]),
        ({"one_of": ["cus_1", "cus_7"]}, ["cus_1"], ["cus_2", None]),
        ({"prefix": "cus_"}, ["cus_1"], ["acct_1", None]),
        ({"max": 5}, ["5", None], ["6", "many"]),
    ],
)
def test_params(
    house: Gateway, vendor: Sandbox, rule: Any, passes: list[str | None], fails: list[str | None]
) -> None:
    name = "metadata[count]" if "max" in rule else "customer"
    key = house.make_key(params={name: rule})
    for value in fails:
        refused = pay(house, key, {} if value is None else {name: value})
        assert refused_by(refused) == ("policy_refused", f"params:{name}")
    assert vendor.stats()["requests"] == 0
    for value in passes:
        assert pay(house, key, {} if value is None else {name: value}).status == 200


def test_timezone(house: Gateway, vendor: Sandbox) -> None:
    """The day ends at the next midnight of the key's zone."""
    for zone in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
        key = house.make_key(timezone=zone, daily_usd_cap=1)
        here = datetime.now(ZoneInfo(zone))
        midnight = datetime.combine(here.date() + timedelta(1), datetime.min.time(), here.tzinfo)
        record = house.record(key)
        assert record["day"] == here.date().isoformat()
        assert datetime.fromisoformat(record["resets_at"]) == midnight
        assert pay(house, key).json()["resets_at"] == record["resets_at"]


def test_mode(house: Gateway, vendor: Sandbox) -> None:
    """Shadow lets pass what its own caps, pace and policy refuse, and says so."""
    spared: dict[str, dict[str, Any]] = {
        "daily_cap_exceeded": {"daily_usd_cap": 1},
        "total_cap_exceeded": {"total_usd_cap": 1},
        "call_count_exceeded": {"daily_call_cap": 0},
        "policy_refused": {"currencies": ["eur"]},
        "rate_limited": {"rate_per_minute": 1},
    }
    for code, terms in spared.items():
        key = house.make_key(mode="shadow", **terms)
        if code == "rate_limited":
            assert "keybrake-would-refuse" not in pay(house, key).headers
        passed = pay(house, key)
        assert (passed.status, passed.headers.get("keybrake-would-refuse")) == (200, code)
        told = house.ask(f"/vault/calls/{passed.headers['keybrake-call-id']}")
        assert (told["would_refuse"], told["cost_usd"]) == (code, "12.00")


def test_mode_shadow_is_no_way_around_the_rest(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(mode="shadow", allowed_endpoints=["POST /v1/**"])
    assert house.call(key, "GET", "/v1/customers").error == "endpoint_not_allowed"
    minted = house.call(key, "POST", "/v1/ephemeral_keys", form={"customer": "cus_1"})
    assert refused_by(minted) == ("policy_refused", "mint_endpoints")
    assert pay(house, key, {"amount": "x"}).error == "amount_unreadable"
    assert house.call(key, "POST", "/v1/issuing/cards", form={}).error == "endpoint_unpriced"
    house.admin("POST", f"/vault/keys/{key.id}/revoke")
    assert pay(house, key).error == "key_revoked"
    gone = house.make_key(mode="shadow", expires_in="1s")
    until(lambda: house.record(gone)["status"], lambda status: status == "expired")
    assert pay(house, gone).error == "key_expired"
    assert vendor.stats()["requests"] == 0


def test_vendor_accounts(house: Gateway, vendor: Sandbox) -> None:
    key, plain = house.make_key(vendor_accounts=["acct_1"]), house.make_key()
    for header in ("stripe_account", "stripe_context"):
        assert pay(house, key, None, **{header: "acct_1"}).status == 200
        seen = dict(vendor.stats()["seen"][-1]["headers"])
        assert seen[header.replace("_", "-")] == "acct_1"
        for holder, account in ((key, "acct_2"), (plain, "acct_1"), (key, "acct_1,acct_2")):
            refused = pay(house, holder, None, **{header: account})
            assert refused_by(refused) == ("policy_refused", "account")
    assert vendor.charged() == 2400


def test_mint_endpoints(house: Gateway, vendor: Sandbox) -> None:
    asked = ("POST", "/v1/ephemeral_keys")
    plain = house.make_key()
    assert refused_by(house.call(plain, *asked, form={})) == ("policy_refused", "mint_endpoints")
    assert vendor.stats()["requests"] == 0
    named = house.make_key(mint_endpoints=["POST /v1/ephemeral_keys"])
    house.call(named, *asked, form={"customer": "cus_1"})
    assert vendor.stats()["posts"] == {"/v1/ephemeral_keys": 1}
    other = house.call(named, "POST", "/v1/account_links", form={})
    assert refused_by(other) == ("policy_refused", "mint_endpoints")


def test_allow_unpriced(house: Gateway, vendor: Sandbox) -> None:
    """A fixed hold, booked at the greater of it and of what the answer shows."""
    key = house.make_key(allow_unpriced={"POST /v1/issuing/cards": "20"}, daily_usd_cap=100)
    form = {"amount": 1000, "currency": "usd", "destination": "acct_1"}
    for shown, counted in ((1000, "20.00"), (3000, "50.00")):
        told = f'{{"id":"tr_1","object":"transfer","amount":{shown},"currency":"usd"}}'
        vendor.behave(path="/v1/issuing/cards", status=200, body=told)
        answer = house.call(key, "POST", "/v1/issuing/cards", form=form)
        assert (answer.status, spent(house, key)) == (200, counted)
    other = house.call(key, "POST", "/v1/issuing/cardholders", form=form)
    assert other.error == "endpoint_unpriced"
    capped = house.make_key(allow_unpriced={"POST /v1/issuing/cards": "20"}, daily_usd_cap=19)
    refused = house.call(capped, "POST", "/v1/issuing/cards", form=form)
    assert refused.error == "daily_cap_exceeded"


def test_refunds_restore_cap(house: Gateway, vendor: Sandbox) -> None:
    """Spent stays gross; the cap compares what is left after what came back, once."""
    for restores, left in ((True, "488.00"), (False, "476.00")):
        key = house.make_key(refunds_restore_cap=restores)
        paid = pay(house, key).json()
        form = {"payment_intent": paid["id"]}
        assert house.call(key, "POST", "/v1/refunds", form=form).status == 200
        record = house.record(key)
        assert record["spent_usd"] == "24.00", "a refund is money leaving, and counts"
        assert record["restored_usd"] == ("12.00" if restores else "0.00")
        assert record["remaining_usd"] == left


def test_idempotency_scope(house: Gateway, vendor: Sandbox) -> None:
    """Two keys of one scope are one caller to their Idempotency-Keys; others are two."""
    for scope, charged in (("nightly", 1200), (None, 2400)):
        vendor.reset()
        keys = [house.make_key(idempotency_scope=scope) for _ in range(2)]
        ids = {pay(house, key, idempotency_key="bill-7").json()["id"] for key in keys}
        assert vendor.charged() == charged
        assert len(ids) == charged // 1200


def test_count_test_mode(house: Gateway, vendor: Sandbox) -> None:
    """Calls that move no real money may be left uncounted; calls that do are always counted."""
    free = pay(house, key := house.make_key(count_test_mode=False, daily_usd_cap=0))
    assert (free.status, spent(house, key)) == (200, "0.00")
    assert "keybrake-cost-usd" not in free.headers
    real = house.make_key(count_test_mode=False, daily_usd_cap=0, account="real")
    assert pay(house, real).error == "daily_cap_exceeded"
    assert pay(house, house.make_key(daily_usd_cap=0)).error == "daily_cap_exceeded"


@pytest.mark.parametrize("agent", ["curl/7.88.1", SDK])
def test_error_style(house: Gateway, vendor: Sandbox, agent: str) -> None:
    for style, nested in (("flat", False), ("vendor", True), ("auto", agent == SDK)):
        key = house.make_key(error_style=style, daily_usd_cap=0)
        refused = pay(house, key, user_agent=agent)
        assert isinstance(refused.json()["error"], dict) is nested
        assert refused.error == "daily_cap_exceeded"


def test_block_status(house: Gateway, vendor: Sandbox) -> None:
    """402 for caps only, and never to a Stripe SDK, which reads it as a declined card."""
    key = house.make_key(block_status=402, daily_usd_cap=0, per_call_usd_max=50)
    assert pay(house, key).status == 402
    assert pay(house, key, user_agent=SDK).status == 429
    assert pay(house, key, x_stripe_client_user_agent="{}").status == 429
    assert pay(house, key, {"amount": 5001}).status == 403


def test_name(house: Gateway) -> None:
    key = house.make_key(name="Billing, nightly")
    assert house.record(key)["name"] == "Billing, nightly"
    own = house.admin("GET", "/vault/keys/self", bearer=key.secret).json()
    assert "name" not in own, "a name is for people, not for the bearer"
