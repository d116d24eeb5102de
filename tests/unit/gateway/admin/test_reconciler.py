"""`/vault/reconciler` and its kin."""

from __future__ import annotations

from gateway.reconcile.crew import Account, NotOpen, Watched
from ledger import Ending, Hold, HoldState
from tests.unit.gateway.admin.side import Side

MINUTE_US = 60_000_000


async def opened(side: Side, call_id: str, state: HoldState, counts: int = 5_000_000) -> Hold:
    key = side.registry.key((await side.key())["id"])
    assert key is not None
    hold = await side.ledger.hold(key.account_id, counts, call_id=call_id)
    ending = Ending(hold.hold_id, state, 0, counts)
    side.ledger.book([ending], now_us=side.clock.now_us())
    return hold


async def test_what_is_pending_or_stands_is_listed_with_its_next_look(side: Side) -> None:
    await opened(side, "call_1", HoldState.PENDING)
    hold = await opened(side, "call_2", HoldState.STANDING)
    await opened(side, "call_3", HoldState.IN_DOUBT)
    side.reconcilers.watching = Watched(hold.at_us + MINUTE_US, 2, "as before")
    side.clock.advance(30)
    _, page = await side.ask("GET", "/vault/pending")
    assert [(call["id"], call["state"]) for call in page["data"]] == [
        ("call_2", "standing"),
        ("call_1", "pending"),
    ]
    first = page["data"][0]
    assert (first["age_s"], first["looks"], first["evidence"]) == (30, 2, "as before")
    assert first["next_look_at"].endswith("Z")
    _, page = await side.ask("GET", "/vault/pending?state=pending")
    assert [call["id"] for call in page["data"]] == ["call_1"]
    status, _ = await side.ask("GET", "/vault/pending?state=open")
    assert status == 400


async def test_a_pending_call_can_be_resolved_by_a_person(side: Side) -> None:
    hold = await opened(side, "call_1", HoldState.PENDING)
    wish = {"outcome": "settled", "cost_usd": "4", "reason": "seen in the console"}
    status, answer = await side.ask("POST", "/vault/calls/call_1/resolve", wish)
    assert (status, answer["state"]) == (200, "settled")
    assert (hold.state, hold.settled_micros) == (HoldState.SETTLED, 4_000_000)


async def test_each_account_shows_its_queue(side: Side) -> None:
    queue = {"pending": 1, "in_doubt": 2, "standing": 3, "refund": 0}
    at_us = side.clock.now_us()
    side.reconcilers.known = [
        Account("stripe", "default", queue, 1, at_us, at_us, at_us, 7, "HTTP 429 to a read"),
        Account("stripe", "acme", queue, 0, None, None, None, 0, ""),
    ]
    _, answer = await side.ask("GET", "/vault/reconciler")
    assert answer["enabled"] is True
    busy, idle = answer["accounts"]
    assert (busy["queue"], busy["lookups"], busy["last_error"]) == (queue, 7, "HTTP 429 to a read")
    assert busy["backing_off_until"] == busy["next_due_at"] == busy["last_look_at"]
    assert (idle["next_due_at"], idle["last_error"]) == (None, None)


async def test_a_person_asks_the_vendor_now(side: Side) -> None:
    side.history.add(id="call_1", state="settled")
    status, answer = await side.ask("POST", "/vault/calls/call_1/reconcile")
    assert (status, answer["state"], answer["found"]) == (200, "settled", "nothing new")
    assert side.reconcilers.looked == ["call_1"]
    _, answer = await side.ask("POST", "/vault/calls/call_2/reconcile")
    assert answer["state"] is None
    status, _ = await side.ask("POST", "/vault/calls/call_1/reconcile", {"now": True})
    assert status == 400


async def test_a_call_with_nothing_open_is_not_looked_at(side: Side) -> None:
    side.reconcilers.not_open = NotOpen("nothing of it is open")
    side.history.add(id="call_1", state="settled")
    side.history.add(id="call_2")
    for call_id, state in (("call_1", "settled"), ("call_2", "one that made no hold")):
        status, told = await side.ask("POST", f"/vault/calls/{call_id}/reconcile")
        assert (status, told["errors"][0]["problem"]) == (
            400,
            f"is not looked at, nothing of it is open: the call is {state}",
        )
    status, _ = await side.ask("POST", "/vault/calls/call_9/reconcile")
    assert status == 404
