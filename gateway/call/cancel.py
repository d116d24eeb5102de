"""Cancelling what a revoked key left standing: the only writes that the gateway makes unasked.

A revoke with `cancel_open_intents` hands its keys over; each intent that they left open is
cancelled with the real key, in its turn, and booked from the vendor's own answer. Nothing is held
for it, since a cancel costs nothing; when no answer comes the intent simply stays standing, and
counts."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from gateway.call import objects
from gateway.call.doors import Doors
from gateway.call.record import CallRecord
from gateway.ids import make_id
from gateway.settings import MIB
from gateway.upstream.pool import NotSent, Order, OutcomeUnknown, Watch
from gateway.vault.registry import Key
from ledger import Ending, Hold, HoldState
from vendors.contract import Answer, End, Outcome, Quote, Sent

_log = logging.getLogger("keybrake")


class Canceller:
    """Cancels the open intents of keys."""

    __slots__ = ("_doors",)

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def cancel_open(self, keys: Iterable[Key]) -> list[dict[str, str]]:
        """One line per intent: `{"object_id", "status"}`, where status is what the vendor says of
        it now, or why that is not known."""
        by_account = {key.account_id: key for key in keys}
        tags = {
            hold.tag: by_account[hold.account_id]
            for hold in self._doors.ledger.open_holds(HoldState.STANDING)
            if hold.account_id in by_account and hold.tag and not hold.shed
        }
        return [await self._in_turn(tag, key) for tag, key in tags.items()]

    async def _in_turn(self, tag: str, key: Key) -> dict[str, str]:
        object_id = tag.rpartition("/")[2]
        await self._doors.turns.take(tag)
        try:
            status = await self._end(tag, object_id, key)
        except (NotSent, OutcomeUnknown) as exc:
            _log.warning("cancelling %s: %s", object_id, exc)
            status = f"not known: {exc}"
        finally:
            self._doors.turns.give(tag)
        return {"object_id": object_id, "status": status}

    async def _end(self, tag: str, object_id: str, key: Key) -> str:
        """All is looked at when its turn has come: settings may have become others meanwhile."""
        doors, terms = self._doors, key.terms
        known = objects.alive(doors.ledger.tagged(tag))
        if not known:  # the call before it saw it through
            return "no longer open"
        if (terms.vendor, terms.account) not in doors.turnstiles:
            return "not known: its account is not set up here"
        target = doors.vendors[terms.vendor].cancellation(object_id)
        return "cannot be cancelled" if target is None else await self._cancel(known, key, target)

    async def _cancel(self, known: list[Hold], key: Key, target: str) -> str:
        doors, terms = self._doors, key.terms
        vendor = doors.vendors[terms.vendor]
        now_us = doors.clock.now_us()
        call_id = make_id("call_", now_us)
        reading = vendor.read(
            vendor.operation("POST", target, ""), Sent("POST", target, "", "", b"")
        )
        quote = vendor.quote(reading, doors.rates(), (), objects.kept_rate(known))
        assert isinstance(quote, Quote), "a cancel needs no lookup"
        upstream = doors.upstreams.account(terms.vendor, terms.account)
        headers = [(b"authorization", upstream.authorization), (b"user-agent", b"keybrake")]
        headers.extend(objects.account_headers(known).items())
        if vendor.idempotency_header is not None:
            headers.append((vendor.idempotency_header, b"kb-" + call_id.encode("ascii")))
        order = Order(b"POST", target.encode("ascii"), headers, b"", whole_bytes_max=MIB)
        reply = await upstream.send(order, Watch())
        await reply.close()
        outcome = vendor.settle(
            reading, quote, Answer(reply.status, dict(reply.headers), reply.body or b"")
        )
        if outcome.end is not End.IN_DOUBT:
            base = objects.base_micros(quote, known)
            await self._book(known, key, objects.since_known(outcome, base))
        record = CallRecord(
            call_id,
            now_us,
            terms.key_id,
            terms.label,
            terms.label,
            terms.vendor,
            terms.account,
            "POST",
            target,
            reading.operation.name,
            reason="the key was revoked",
            status=reply.status,
            object_id=outcome.object_id,
            duration_ms=(doors.clock.now_us() - now_us) // 1000,
        )
        doors.history.record(record.row())
        return outcome.end.value if reply.status >= 300 else "canceled"

    async def _book(self, known: list[Hold], key: Key, outcome: Outcome) -> None:
        """Durable, since the answer to the revoke says that it is canceled."""
        if outcome.object_id is None:
            return
        spread = objects.spread(outcome, known, [], key.account_id, key.parent_id, b"")
        endings = [ending for ending in spread.first if isinstance(ending, Ending)]
        if endings:
            ticket = self._doors.ledger.book(endings, now_us=self._doors.clock.now_us())
            self._doors.history.follow(endings)
            await ticket.durable()
