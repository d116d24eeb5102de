"""What a journey does for vendors that are not like Stripe: names of accounts in paths,
prices that come later, lists of countries, and fixed holds for what has no bound."""

from __future__ import annotations

import base64

from gateway.vault.allowlist import Allowlist
from ledger import HoldState
from tests.calls import Calls, Script, SentBody
from tests.telco import OWN, USD
from tests.unit.gateway.call.telco_calls import JSON, SENT, alias, message, telco_key


async def test_the_accounts_own_name_is_put_into_the_path_and_taken_out_of_the_answer(
    calls: Calls,
) -> None:
    key = await telco_key(calls)
    vendor = calls.upstream.vendor = Script(SENT, SENT)
    for called in (alias(key), OWN):
        seen = await message(calls, key, called, {"body": "hi"})
        assert seen.json["account_sid"] == called
    assert {order.target for order in vendor.orders} == {b"/2010/Accounts/AC00000000/Messages"}


async def test_the_user_name_of_basic_may_name_it_too(calls: Calls) -> None:
    key = await telco_key(calls)
    vendor = calls.upstream.vendor = Script(SENT)
    basic = base64.b64encode(f"AC12345678:{key.secret}".encode()).decode()
    request = calls.request(
        "", "POST", "/telco/2010/Accounts/AC12345678/Messages",
        body=SentBody(b"{}"), authorization=f"Basic {basic}", **JSON,
    )  # fmt: skip
    assert (await calls.ask(request)).json["account_sid"] == "AC12345678"
    assert vendor.orders[0].target == b"/2010/Accounts/AC00000000/Messages"


async def test_another_account_is_refused_unless_the_key_names_it(calls: Calls) -> None:
    key = await telco_key(calls)
    seen = await message(calls, key, "AC99999999", {"body": "hi"})
    assert (seen.code, seen.json["rule"]) == ("policy_refused", "account")
    calls.upstream.vendor = Script(SENT)
    may = await telco_key(calls, vendor_accounts=frozenset({"AC99999999"}))
    assert (await message(calls, may, "AC99999999", {"body": "hi"})).status == 201


async def test_a_price_that_comes_later_is_pending_and_counts(calls: Calls) -> None:
    key = await telco_key(calls)
    calls.upstream.vendor = Script(SENT)
    await message(calls, key, OWN, {"body": "one two"})
    [hold] = calls.ledger.open_holds(HoldState.PENDING)
    assert (hold.standing_micros, hold.tag) == (2 * USD, "telco/default/SM1")
    assert calls.standing(key).pending_micros == calls.spent(key) == 2 * USD
    assert calls.row.state == "pending"


async def test_a_country_is_one_of_the_keys(calls: Calls) -> None:
    key = await telco_key(calls, countries=frozenset({"US"}))
    calls.upstream.vendor = Script(SENT)
    seen = await message(calls, key, OWN, {"body": "hallo", "to": "+491"})
    assert (seen.code, seen.json["rule"]) == ("policy_refused", "country")
    assert (await message(calls, key, OWN, {"body": "hello", "to": "+1"})).status == 201


async def test_a_rule_of_the_vendor_module_refuses_when_it_reads(calls: Calls) -> None:
    key = await telco_key(calls, call_time_limit_s=0)
    seen = await message(calls, key, OWN, {"body": "hi"})
    assert (seen.code, seen.json["rule"]) == ("policy_refused", "call_time_limit_s")


async def test_what_has_no_bound_is_refused_by_name_or_gets_the_keys_fixed_hold(
    calls: Calls,
) -> None:
    key = await telco_key(calls)
    seen = await message(calls, key, OWN, {"poem": "o"})
    assert (seen.code, seen.json["setting"]) == ("endpoint_unpriced", "allow_unpriced")
    assert "a poem has no bound" in seen.json["message"]
    entry = Allowlist.parse(["POST /2010/Accounts/*/Messages"])
    may = await telco_key(calls, allow_unpriced=((entry, 2 * USD),))
    calls.upstream.vendor = Script(SENT)
    assert (await message(calls, may, OWN, {"poem": "o"})).status == 201
    assert calls.spent(may) == 3 * USD  # the greater of its hold and what the answer shows
    assert not list(calls.ledger.open_holds())
