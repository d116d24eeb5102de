"""`/vault/calls`: the audit log, its export, and what is in doubt with its resolving by a person.

What is in doubt is the ledger's to say; the log tells what the call was, the reconciler how far it
is with it. Resolving is an ending like any other: journaled, with its reason as the memo, durable
before it is answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from time import perf_counter
from typing import Any, Final, NoReturn

import orjson

from gateway.admin.cells import row
from gateway.admin.house import House
from gateway.admin.pace import Pace
from gateway.admin.paging import LIMIT, PAGE_FIELDS, Page, cut, first_of, limit_of, no_such_start
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.admin.views import CALL_COLUMNS, call_record
from gateway.admin.views import moment as shown_moment
from gateway.errors import InvalidRequest, NotFound
from gateway.http.message import Response
from gateway.vault.fields import choice, mistake, moment, refuse, text, usd
from gateway.vault.runs import LABEL_CHARS_MAX
from ledger import Ending, Hold, HoldState
from ledger.history import Filters, NoSuchCall
from vendors.money import show_usd

EXPORT_CHUNK_BYTES: Final = 65_536
EXPORT_SLICE: Final = 16
"""Calls written out in one turn of the loop: some 0.3 ms."""
EXPORT_READING: Final = 1.5
"""What a call takes in all, for a second spent on writing it out: it was read from the log."""

_FILTER_FIELDS: Final = (
    text("key_id", "Calls of this key."),
    text("run", "Calls with this effective run label.", chars_max=LABEL_CHARS_MAX),
    text("scenario", "Calls of all runs of this scenario."),
    text("label", "Calls of keys with this agent_run_label."),
    text("vendor", "Calls to this vendor."),
    text("account", "Calls with this account's credentials."),
    text("operation", "Calls of this vendor operation."),
    text("object_id", "Calls about this object of the vendor's."),
    choice("decision", "What the gateway decided.", ["allowed", "refused"]),
    text("code", "Calls refused with this code."),
    choice("state", "How the call's hold stands.", [*(s.value for s in HoldState), "taken_over"]),
    moment("since", "From this time on."),
    moment("until", "Before this time."),
)
_RESOLVE_FIELDS: Final = (
    choice("outcome", "What became of it.", ["settled", "released"], required=True),
    usd("cost_usd", "What it did cost; for settled only."),
    text("reason", "How that is known.", chars_max=2_000, required=True),
)


async def list_calls(house: House, ask: Ask) -> Answer:
    await house.fresh()
    limit = limit_of(ask.query)
    after = ask.query.get("starting_after")
    try:
        found = await house.history.calls(_filters(ask), limit + 1, starting_after=after)
    except NoSuchCall:
        raise no_such_start(after or "") from None
    return first_of(found, limit).shown("/vault/calls", call_record)


async def show(house: House, ask: Ask) -> Answer:
    await house.fresh()
    record = await house.history.call(ask.path["id"])
    if record is None:
        raise NotFound(f"There is no call {ask.path['id'][:64]}.")
    return call_record(record)


def _filters(ask: Ask) -> Filters:
    wishes = {k: v for k, v in ask.query.items() if k not in ("limit", "starting_after", "format")}
    since_us, until_us = wishes.pop("since", None), wishes.pop("until", None)
    return Filters(**wishes, since_us=since_us, until_us=until_us)


# Export


async def export(house: House, ask: Ask) -> Answer:
    """All calls that match, newest first, a page in memory at a time, at the house's pace."""
    await house.fresh()
    records = house.history.export(_filters(ask))
    if ask.query["format"] == "csv":
        kind, head, line = b"text/csv; charset=utf-8; header=present", row(CALL_COLUMNS), _csv
    else:
        kind, head, line = b"application/x-ndjson", b"", _ndjson
    name = f'attachment; filename="calls.{ask.query["format"]}"'.encode()
    headers = [
        (b"content-type", kind),
        (b"content-disposition", name),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return Response(200, headers, stream=_chunks(head, records, line, house.pace))


def _ndjson(record: dict[str, Any]) -> bytes:
    return orjson.dumps(call_record(record)) + b"\n"


def _csv(record: dict[str, Any]) -> bytes:
    shown = call_record(record)
    return row([shown[name] for name in CALL_COLUMNS])


async def _chunks(
    head: bytes,
    records: AsyncIterator[dict[str, Any]],
    line: Callable[[dict[str, Any]], bytes],
    pace: Pace,
) -> AsyncIterator[bytes]:
    """A slice of the records is written out in one turn of the loop, and rested from."""
    gathered, waiting = bytearray(head), list[dict[str, Any]]()
    async for record in records:
        waiting.append(record)
        if len(waiting) == EXPORT_SLICE:
            began_s = perf_counter()
            gathered += b"".join(map(line, waiting))
            waiting.clear()
            await pace.rest(EXPORT_READING * (perf_counter() - began_s))
            if len(gathered) >= EXPORT_CHUNK_BYTES:
                yield bytes(gathered)
                gathered.clear()
    gathered += b"".join(map(line, waiting))
    if gathered:
        yield bytes(gathered)


# In doubt


async def list_in_doubt(house: House, ask: Ask) -> Answer:
    return await open_calls(house, ask, "/vault/in-doubt", HoldState.IN_DOUBT)


async def open_calls(house: House, ask: Ask, url: str, *states: HoldState) -> Answer:
    """A page of the calls whose holds are open in one of these states, newest first."""
    await house.fresh()
    found: dict[str, list[Hold]] = {}
    for hold in house.ledger.open_holds(*states):
        found.setdefault(hold.memo_ref, []).append(hold)
    chosen = cut(sorted(found, reverse=True), str, ask.query)
    shown = [await _open_call(house, call_id, found[call_id]) for call_id in chosen.items]
    return Page(shown, chosen.has_more).shown(url, dict)


async def _open_call(house: House, call_id: str, holds: Sequence[Hold]) -> dict[str, Any]:
    """The call, what it counts for, and how far the looking after it is."""
    counts = sum(hold.settled_micros + hold.standing_micros for hold in holds)
    record = await house.history.call(call_id)
    known = {"id": call_id, "object": "call"} if record is None else call_record(record)
    last = holds[-1]
    watched = house.reconcilers.watched(last)
    next_us = watched.next_look_us
    return {
        **known,
        "state": last.state.value,
        "counts_usd": show_usd(counts),
        "age_s": max(0, house.now_us() - last.at_us) // 1_000_000,
        "next_look_at": None if next_us is None else shown_moment(next_us),
        "looks": watched.looks,
        "evidence": watched.found or None,
    }


async def resolve(house: House, ask: Ask) -> Answer:
    call_id, wishes = ask.path["id"], ask.fields()
    settled = wishes["outcome"] == "settled"
    if settled != ("cost_usd" in wishes):
        told = "is required when outcome is settled" if settled else "applies to settled only"
        refuse([mistake("cost_usd", told)])
    unsure = house.ledger.open_holds(HoldState.IN_DOUBT, HoldState.PENDING)
    holds = sorted((h for h in unsure if h.memo_ref == call_id), key=lambda h: h.hold_id)
    if not holds:
        await refuse_not_open(house, call_id, "neither in doubt nor pending")
    now_us = house.now_us()
    memo = orjson.dumps({"resolved": {**ask.body, "at_us": now_us}})
    endings = _endings(holds, wishes["cost_usd"], memo) if settled else _released(holds, memo)
    ticket = house.ledger.book(endings, now_us=now_us)
    house.history.follow(endings)
    await ticket.durable()
    cost = show_usd(wishes["cost_usd"]) if settled else None
    return {
        "id": call_id,
        "object": "resolution",
        "state": wishes["outcome"],
        "cost_usd": cost,
        "reason": wishes["reason"],
    }


async def refuse_not_open(house: House, call_id: str, why: str) -> NoReturn:
    """Raises NotFound, or InvalidRequest with the state that the call is in. why: it is …"""
    await house.fresh()
    record = await house.history.call(call_id)
    if record is None:
        raise NotFound(f"There is no call {call_id[:64]}.")
    problem = f"is {why}: the call is {record['state'] or 'one that made no hold'}"
    raise InvalidRequest(f"id {problem}.", errors=[mistake("id", problem)])


def _endings(holds: Sequence[Hold], cost_micros: int, memo: bytes) -> list[Ending]:
    """A call may have two holds, of which together it set its quote aside: each takes up to its own
    amount, and the last one what is left."""
    endings = []
    for hold in holds[:-1]:
        part = min(cost_micros, hold.amount_micros)
        cost_micros -= part
        endings.append(Ending(hold.hold_id, HoldState.SETTLED, settled_micros=part, memo=memo))
    last = Ending(holds[-1].hold_id, HoldState.SETTLED, settled_micros=cost_micros, memo=memo)
    return [*endings, last]


def _released(holds: Sequence[Hold], memo: bytes) -> list[Ending]:
    return [Ending(hold.hold_id, HoldState.RELEASED, memo=memo) for hold in holds]


ROUTES: Final = (
    Route("GET", "/vault/calls", ADMIN, list_calls, "The audit log, newest first", "CallList",
          query=(*PAGE_FIELDS, *_FILTER_FIELDS)),
    Route("GET", "/vault/calls/export", ADMIN, export, "The audit log as a file", "",
          query=(choice("format", "The file's format.", ["csv", "ndjson"], required=True),
                 *_FILTER_FIELDS),
          media=("text/csv", "application/x-ndjson")),
    Route("GET", "/vault/calls/{id}", ADMIN, show, "Show a call", "Call"),
    Route("POST", "/vault/calls/{id}/resolve", ADMIN, resolve,
          "Say what became of a call in doubt, or pending", "Resolution", body=_RESOLVE_FIELDS),
    Route("GET", "/vault/in-doubt", ADMIN, list_in_doubt,
          "Calls of which nobody knows what became of them", "OpenCallList",
          query=(LIMIT, PAGE_FIELDS[1])),
)  # fmt: skip
