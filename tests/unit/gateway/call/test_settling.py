"""What an answer means where the vendor module cannot know: too long to be read, or unpriced."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.vault.allowlist import Allowlist
from ledger import HoldState
from tests.calls import USD, Calls, Script, intent

ISSUING = Allowlist.parse(["POST /v1/issuing/cards"])
CARDS: dict[str, Any] = {"allow_unpriced": ((ISSUING, 5 * USD),)}
INTENTS = "/v1/payment_intents"
NEW: dict[str, Any] = {"amount": 1200, "currency": "usd"}


@pytest.mark.parametrize(
    ("status", "tree", "spent", "state"),
    [
        (200, {"object": "payout", "amount": 300, "currency": "usd"}, 5 * USD, "settled"),
        (200, {"object": "payout", "amount": 900, "currency": "usd"}, 9 * USD, "settled"),
        (400, {"error": {}}, 0, "released"),
        (409, {"error": {}}, 5 * USD, "in_doubt"),
        (424, {"error": {}}, 5 * USD, "in_doubt"),
        (500, {"error": {}}, 5 * USD, "in_doubt"),
    ],
)
async def test_an_unpriced_call_costs_its_hold_or_what_it_shows(
    calls: Calls, status: int, tree: Any, spent: int, state: str
) -> None:
    key = await calls.key(**CARDS)
    calls.upstream.vendor = Script((status, tree))
    assert (await calls.call(key, "POST", "/v1/issuing/cards", {"amount": 1})).status == status
    assert (calls.spent(key), calls.row.state) == (spent, state)


async def test_an_answer_too_long_to_be_read_costs_the_quote(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.whole_bytes_max = 0
    calls.upstream.vendor = Script((200, intent(1200)))
    seen = await calls.call(key, "POST", INTENTS, NEW)
    assert seen.json["id"] == "pi_1", "it streams"
    assert seen.headers["keybrake-cost-estimated"] == "true"
    assert (calls.spent(key), calls.row.state) == (12 * USD, "settled")


async def test_a_refusal_too_long_to_be_read_is_in_doubt(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.whole_bytes_max = 0
    calls.upstream.vendor = Script((402, {"error": {}}))
    assert (await calls.call(key, "POST", INTENTS, NEW)).status == 402
    assert (calls.spent(key), calls.row.state) == (12 * USD, "in_doubt")


async def test_of_an_object_an_unread_answer_frees_nothing(calls: Calls) -> None:
    key = await calls.key()
    await calls.call(key, "POST", INTENTS, NEW)
    calls.upstream.whole_bytes_max = 0
    await calls.call(key, "POST", f"{INTENTS}/pi_1/cancel", {})
    [hold] = calls.ledger.open_holds(HoldState.STANDING)
    assert (hold.standing_micros, calls.spent(key)) == (12 * USD, 12 * USD)


async def test_an_unread_cancel_of_what_held_nothing_costs_nothing(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.whole_bytes_max = 0
    calls.upstream.vendor = Script((200, intent(1200, "canceled")))
    await calls.call(key, "POST", f"{INTENTS}/pi_1/cancel", {})
    assert calls.spent(key) == 0


async def test_an_unread_answer_to_a_retry_leaves_the_first_call_in_doubt(calls: Calls) -> None:
    key = await calls.key()
    calls.upstream.vendor = Script((500, {}), (200, intent(1200)))
    await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    calls.upstream.whole_bytes_max = 0
    await calls.call(key, "POST", INTENTS, NEW, idempotency_key="k")
    [hold] = calls.ledger.open_holds(HoldState.IN_DOUBT)
    assert (hold.amount_micros, calls.spent(key)) == (12 * USD, 12 * USD)
