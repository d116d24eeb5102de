"""A retry at a vendor without idempotency keys: the first answer again, and not a byte sent."""

from __future__ import annotations

from gateway.admin import replays
from gateway.call import stored
from gateway.upstream.order import OutcomeUnknown
from gateway.vault import bars, runs
from gateway.vault.allowlist import Allowlist
from tests.calls import Calls, Holder, Script
from tests.telco import OWN, USD
from tests.unit.gateway.call.telco_calls import SENT, alias, message, telco_key


async def test_a_retry_of_a_fixed_hold_in_doubt_is_in_doubt(calls: Calls) -> None:
    entry = Allowlist.parse(["POST /2010/Accounts/*/Messages"])
    key = await telco_key(calls, allow_unpriced=((entry, 2 * USD),))
    calls.upstream.vendor = Script(OutcomeUnknown("gone"))
    for _ in range(2):
        seen = await message(calls, key, OWN, {"poem": "o"}, idempotency_key="k")
        assert seen.json["in_doubt"] is True
    assert calls.spent(key) == 2 * USD


async def test_a_retry_gets_the_first_answer_and_nothing_is_sent(calls: Calls) -> None:
    key = await telco_key(calls)
    vendor = calls.upstream.vendor = Script(SENT)
    first = await message(calls, key, OWN, {"body": "hi"}, idempotency_key="k")
    await calls.restart()
    calls.upstream.vendor = vendor
    kept = calls.registry.key(key.key.terms.key_id)
    assert kept is not None
    key = Holder(kept, key.secret)
    again = await message(calls, key, OWN, {"body": "hi"}, idempotency_key="k")
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["keybrake-call-id"] != first.headers["keybrake-call-id"]
    assert (len(vendor.orders), calls.spent(key)) == (1, USD)
    assert calls.row.retry_of == first.headers["keybrake-call-id"]
    other = await message(calls, key, OWN, {"body": "ho"}, idempotency_key="k")
    assert other.code == "idempotency_conflict"


async def test_a_retry_under_another_key_names_the_account_as_that_key_does(calls: Calls) -> None:
    """Each key has a name of its own for it, and may use no other's."""
    one = await telco_key(calls, idempotency_scope="campaign")
    two = await telco_key(calls, idempotency_scope="campaign")
    vendor = calls.upstream.vendor = Script(SENT)
    for key in (one, two, one):
        seen = await message(calls, key, alias(key), {"body": "hi"}, idempotency_key="k")
        assert seen.json == {"sid": "SM1", "account_sid": alias(key)}
    seen = await message(calls, two, OWN, {"body": "hi"}, idempotency_key="k")
    assert seen.json["account_sid"] == OWN
    assert len(vendor.orders) == 1


def test_its_notes_are_of_a_kind_of_their_own() -> None:
    """The admin side reads all notes of its kind at start, and took these for its own."""
    assert stored.KIND not in {replays.KIND, bars.KIND, runs.KIND}


async def test_a_retry_of_a_call_in_doubt_sends_nothing(calls: Calls) -> None:
    key = await telco_key(calls)
    vendor = calls.upstream.vendor = Script(OutcomeUnknown("gone"))
    for code in ("vendor_broke_off", "vendor_timeout"):
        seen = await message(calls, key, OWN, {"body": "hi"}, idempotency_key="k")
        assert (seen.code, seen.json["in_doubt"]) == (code, True)
    assert (len(vendor.orders), calls.spent(key)) == (1, USD)


async def test_a_retry_of_a_refused_call_is_a_new_call(calls: Calls) -> None:
    key = await telco_key(calls)
    calls.upstream.vendor = Script((400, {"code": 1}), SENT)
    for status in (400, 201):
        seen = await message(calls, key, OWN, {"body": "hi"}, idempotency_key="k")
        assert seen.status == status


async def test_an_answer_too_long_to_be_kept_is_said_to_be(calls: Calls) -> None:
    key = await telco_key(calls)
    calls.upstream.vendor = Script((201, {"sid": "SM1", "padding": "x" * 70_000}))
    await message(calls, key, OWN, {"body": "hi"}, idempotency_key="k")
    seen = await message(calls, key, OWN, {"body": "hi"}, idempotency_key="k")
    assert seen.code == "idempotency_conflict"
    assert "too long" in seen.json["message"]


async def test_kept_answers_go_with_the_memory_of_retries(calls: Calls) -> None:
    key = await telco_key(calls)
    calls.upstream.vendor = Script(SENT, SENT)
    await message(calls, key, OWN, {"body": "hi"}, idempotency_key="k")
    calls.clock.advance(21 * 3600)
    await message(calls, key, OWN, {"body": "hi"}, idempotency_key="other")
    assert len(list(calls.ledger.notes(stored.KIND))) == 1
