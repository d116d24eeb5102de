"""What a call does in the ledger: hold before it leaves, and one ending for every way it can end.

The only file of the journey that moves money. A hold is durable when `hold` returns. An ending is
applied at once and queued for the journal; one above the hold (drift, declared by the vendor) is
waited for, so that it is on disk before the caller hears of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.call import objects
from gateway.call.journey import Journey
from gateway.call.pricing import FIXED, known_holds, object_tag
from gateway.call.remarks import Remark, acting_for
from gateway.call.restores import give_back
from gateway.clock import Clock, rfc3339
from gateway.errors import (
    CallCountExceeded,
    DailyCapExceeded,
    IssuerCapExceeded,
    LedgerUnavailable,
    SpendRefusal,
    TotalCapExceeded,
)
from gateway.metrics import Metrics
from ledger import (
    CapExceeded,
    Ending,
    Hold,
    HoldState,
    JournalFull,
    JournalUnavailable,
    Ledger,
    Limit,
    Shed,
    Ticket,
)
from ledger.history import History
from vendors.contract import End, Outcome
from vendors.money import show_usd

_log = logging.getLogger("keybrake")

_STATES = {
    End.SETTLED: HoldState.SETTLED,
    End.STANDING: HoldState.STANDING,
    End.PENDING: HoldState.PENDING,
    End.RELEASED: HoldState.RELEASED,
}


class Books:
    """The journey's door to the ledger."""

    __slots__ = ("_clock", "_history", "_ledger", "_metrics")

    def __init__(self, ledger: Ledger, history: History, clock: Clock, metrics: Metrics) -> None:
        self._ledger = ledger
        self._history = history
        self._clock = clock
        self._metrics = metrics

    async def hold(self, journey: Journey) -> None:
        """Set the quote aside, durably. Raises the spend refusals, and LedgerUnavailable."""
        key, quote = journey.key, journey.quote
        parent_id = key.parent_id
        need = objects.need(quote, journey.known, key.account_id, parent_id)
        journey.base_micros = need.base_micros
        journey.record.quote_micros = need.both_micros + need.own_micros
        tag = object_tag(journey, quote.object_id) if quote.object_id else ""
        trace = FIXED if journey.fixed else journey.vendor.trace(journey.reading)
        acts_for = acting_for(journey.account_headers)
        remark = Remark(
            quote.rate, need.base_micros, journey.vendor_key or "", trace, acts_for
        ).text()
        try:
            if need.own_micros:
                await self._take_over(journey, need.own_micros, tag, remark)
            hold = await self._ledger.hold(
                key.account_id,
                need.both_micros,
                units=quote.units,
                memo=journey.record.head_memo(),
                call_id=journey.call_id,
                tag=tag,
                remark=remark,
                retry=journey.retry,
                restorable=key.terms.refunds_restore_cap,
            )
        except CapExceeded as full:
            self.release(journey)
            raise spend_refusal(full, key.account_id) from None
        except (JournalFull, JournalUnavailable) as exc:
            self.release(journey)
            raise LedgerUnavailable(reason=str(exc)) from exc
        journey.made.append(hold)

    async def _take_over(self, journey: Journey, micros: int, tag: str, remark: str) -> None:
        """The part of an object that this key takes over while its issuer counts it already."""
        hold = await self._ledger.hold(
            journey.key.account_id,
            micros,
            units=0,
            memo=journey.record.head_memo(),
            call_id=journey.call_id,
            tag=tag,
            remark=remark,
            with_parent=False,
        )
        journey.made.append(hold)

    def release(self, journey: Journey, memo: bytes = b"") -> None:
        """Not a byte of the call took effect: what it made goes back."""
        self._end_all(journey, HoldState.RELEASED, memo)

    def doubt(self, journey: Journey, memo: bytes = b"") -> None:
        """Bytes left and nothing says what happened: what it made counts in full."""
        self._end_all(journey, HoldState.IN_DOUBT, memo)

    def _end_all(self, journey: Journey, state: HoldState, memo: bytes) -> None:
        endings = [
            Ending(hold.hold_id, state, memo=memo if hold is journey.made[-1] else b"")
            for hold in journey.made
            if hold.state is HoldState.OPEN
        ]
        if endings:
            self._ledger.book(endings, now_us=self._clock.now_us())

    def would_refuse(self, journey: Journey) -> SpendRefusal | None:
        """What a key in shadow mode is spared."""
        need = objects.need(
            journey.quote, journey.known, journey.key.account_id, journey.key.parent_id
        )
        amount = need.both_micros + need.own_micros
        exc = self._ledger.check(journey.key.account_id, amount, journey.quote.units)
        return None if exc is None else spend_refusal(exc, journey.key.account_id)

    async def settle(self, journey: Journey, outcome: Outcome, memo: bytes) -> None:
        """Book what the answer means."""
        if journey.retried is not None:
            await self._settle_retry(journey, journey.retried.hold, outcome, memo)
        elif outcome.end is End.IN_DOUBT:
            self.doubt(journey, memo)
            journey.cost_micros = sum(hold.amount_micros for hold in journey.made)
        elif outcome.end is End.RELEASED and (outcome.object_id is None or not journey.known):
            self.release(journey, memo)
        else:
            outcome = objects.since_known(outcome, journey.base_micros)
            told = objects.retold(outcome, journey.known, journey.made)
            if told is None or self._is_told_already(journey, outcome):
                self.release(journey, memo)
                return
            outcome = told
            if outcome.replayed and not journey.known:
                outcome = objects.for_good(outcome, journey.made)
            outcome = self._beside_doubts(journey, outcome, (*journey.known, *journey.made))
            await self._spread(journey, outcome, memo)
            self._restore(journey, outcome, journey.made[-1])

    def _is_told_already(self, journey: Journey, outcome: Outcome) -> bool:
        """A stored answer came to a call that held afresh: the first call's hold is gone (another
        budget took the object over, or it is too long ago). It tells of the object as it was then,
        and the holds that live tell what it is now. What this call set aside goes back and binds
        nothing: once the vendor forgets that answer, the next call with this key is a new one."""
        if not outcome.replayed or journey.known:
            return False
        return bool(known_holds(journey, outcome.object_id, self._ledger))

    def _beside_doubts(self, journey: Journey, outcome: Outcome, holds: Sequence[Hold]) -> Outcome:
        """What goes above the holds may be what a call in doubt made of the object: that one counts
        for it until it is looked at. A call that set nothing aside leaves the object with those who
        carry it."""
        total = outcome.settled_micros + outcome.standing_micros
        room = objects.room_micros(holds)
        if total <= room or outcome.object_id is None:
            return outcome
        tagged = self._ledger.tagged(object_tag(journey, outcome.object_id))
        doubts = [h for h in tagged if h.state is HoldState.IN_DOUBT and h not in holds]
        return objects.beside(outcome, room, sum(map(objects.counted, doubts)))

    async def _spread(self, journey: Journey, outcome: Outcome, memo: bytes) -> None:
        key, known, made = journey.key, journey.known, journey.made
        tag = object_tag(journey, outcome.object_id) if outcome.object_id else ""
        refused = _is_refusal(journey)
        if not known and len(made) == 1:
            hold = made[0]
            total = outcome.settled_micros + outcome.standing_micros
            drift = total - hold.amount_micros
            state = _STATES[outcome.end]
            if outcome.standing_micros and outcome.end is not End.PENDING:
                state = HoldState.STANDING
            if refused and not total:
                state = HoldState.RELEASED
            units = journey.quote.units if outcome.units is None else outcome.units
            ending = Ending(
                hold.hold_id,
                state,
                outcome.settled_micros,
                outcome.standing_micros,
                memo,
                tag,
                _fewer(units, hold),
            )
            ticket = self._ledger.book((ending,), now_us=self._clock.now_us())
            journey.cost_micros = total
            if drift > 0:
                await self._book_drift(journey, ticket, drift)
            return
        before = objects.carried(known, key.account_id)
        spread = objects.spread(outcome, known, made, key.account_id, key.parent_id, memo)
        if refused or outcome.replayed:
            spread = replace(spread, first=objects.given_back(spread.first, made))
        await self._book_spread(journey, spread)
        after = objects.carried((*known, *made), key.account_id)
        journey.cost_micros = max(0, after - before)

    async def _book_spread(self, journey: Journey, spread: objects.Spread) -> None:
        ticket = self._book(spread.first)
        if spread.then:
            await ticket.durable()
            for ending in spread.then:
                ticket = self._book((ending,))
        if spread.drift_micros > 0:
            await self._book_drift(journey, ticket, spread.drift_micros)

    async def _book_drift(self, journey: Journey, ticket: Ticket, drift_micros: int) -> None:
        """What the vendor declared above everything held is on disk before the caller hears of
        it."""
        await ticket.durable()
        self._metrics.drift.value += drift_micros
        _log.warning(
            "drift: %s cost %s more than was held for it",
            journey.call_id,
            show_usd(drift_micros),
        )

    async def _settle_retry(
        self, journey: Journey, hold: Hold | None, outcome: Outcome, memo: bytes
    ) -> None:
        """A retry ends the hold of its first call, if that is in doubt. What was settled stays
        settled; any refusal leaves a call in doubt in doubt. The answer speaks for the whole
        object, but for one that was stored at the time of the first call and is old news: then what
        is counted for the object already is enough."""
        if hold is None or hold.state is not HoldState.IN_DOUBT:
            return
        if outcome.end is End.IN_DOUBT or _is_refusal(journey):
            return
        tag = object_tag(journey, outcome.object_id) if outcome.object_id else hold.tag
        outcome = objects.since_known(outcome, objects.base_micros(journey.quote, [hold]))
        known = known_holds(journey, outcome.object_id, self._ledger)
        made = [*self._beside(hold), hold]
        if objects.is_old_news(outcome, known):
            self._book([Ending(each.hold_id, HoldState.SETTLED, memo=memo) for each in made])
            return
        if _held_afresh(hold, known):
            told = objects.retold(outcome, known, made)
            if told is None:
                self._book([Ending(each.hold_id, HoldState.RELEASED, memo=memo) for each in made])
                return
            outcome = told
        if not known and hold.tag == tag != "":
            outcome = objects.no_more_than_held(outcome, made)
        outcome = self._beside_doubts(journey, outcome, (*known, *made))
        spread = objects.spread(outcome, known, made, hold.account_id, hold.parent_id, memo)
        units = _fewer(outcome.units, hold)
        named = (
            entry._replace(tag=tag, units=units)
            if entry.hold_id == hold.hold_id and isinstance(entry, Ending)
            else entry
            for entry in spread.first
        )
        await self._book_spread(journey, replace(spread, first=tuple(named)))
        self._restore(journey, outcome, hold)

    def _beside(self, hold: Hold) -> list[Hold]:
        """What the same call took over on its key's leg alone."""
        return [
            other
            for other in (self._ledger.tagged(hold.tag) if hold.tag else ())
            if other.memo_ref == hold.memo_ref
            and other is not hold
            and other.state is HoldState.IN_DOUBT
        ]

    def _book(self, endings: Sequence[Ending | Shed]) -> Ticket:
        """For holds of earlier calls too: their rows in the audit log follow."""
        ticket = self._ledger.book(endings, now_us=self._clock.now_us())
        self._history.follow(endings)
        return ticket

    def _restore(self, journey: Journey, outcome: Outcome, refund: Hold) -> None:
        """refund: the hold that a refund was made under."""
        give_back(
            self._ledger,
            self._history,
            outcome.gives_back,
            refund,
            lambda object_id: object_tag(journey, object_id),
        )


def _held_afresh(hold: Hold, known: Sequence[Hold]) -> bool:
    """Is this hold of a retry, whose first call's hold stands beside it?"""
    key = hold.retry
    return key is not None and any(one.retry == key for one in known)


def _fewer(units: int | None, hold: Hold) -> int | None:
    """The units that a hold ends with, where they are fewer than it set aside."""
    return units if units is not None and units < hold.units else None


def _is_refusal(journey: Journey) -> bool:
    """Did the vendor say no?"""
    return (journey.record.status or 0) >= 400


_CAP_REFUSALS: dict[Limit, type[SpendRefusal]] = {
    Limit.DAILY: DailyCapExceeded,
    Limit.TOTAL: TotalCapExceeded,
    Limit.UNITS: CallCountExceeded,
}
_BLOCKED_BY = {Limit.DAILY: "key_daily", Limit.TOTAL: "key_total", Limit.UNITS: "key_calls"}


def spend_refusal(exc: CapExceeded, own_account_id: int) -> SpendRefusal:
    """A full budget as a refusal, with that budget's facts."""
    standing = exc.standing
    if exc.account_id != own_account_id:
        kind: type[SpendRefusal] = IssuerCapExceeded
        blocked_by = "issuer_daily"
    else:
        kind, blocked_by = _CAP_REFUSALS[exc.limit], _BLOCKED_BY[exc.limit]
    if exc.limit is Limit.TOTAL:
        return kind(
            cap_usd=show_usd(standing.total_cap_micros or 0),
            spent_usd=show_usd(standing.total_spent_micros),
            held_usd=show_usd(standing.total_held_micros),
            remaining_usd=show_usd(standing.total_remaining_micros or 0),
            resets_at=None,
            blocked_by=blocked_by,
        )
    facts: dict[str, Any] = {
        "cap_usd": show_usd(standing.cap_micros or 0),
        "spent_usd": show_usd(standing.spent_micros),
        "held_usd": show_usd(standing.held_micros),
        "remaining_usd": show_usd(standing.remaining_micros or 0),
        "resets_at": rfc3339(standing.resets_at_us),
        "blocked_by": blocked_by,
    }
    if exc.limit is Limit.UNITS:
        facts |= {"cap_calls": standing.units_cap, "calls": standing.units}
    return kind(**facts)
