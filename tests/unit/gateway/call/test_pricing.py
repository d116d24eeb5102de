"""The quote of a call: look-ups, retries, fixed holds, and the key's rules on money."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.call import pricing
from gateway.call.pricing import as_refusal, fixed_hold
from gateway.call.remarks import remark_of
from gateway.errors import AmountUnreadable, EndpointUnpriced, MediaTypeUnsupported, PolicyRefused
from gateway.upstream.order import NotSent, OutcomeUnknown
from gateway.vault.allowlist import Allowlist
from gateway.vault.terms import Mode, ParamRule, Terms
from ledger import HoldState
from tests.calls import USD, Calls, Script, intent
from vendors.contract import Lookup, MediaTypeRefused, RuleRefused, Unpriced, Unreadable
from vendors.rates import Rate

INTENTS = "/v1/payment_intents"
CONFIRM = f"{INTENTS}/pi_1/confirm"
NEW: dict[str, Any] = {"amount": 1200, "currency": "usd"}


@pytest.mark.parametrize(
    ("raised", "refusal", "facts"),
    [
        (Unreadable("amount", "missing"), AmountUnreadable, {"field": "amount"}),
        (MediaTypeRefused("no"), MediaTypeUnsupported, {}),
        (RuleRefused("currency", "no"), PolicyRefused, {"rule": "currency"}),
        (Unpriced("no"), EndpointUnpriced, {}),
    ],
)
def test_a_vendors_no_is_one_of_ours(raised: Exception, refusal: type, facts: Any) -> None:
    ours = as_refusal(raised)
    assert type(ours) is refusal
    assert ours.facts == facts


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"amount": "12.5", "currency": "usd"}, 422, "amount_unreadable"),
        ({"amount": 1200, "currency": "zzz"}, 422, "amount_unreadable"),
        ({"currency": "usd"}, 422, "amount_unreadable"),
    ],
)
async def test_what_cannot_be_priced_is_not_sent(
    calls: Calls, form: dict[str, Any], status: int, code: str
) -> None:
    key = await calls.key()
    seen = await calls.call(key, "POST", INTENTS, form)
    assert (seen.status, seen.code) == (status, code)
    assert calls.spent(key) == 0


async def test_an_unreadable_media_type(calls: Calls) -> None:
    key = await calls.key()
    seen = await calls.call(key, "POST", INTENTS, NEW, content_type="text/plain")
    assert (seen.status, seen.code) == (415, "media_type_unsupported")


async def test_a_price_is_looked_up_with_the_real_key_and_no_header_of_the_callers(
    calls: Calls,
) -> None:
    key = await calls.key(vendor_accounts=frozenset({"acct_1"}))
    script = Script((200, intent(1200)), (200, intent(1200, "succeeded")))
    calls.upstream.vendor = script
    await calls.call(key, "POST", CONFIRM, {}, stripe_account="acct_1", stripe_version="x")
    look_up = script.orders[0]
    assert (look_up.method, look_up.target) == (b"GET", b"/v1/payment_intents/pi_1")
    assert look_up.headers == [(b"stripe-account", b"acct_1")]
    assert calls.spent(key) == 12 * USD


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (NotSent("no connection"), "no connection"),
        (OutcomeUnknown("broke"), "broke"),
        ((500, {}), "answered 500"),
    ],
)
async def test_a_look_up_that_fails_stops_the_call(calls: Calls, step: Any, text: str) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script(step)
    seen = await calls.call(key, "POST", CONFIRM, {})
    assert (seen.status, seen.code, seen.json["stage"]) == (502, "vendor_unreachable", "lookup")
    assert text in seen.json["message"]
    assert calls.spent(key) == 0


async def test_a_look_up_too_long_to_be_read_stops_it_too(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((200, intent(1200)))
    calls.upstream.whole_bytes_max = 0
    seen = await calls.call(key, "POST", CONFIRM, {})
    assert (seen.code, seen.json["stage"]) == ("vendor_unreachable", "lookup")
    assert calls.upstream.sources[0].ended, "its connection is not kept"


async def test_an_object_that_the_vendor_does_not_know_is_its_own_404(calls: Calls) -> None:
    key = await calls.key()
    seen = await calls.call(key, "POST", CONFIRM, {})
    assert (seen.status, seen.json) == (404, {"error": {}})
    assert (calls.row.status, calls.row.hold_id) == (404, None)


async def test_a_look_up_that_shows_something_else_prices_nothing(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((200, intent(1200, id="pi_2")))
    seen = await calls.call(key, "POST", CONFIRM, {})
    assert (seen.status, seen.code) == (403, "endpoint_unpriced")


async def test_look_ups_have_an_end(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await calls.key()
    asks_on = lambda *_: Lookup("/v1/x", "once more")  # noqa: E731
    monkeypatch.setattr("vendors.stripe.quote", asks_on)
    calls.upstream.vendor = Script(*[(200, {})] * pricing.LOOKUPS_MAX)
    seen = await calls.call(key, "POST", CONFIRM, {})
    asked = orjson.loads(calls.row.lookups or "")
    assert (seen.code, asked) == ("endpoint_unpriced", ["/v1/x"] * pricing.LOOKUPS_MAX)


async def test_a_raise_keeps_the_rate_and_holds_the_difference(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW)
    await calls.call(key, "POST", f"{INTENTS}/pi_1", {"amount": 2000})
    holds = list(calls.ledger.open_holds(HoldState.STANDING))
    assert [hold.amount_micros for hold in holds] == [12 * USD, 8 * USD]
    assert {remark_of(hold)[:2] for hold in holds} == {(Rate.parse("usd 2 10000/1"), 0)}


async def test_an_unpriced_operation_needs_a_fixed_hold(calls: Calls) -> None:
    key = await calls.key()
    seen = await calls.call(key, "POST", "/v1/issuing/cards", {"amount": 1, "currency": "usd"})
    assert (seen.status, seen.code) == (403, "endpoint_unpriced")
    assert seen.json["setting"] == "allow_unpriced"


def test_the_first_entry_that_fits_gives_the_hold() -> None:
    allow = ((Allowlist.parse(["POST /v1/x"]), 1), (Allowlist.parse(["POST /v1/**"]), 2))
    anything = Allowlist.parse(["POST /v1/**"])
    terms = Terms("vk_1", "stripe", "default", anything, 0, 0, None, allow_unpriced=allow)
    assert [fixed_hold(terms, "POST", f"/v1/{name}") for name in ("x", "y")] == [1, 2]
    assert fixed_hold(terms, "PUT", "/v1/x") is None


async def test_rules_refuse_and_in_shadow_mode_only_speak(calls: Calls) -> None:
    rules = (ParamRule("customer", equals="cus_1"),)
    key = await calls.key(params=rules, per_call_micros_max=10 * USD)
    seen = await calls.call(key, "POST", INTENTS, {**NEW, "customer": "cus_1"})
    assert (seen.code, seen.json["rule"]) == ("policy_refused", "per_call_usd_max")
    seen = await calls.call(key, "POST", INTENTS, {**NEW, "amount": 1})
    assert seen.json["rule"] == "params:customer"
    shadow = await calls.key(params=rules, per_call_micros_max=USD, mode=Mode.SHADOW)
    seen = await calls.call(shadow, "POST", INTENTS, NEW)
    assert (seen.status, seen.headers["keybrake-would-refuse"]) == (200, "policy_refused")


async def test_rules_on_fields_hold_for_calls_that_cost_nothing(calls: Calls) -> None:
    """They were judged for metered calls only, so a key for one customer could write any."""
    key = await calls.key(params=(ParamRule("email", equals="a@example.com"),))
    calls.upstream.vendor = Script((200, {}))
    seen = await calls.call(key, "POST", "/v1/customers", {"email": "b@example.com"})
    assert (seen.code, seen.json["rule"]) == ("policy_refused", "params:email")
    assert (
        await calls.call(key, "POST", "/v1/customers", {"email": "a@example.com"})
    ).status == 200


async def test_a_retry_is_priced_by_the_hold_that_it_continues(calls: Calls) -> None:
    """Looked up again, the intent had succeeded and could move no more: the hold was settled at
    nothing, and the charge was in no books."""
    key = await calls.key()
    calls.upstream.vendor = Script(
        (200, intent(1200)),
        OutcomeUnknown("lost"),
        (200, intent(1200, "succeeded"), (b"idempotent-replayed", b"true")),
    )
    await calls.call(key, "POST", CONFIRM, {}, idempotency_key="k")
    seen = await calls.call(key, "POST", CONFIRM, {}, idempotency_key="k")
    assert seen.status == 200
    now = calls.standing(key)
    assert (now.settled_micros, now.in_doubt_micros) == (12 * USD, 0)


async def test_a_retry_of_what_is_settled_costs_nothing(calls: Calls) -> None:
    key = await calls.key()
    form = {**NEW, "confirm": "true"}
    seen = [await calls.call(key, "POST", INTENTS, form, idempotency_key="k") for _ in range(2)]
    assert seen[0].body == seen[1].body
    assert seen[1].headers["keybrake-cost-usd"] == "0.00"
    assert calls.spent(key) == 12 * USD
