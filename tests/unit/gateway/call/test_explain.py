"""A call that is explained: what is said of it is what happens when it is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from gateway.call.explain import Explainer
from gateway.call.verdicts import Asked, Explanation
from gateway.vault.allowlist import Allowlist
from gateway.vault.terms import Mode, ParamRule
from tests.calls import SECRET, USD, Calls, Holder, Script, SentBody, intent
from tests.telco import OWN

INTENTS = "/v1/payment_intents"
PAY = {"amount": "1200", "currency": "usd", "confirm": "true"}
FORM = b"application/x-www-form-urlencoded"
MESSAGES = "/2010/Accounts/{sid}/Messages"
TELCO = Allowlist.parse(["POST /2010/**", "POST /mails", "GET /2010/**"])


def form(fields: dict[str, str], **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    return {"headers": {b"content-type": FORM, **named}, "body": urlencode(fields).encode()}


async def explain(
    calls: Calls, holder: Holder, method: str, path: str, query: str = "", **more: Any
) -> Explanation:
    asked = Asked(method, path, query, **more)
    return await Explainer(calls.doors).explain(holder.key, asked)


async def told_and_made(
    calls: Calls, holder: Holder, method: str, path: str, **more: Any
) -> tuple[Explanation, str | None]:
    """What is said of a call, and the code of the refusal that it then gets."""
    told = await explain(calls, holder, method, path, **more)
    before = len(calls.history.rows)
    body = SentBody(more["body"]) if "body" in more else None
    named = {n.decode().replace("-", "_"): v.decode() for n, v in more.get("headers", {}).items()}
    seen = await calls.call(holder, method, path, body=body, **named)
    if len(calls.history.rows) > before and seen.status < 300:
        assert told.quote_micros == calls.row.quote_micros
    return told, None if seen.status < 300 else seen.code


def rules(told: Explanation) -> dict[str, bool]:
    return {verdict.rule: verdict.passed for verdict in told.verdicts}


def detail(told: Explanation, rule: str) -> str:
    (found,) = (verdict.detail for verdict in told.verdicts if verdict.rule == rule)
    return found


async def test_a_call_that_passes_is_told_with_its_price_and_all_its_rules(calls: Calls) -> None:
    holder = await calls.key(
        per_call_micros_max=50 * USD,
        currencies=frozenset({"usd"}),
        params=(ParamRule("confirm", equals="true"),),
        rate_per_minute=9,
        concurrency_max=1,
        total_cap_micros=900 * USD,
        daily_call_cap=3,
    )
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **form(PAY))
    assert (told.refusal, told.spared, code) == (None, None, None)
    assert list(rules(told)) == [
        "vendor", "key", "path", "endpoint", "mint_endpoints", "headers", "concurrency_max",
        "rate_per_minute", "body", "price", "per_call_usd_max", "currency", "params:confirm",
        "key_daily", "key_total", "key_calls",
    ]  # fmt: skip
    assert all(rules(told).values())
    assert (told.operation, told.quote_micros, told.hold_micros) == (
        "PostPaymentIntents", 12 * USD, 12 * USD,
    )  # fmt: skip
    assert (told.units, told.remaining_micros, told.countries) == (1, 500 * USD, ())
    assert detail(told, "price") == f"{told.how[:1].upper()}{told.how[1:]}."


async def test_nothing_is_held_counted_or_sent(calls: Calls) -> None:
    holder = await calls.key(rate_per_minute=1)
    for _ in range(3):
        told = await explain(calls, holder, "POST", INTENTS, **form(PAY))
        assert told.refusal is None
    assert (calls.spent(holder), calls.standing(holder).units) == (0, 0)
    assert (calls.history.rows, holder.key.last_used_us) == ([], 0)
    assert getattr(calls.vendor, "orders") == []  # noqa: B009


async def test_the_path_may_have_the_vendors_prefix(calls: Calls) -> None:
    holder = await calls.key()
    for path in (INTENTS, f"/stripe{INTENTS}"):
        assert (await explain(calls, holder, "POST", path, **form(PAY))).refusal is None
    told = await explain(calls, holder, "POST", f"/telco{INTENTS}", **form(PAY))
    assert rules(told) == {"vendor": False, "key": True}
    assert told.refusal is not None
    assert told.refusal.code == "vendor_mismatch"


@pytest.mark.parametrize(
    ("terms", "fields", "code", "rule"),
    [
        ({"allowed": Allowlist.parse(["GET /v1/**"])}, {}, "endpoint_not_allowed", "endpoint"),
        ({"daily_cap_micros": 11 * USD}, {}, "daily_cap_exceeded", "key_daily"),
        ({"total_cap_micros": 11 * USD}, {}, "total_cap_exceeded", "key_total"),
        ({"daily_call_cap": 0}, {}, "call_count_exceeded", "key_calls"),
        ({"per_call_micros_max": USD}, {}, "policy_refused", "per_call_usd_max"),
        ({"currencies": frozenset({"eur"})}, {}, "policy_refused", "currency"),
        ({"params": (ParamRule("amount", maximum=5),)}, {}, "policy_refused", "params:amount"),
        ({"sandbox": True}, {}, "policy_refused", "sandbox"),
        ({}, {"amount": "12.5"}, "amount_unreadable", "price"),
        ({}, {"Amount": "1"}, "amount_unreadable", "body"),
    ],
)
async def test_what_is_told_is_what_happens(
    calls: Calls, terms: dict[str, Any], fields: dict[str, str], code: str, rule: str
) -> None:
    holder = await calls.key(**terms)
    told, made = await told_and_made(calls, holder, "POST", INTENTS, **form(PAY | fields))
    assert told.refusal is not None
    assert (told.refusal.code, told.refusal.rule, made) == (code, rule, code)


async def test_one_no_does_not_hide_the_next(calls: Calls) -> None:
    holder = await calls.key(
        allowed=Allowlist.parse(["GET /v1/**"]), per_call_micros_max=1, daily_cap_micros=2
    )
    told = await explain(calls, holder, "POST", INTENTS, **form(PAY))
    failed = [rule for rule, passed in rules(told).items() if not passed]
    assert failed == ["endpoint", "per_call_usd_max", "key_daily"]
    assert told.quote_micros == 12 * USD


async def test_a_key_that_is_no_longer_one(calls: Calls) -> None:
    holder = await calls.key()
    await calls.registry.revoke([holder.key], abort=False)
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **form(PAY))
    assert rules(told)["key"] is False
    assert code == "key_revoked"


async def test_an_account_that_is_not_set_up(calls: Calls) -> None:
    holder = await calls.key(account="gone")
    told = await explain(calls, holder, "POST", INTENTS, **form(PAY))
    assert detail(told, "vendor") == "The account gone of stripe is not set up here."
    assert told.quote_micros is None


@pytest.mark.parametrize(
    ("path", "query", "rule"),
    [("/v1/..", "", "path"), (INTENTS, "k=vault_key_{key}", "path")],
)
async def test_a_path_that_is_bent_or_holds_a_key(
    calls: Calls, path: str, query: str, rule: str
) -> None:
    holder = await calls.key()
    query = query.replace("vault_key_{key}", holder.secret)
    told = await explain(calls, holder, "GET", path, query)
    assert (list(rules(told))[-1], rules(told)[rule]) == (rule, False)


async def test_what_hands_out_access(calls: Calls) -> None:
    holder = await calls.key()
    told = await explain(calls, holder, "POST", "/v1/ephemeral_keys", **form({"customer": "c"}))
    assert rules(told)["mint_endpoints"] is False
    named = await calls.key(mint_endpoints=Allowlist.parse(["POST /v1/ephemeral_keys"]))
    told = await explain(calls, named, "POST", "/v1/ephemeral_keys", **form({"customer": "c"}))
    assert (told.refusal, told.quote_micros, told.how) == (None, 0, "it costs nothing")


async def test_headers_that_name_what_they_may_not(calls: Calls) -> None:
    holder = await calls.key()
    for header, value in (("stripe_account", "acct_1"), ("user_agent", holder.secret)):
        asked = form(PAY, **{header: value})
        told, code = await told_and_made(calls, holder, "POST", INTENTS, **asked)
        assert told.refusal is not None
        assert (told.refusal.rule, told.refusal.code) == ("headers", code)


async def test_as_many_at_once_as_the_key_allows(calls: Calls) -> None:
    holder = await calls.key(concurrency_max=0)
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **form(PAY))
    assert told.refusal is not None
    assert (told.refusal.rule, code) == ("concurrency_max", "rate_limited")


async def test_as_many_a_minute_as_the_key_allows(calls: Calls) -> None:
    holder = await calls.key(rate_per_minute=1)
    assert (await told_and_made(calls, holder, "POST", INTENTS, **form(PAY)))[1] is None
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **form(PAY))
    assert told.refusal is not None
    assert (told.refusal.rule, code) == ("rate_per_minute", "rate_limited")
    assert "; the next one in " in detail(told, "rate_per_minute")


async def test_a_read_costs_nothing_and_has_no_body(calls: Calls) -> None:
    holder = await calls.key()
    told = await explain(calls, holder, "GET", "/v1/customers/cus_1")
    assert (told.quote_micros, told.hold_micros) == (0, 0)
    assert detail(told, "price") == "It costs nothing."
    told = await explain(calls, holder, "GET", "/v1/customers/cus_1", body=b"x")
    assert detail(told, "body") == "GET has no body."


async def test_money_of_the_test_mode_that_is_not_counted(calls: Calls) -> None:
    holder = await calls.key(count_test_mode=False)
    told = await explain(calls, holder, "POST", INTENTS, **form(PAY))
    assert (told.refusal, told.quote_micros) == (None, 0)
    assert "no real money" in told.how


async def test_what_nobody_prices_takes_the_keys_fixed_hold(calls: Calls) -> None:
    path = "/v1/unheard_of"
    holder = await calls.key()
    told, code = await told_and_made(calls, holder, "POST", path, **form({}))
    assert told.refusal is not None
    assert (told.refusal.rule, told.refusal.code, code) == ("price",) + ("endpoint_unpriced",) * 2
    fixed = ((Allowlist.parse([f"POST {path}"]), 7 * USD),)
    told = await explain(calls, await calls.key(allow_unpriced=fixed), "POST", path, **form({}))
    assert (told.refusal, told.hold_micros) == (None, 7 * USD)


async def test_a_body_that_is_too_long_or_holds_a_key(calls: Calls) -> None:
    holder = await calls.key()
    told = await explain(calls, holder, "POST", INTENTS, **form({"x": "y" * 2**21}))
    assert told.refusal is not None
    assert told.refusal.code == "body_too_large"
    told = await explain(calls, holder, "POST", INTENTS, **form({"x": holder.secret}))
    assert told.refusal is not None
    assert (told.refusal.rule, told.refusal.code) == ("body", "request_malformed")


# ── look-ups ────────────────────────────────────────────────────────────────────────────────────


async def test_a_price_is_looked_up_with_the_real_key(calls: Calls) -> None:
    holder = await calls.key()
    calls.upstream.vendor = script = Script((200, intent(1200, "requires_capture")))
    told = await explain(calls, holder, "POST", f"{INTENTS}/pi_1/capture", **form({}))
    assert (told.refusal, told.hold_micros) == (None, 12 * USD)
    assert told.lookups == (f"{INTENTS}/pi_1",)
    assert [order.method for order in script.orders] == [b"GET"]
    assert calls.doors.turnstiles["stripe", "default"]._inside == 0


async def test_what_the_call_may_not_do_is_not_looked_up(calls: Calls) -> None:
    holder = await calls.key(allowed=Allowlist.parse(["POST /v1/payment_intents"]))
    calls.upstream.vendor = script = Script()
    told = await explain(calls, holder, "POST", f"{INTENTS}/pi_1/capture", **form({}))
    assert rules(told)["price"] is False
    assert (script.orders, told.quote_micros) == ([], None)


async def test_an_object_that_the_vendor_does_not_know(calls: Calls) -> None:
    holder = await calls.key()
    calls.upstream.vendor = Script((404, {"error": {"message": "No such payment_intent"}}))
    told = await explain(calls, holder, "POST", f"{INTENTS}/pi_1/capture", **form({}))
    assert detail(told, "price") == "The vendor answers 404 when it is asked for the price."


async def test_an_object_that_is_known_costs_what_is_not_held_yet(calls: Calls) -> None:
    holder = await calls.key()
    made = await calls.call(
        holder, "POST", INTENTS, {"amount": 1200, "currency": "usd", "capture_method": "manual",
                                  "confirm": "true"},
    )  # fmt: skip
    path = f"{INTENTS}/{made.json['id']}/capture"
    told, code = await told_and_made(calls, holder, "POST", path, **form({}))
    assert (told.hold_micros, told.quote_micros, code) == (0, 0, None)


# ── retries, shadow, issuers ────────────────────────────────────────────────────────────────────


async def test_a_retry_holds_nothing_more(calls: Calls) -> None:
    holder = await calls.key(daily_cap_micros=12 * USD)
    asked = form(PAY, idempotency_key="mine")
    assert rules(await explain(calls, holder, "POST", INTENTS, **asked))["idempotency"]
    await told_and_made(calls, holder, "POST", INTENTS, **asked)
    told = await explain(calls, holder, "POST", INTENTS, **asked)
    assert (told.refusal, told.hold_micros, told.quote_micros) == (None, 0, 0)
    assert told.how == "settled by the first call with this Idempotency-Key"
    other = form(PAY | {"amount": "1300"}, idempotency_key="mine")
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **other)
    assert told.refusal is not None
    assert (told.refusal.code, code) == ("idempotency_conflict",) * 2
    asked = form(PAY, idempotency_key="")
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **asked)
    assert told.refusal is not None
    assert (told.refusal.code, code) == ("request_malformed",) * 2


async def test_a_key_in_shadow_mode_is_spared_its_own_rules_only(calls: Calls) -> None:
    holder = await calls.key(mode=Mode.SHADOW, per_call_micros_max=1, daily_cap_micros=2)
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **form(PAY))
    assert (told.refusal, code) == (None, None)
    assert told.spared is not None
    assert told.spared.rule == "per_call_usd_max"
    told = await explain(calls, holder, "PUT", INTENTS, **form(PAY))
    assert told.refusal is not None
    assert told.refusal.rule == "endpoint"


async def test_an_issuers_cap_is_a_rule_of_its_keys(calls: Calls) -> None:
    issuer = await calls.issuer(daily_micros=11 * USD)
    holder = await calls.key(issuer)
    told, code = await told_and_made(calls, holder, "POST", INTENTS, **form(PAY))
    assert told.refusal is not None
    assert (told.refusal.rule, told.refusal.code, code) == (
        "issuer_daily", "issuer_cap_exceeded", "issuer_cap_exceeded",
    )  # fmt: skip
    assert detail(told, "issuer_daily") == "11.00 USD are left today over all keys of the issuer."


# ── a vendor unlike Stripe ──────────────────────────────────────────────────────────────────────


def message(**fields: str) -> dict[str, Any]:
    return {"headers": {b"content-type": b"application/json"}, "body": orjson.dumps(fields)}


async def test_countries_and_accounts(calls: Calls) -> None:
    holder = await calls.key(vendor="telco", allowed=TELCO, countries=frozenset({"US"}))
    alias = f"AC{holder.key.terms.key_id[-8:]}"
    asked = message(to="+49", body="two words")
    for sid in (alias, OWN):
        path = MESSAGES.format(sid=sid)
        told = await explain(calls, holder, "POST", path, **asked)
        assert (told.countries, told.quote_micros) == (("DE",), 4 * USD)
        assert (rules(told)["account"], rules(told)["country"]) == (True, False)
    told = await explain(calls, holder, "POST", MESSAGES.format(sid="ACother"), **asked)
    assert (list(rules(told))[-1], rules(told)["account"]) == ("account", False)
    assert OWN not in repr(told)
    assert SECRET not in repr(told)


async def test_a_body_that_passes_is_bounded_and_priced(calls: Calls) -> None:
    limits = replace(calls.settings.server, priced_body_bytes_max=10)
    calls.doors = replace(calls.doors, settings=replace(calls.settings, server=limits))
    holder = await calls.key(vendor="telco", allowed=TELCO, daily_call_cap=4)
    told = await explain(calls, holder, "POST", "/mails", body=b"a@b c@d and much more")
    assert (told.quote_micros, told.hold_micros, told.units) == (2 * USD, 5 * USD, 2)
    assert rules(told)["key_calls"] is False, "the most that it can be does not fit"
    await calls.call(holder, "POST", "/mails", body=SentBody(b"a@b c@d and much more"))
    told = await explain(calls, holder, "POST", "/mails", body=b"a@b! and much more")
    assert detail(told, "body").endswith("shouts")


@pytest.mark.parametrize("path", [INTENTS, "/v1/tax_rates"])
@pytest.mark.parametrize("begin", ["v", "%76"])
async def test_a_vault_key_in_a_body_is_refused_whether_anybody_reads_it_or_not(
    calls: Calls, path: str, begin: str
) -> None:
    key = await calls.key()
    body = f"amount=1200&currency=usd&metadata[k]={begin}{key.secret[1:]}".encode()
    told, made = await told_and_made(
        calls, key, "POST", path, headers={b"content-type": FORM}, body=body
    )
    assert (rules(told)["body"], made) == (False, "request_malformed")
