"""Each blueprint, filled in for a key and run against a real gateway: what is charged, blocked by a
cap, blocked by a rule, done twice and otherwise refused takes its own route, and one route only.

Make itself is played by tests/make_run.py; everything behind the HTTP module is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest

from bench.sandbox.launch import Sandbox
from gateway.blueprints import fill
from tests.house import Gateway, VaultKey, resend_at, twilio_at
from tests.make_run import Run

ORDER: Final = {
    "order_number": "1001",
    "customer": "",
    "payment_method": "pm_card_visa",
    "amount_cents": "1200",
    "note": "Twelve months of tea",
}
INTENTS: Final = ["POST /v1/payment_intents"]
HOSTILE: Final = '"}, "to": ["x@evil.example"]\r\n&To=+1900\n{"amount": 1}'
"""What a model may write; it stays text."""


@pytest.fixture(scope="module")
def house(
    sandbox_process: Sandbox,
    twilio_process: Sandbox,
    resend_process: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    more = twilio_at(twilio_process.base_url) + resend_at(resend_process.base_url)
    directory = tmp_path_factory.mktemp("blueprints")
    with Gateway.start(directory, sandbox_process.base_url, more=more) as running:
        yield running


@pytest.fixture
def order(vendor: Sandbox, house: Gateway) -> dict[str, str]:
    """An order of a customer whom Stripe knows."""
    key = house.make_key(allowed_endpoints=["POST /v1/customers"])
    made = house.call(key, "POST", "/v1/customers", form={"email": "a@example.com"})
    return {**ORDER, "customer": made.json()["id"]}


def scenario(house: Gateway, name: str, **more: Any) -> Any:
    return orjson.loads(fill(name, base_url=f"http://{house.address}", **more))


def charging(house: Gateway, name: str, ai: Any = None, **terms: Any) -> tuple[Run, VaultKey]:
    key = house.make_key(
        **{"allowed_endpoints": INTENTS, "daily_usd_cap": "20", "per_call_usd_max": "15", **terms}
    )
    tree = scenario(house, name, label=key.record["agent_run_label"])
    return Run(tree, keychain=key.secret, ai=ai), key


def audit(house: Gateway, key: VaultKey) -> Any:
    return house.ask(f"/vault/calls?key_id={key.id}")["data"]


# ── a key per scenario ──────────────────────────────────────────────────────────────────────────


def test_an_ai_charges_until_the_key_says_no(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    told = {"amount_cents": 1200, "description": HOSTILE, "why": 'A "year" of tea, 12 × 1 USD\n'}
    run, key = charging(house, "per_scenario_key", told)
    [charged] = run.start(**order).outcomes
    assert charged.startswith("charged: pi_")
    assert charged.endswith(", 12.00 USD counted")
    row = audit(house, key)[0]
    assert (row["run"], row["step"]) == (f"house-of-tests/{run.execution}", "charge")
    assert row["reason"] == told["why"]
    assert row["run_url"].endswith(run.execution)
    [again] = run.start(**order).outcomes
    assert again == charged.replace("12.00", "0.00"), "a second run is the same charge"
    assert vendor.charged() == 1200

    run.ai = {**told, "amount_cents": 1100}
    assert run.start(**order).outcomes == ["charged before in other words; not charged again"]
    [blocked] = run.start(**{**order, "order_number": "1002"}).outcomes
    assert blocked.startswith("blocked by a cap: daily_cap_exceeded, 8.00 USD left until 20")
    run.ai = {**told, "amount_cents": 9900}
    [ruled] = run.start(**{**order, "order_number": "1003"}).outcomes
    assert ruled == (
        "blocked by a rule: The call can cost 99.00 USD; the key allows 15.00 per call."
    )
    assert vendor.charged() == 1200


@pytest.mark.parametrize(
    ("changed", "amount", "told"),
    [
        ({}, "12.50", "failed: 422 amount: "),
        ({}, "twelve", "failed: 422 amount: "),
        ({"payment_method": "pm_card_chargeDeclined"}, 700, "failed: 402 Your card was declined."),
        ({"customer": "cus_nobody"}, 700, "failed: 400 No such customer"),
    ],
)
def test_anything_else_has_a_route_too(
    house: Gateway,
    vendor: Sandbox,
    order: dict[str, str],
    changed: dict[str, str],
    amount: Any,
    told: str,
) -> None:
    ai = {"amount_cents": amount, "description": "Tea", "why": "It is due"}
    run, _ = charging(house, "per_scenario_key", ai)
    [outcome] = run.start(**{**order, **changed}).outcomes
    assert outcome.startswith(told), outcome
    assert vendor.charged() == 0


def test_a_key_that_is_gone_and_a_pace_that_is_too_quick(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    ai = {"amount_cents": 500, "description": "Tea", "why": "It is due"}
    run, key = charging(house, "per_scenario_key", ai, rate_per_minute=1)
    run.start(**order)
    [outcome] = run.start(**{**order, "order_number": "1002"}).outcomes
    assert outcome.startswith("failed: 429 "), "no cap: it may be asked again"
    house.admin("POST", f"/vault/keys/{key.id}/revoke")
    [outcome] = run.start(**order).outcomes
    assert outcome.startswith("failed: 401 This vault key")


def test_a_key_in_the_file_works_without_a_keychain(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    key = house.make_key(allowed_endpoints=INTENTS)
    tree = scenario(house, "slack_alert", key=key.secret)
    assert Run(tree).start(**order).answers == [(200, None)]


# ── a key per run ───────────────────────────────────────────────────────────────────────────────


def issuer(house: Gateway, **more: Any) -> str:
    template = {
        "vendors": ["stripe"],
        "allowed_endpoints": INTENTS,
        "daily_usd_cap_max": 25,
        "per_call_usd_max": 25,
        "expires_in_max": "15m",
    }
    made = house.admin(
        "POST", "/vault/issuers", {"daily_usd_cap": 100, "template": template, **more}
    )
    assert made.status == 201, made
    secret: str = made.json()["key"]
    return secret


def test_a_run_makes_its_key_charges_and_revokes_it(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    run = Run(scenario(house, "per_run_key", label="per-run/0"), keychain=issuer(house))
    [charged] = run.start(**order).outcomes
    assert charged.startswith("charged: pi_")
    assert [status for status, _ in run.answers] == [201, 200, 200]
    [key] = house.ask(f"/vault/runs/detail?label=per-run/{run.execution}")["keys"]
    assert house.ask(f"/vault/keys/{key}")["status"] == "revoked"
    [again] = run.start(**order).outcomes
    assert again == charged.replace("12.00", "0.00"), "a fresh key, and the first answer"
    assert vendor.charged() == 1200


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("2600", "blocked by a rule: The call can cost 26.00 USD; the key allows 25.00 per call."),
        ("0", "failed: 422 amount: "),
    ],
)
def test_a_run_that_is_blocked_revokes_its_key_too(
    house: Gateway, vendor: Sandbox, order: dict[str, str], amount: str, told: str
) -> None:
    run = Run(scenario(house, "per_run_key", label="blocked/0"), keychain=issuer(house))
    [outcome] = run.start(**{**order, "amount_cents": amount}).outcomes
    assert outcome.startswith(told)
    assert run.answers[-1] == (200, None)
    [key] = house.ask(f"/vault/runs/detail?label=blocked/{run.execution}")["keys"]
    assert house.ask(f"/vault/keys/{key}")["status"] == "revoked"


def test_an_issuers_own_cap_stops_all_of_its_runs(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    keychain = issuer(house, daily_usd_cap=20, keys_per_hour=2)
    run = Run(scenario(house, "per_run_key", label="capped/0"), keychain=keychain)
    run.start(**order)
    [blocked] = run.start(**{**order, "order_number": "1002"}).outcomes
    assert blocked.startswith("blocked by a cap: issuer_cap_exceeded, 8.00 USD left")
    [none] = run.start(**{**order, "order_number": "1003"}).outcomes
    assert none.startswith("no key: 429 rate_limited")
    assert len(run.answers) == 1, "without a key nothing is called and nothing revoked"


# ── texts and mails ─────────────────────────────────────────────────────────────────────────────


def test_texts_are_counted_and_stay_in_their_country(house: Gateway, twilio: Sandbox) -> None:
    key = house.make_key(
        vendor="twilio",
        daily_usd_cap="5",
        daily_call_cap=1,
        countries=["US"],
        allowed_endpoints=["POST /2010-04-01/Accounts/*/Messages.json"],
    )
    sid = key.record["account_sid"]
    tree = scenario(house, "sms_with_message_cap", account_sid=sid)
    run = Run(tree, keychain=key.secret, ai=HOSTILE)
    news = {"order_number": "1001", "phone": "+14155550100", "note": "It is on its way"}
    [sent] = run.start(**news).outcomes
    assert sent.startswith("sent: SM")
    assert run.start(**news).outcomes == [sent], "a second run is no second message"
    [foreign] = run.start(**{**news, "order_number": "1002", "phone": "+33612345678"}).outcomes
    assert foreign == "blocked by a rule: The call may reach FR; the key allows US."
    [blocked] = run.start(**{**news, "order_number": "1003"}).outcomes
    assert blocked.startswith("blocked by a cap: call_count_exceeded, ")
    run.ai = "Other words"
    assert run.start(**news).outcomes == ["sent before in other words; not sent again"]
    [wrong] = run.start(**{**news, "order_number": "1004", "phone": "nobody"}).outcomes
    assert wrong.startswith("failed: 4")


def test_a_mail_says_what_the_model_wrote_and_nothing_more(house: Gateway, resend: Sandbox) -> None:
    key = house.make_key(
        vendor="resend", daily_usd_cap="1", daily_call_cap=1, allowed_endpoints=["POST /emails"]
    )
    run = Run(scenario(house, "mail_with_cap"), keychain=key.secret, ai=HOSTILE)
    news = {"order_number": "1001", "email": "a@example.com", "note": "It is on its way"}
    [sent] = run.start(**news).outcomes
    assert sent.startswith("sent: ")
    assert run.start(**news).outcomes == [sent]
    [mail] = [seen for seen in resend.stats()["seen"] if seen["path"] == "/emails"][:1]
    assert orjson.loads(mail["body"])["text"] == HOSTILE
    assert orjson.loads(mail["body"])["to"] == ["a@example.com"]
    [blocked] = run.start(**{**news, "order_number": "1002"}).outcomes
    assert blocked.startswith("blocked by a cap: call_count_exceeded, ")
    run.ai = "Other words"
    assert run.start(**news).outcomes == ["sent before in other words; not sent again"]


# ── errors on ───────────────────────────────────────────────────────────────────────────────────


def test_an_error_route_tells_the_errors_apart(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    run, _ = charging(house, "error_route")
    [charged] = run.start(**order).outcomes
    assert charged.startswith("charged: pi_")
    [blocked] = run.start(**{**order, "order_number": "1002"}).outcomes
    assert blocked.startswith('blocked: [429] {"error":"daily_cap_exceeded"')
    assert run.ended == "builtin:Ignore"
    stranger = {**order, "order_number": "1003", "customer": "cus_nobody", "amount_cents": "100"}
    assert run.start(**stranger).outcomes == ["not charged: the request was at fault"]
    assert run.ended == "success", "Resume lets the scenario go on"


def test_a_retry_of_makes_own_is_no_second_charge(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    """Stripe charges and its answer is lost: an error, Break, and Make asks again by itself."""
    run, key = charging(house, "error_route")
    vendor.behave(path="/v1/payment_intents", drop=True)
    run.start(**order)
    assert (run.answers, run.ended) == ([(502, "vendor_broke_off")], "builtin:Break")
    assert (run.outcomes, house.record(key)["in_doubt_usd"]) == ([], "12.00")
    [charged] = run.complete().outcomes
    assert charged.startswith("charged: pi_")
    assert vendor.charged() == 1200
    assert house.record(key)["spent_usd"] == "12.00"


# ── people ──────────────────────────────────────────────────────────────────────────────────────


def test_slack_hears_of_a_block_and_of_nothing_else(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    run, _ = charging(house, "slack_alert")
    assert run.start(**order).slack == []
    [told] = run.start(**{**order, "order_number": "1002"}).slack
    assert "*daily_cap_exceeded* on order 1002: This call could cost more than" in told
    assert "Left: 8.00 of 20.00 USD, until 20" in told
    [told] = run.start(**{**order, "order_number": "1003", "amount_cents": "9900"}).slack
    assert "*policy_refused* on order 1003" in told
    declined = {**order, "order_number": "1004", "payment_method": "pm_card_chargeDeclined"}
    assert run.start(**{**declined, "amount_cents": "100"}).slack == []


def test_the_switch_stops_a_scenario(
    house: Gateway, vendor: Sandbox, order: dict[str, str]
) -> None:
    run, _ = charging(house, "slack_alert", agent_run_label="to-stop/1")
    other, _ = charging(house, "slack_alert", agent_run_label="to-stop-not/1")
    switch = Run(scenario(house, "kill_switch", label="to-stop/1"), keychain=house.admin_key)
    assert run.start(**order).answers == [(200, None)]
    [(status, told)] = switch.start().replies
    assert (status, told[:26]) == ("200", "Stopped. Keys revoked: 1; ")
    assert run.start(**order).answers == [(401, "key_revoked")]
    assert other.start(**{**order, "order_number": "1002"}).answers == [(200, None)]
    fresh, _ = charging(house, "slack_alert", agent_run_label="to-stop/2")
    assert fresh.start(**{**order, "order_number": "1003"}).answers == [(401, "key_revoked")]
    switch.keychain = issuer(house)
    [(status, told)] = switch.start().replies
    assert (status, told[:32]) == ("502", "NOT stopped: 403 admin_forbidden")
