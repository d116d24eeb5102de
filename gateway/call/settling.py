"""What an answer means for the call's hold: the vendor module's reading of it, and the cases it
cannot know.

Pure. A metered answer that was too long to be read whole settles at the quote, and of an object
that holds money it frees nothing; an operation that nobody prices is booked at the greater of its
fixed hold and what its answer shows."""

from __future__ import annotations

from collections.abc import Callable

from gateway.call import objects
from gateway.call.journey import Journey
from gateway.upstream.pool import Reply
from vendors.contract import Answer, End, Money, Outcome
from vendors.rates import Rates

_NEVER_RELEASES = frozenset({409, 424})


def outcome_of(journey: Journey, reply: Reply, rates: Callable[[], Rates]) -> Outcome:
    if reply.body is None:
        return _unread(journey, reply.status)
    answer = Answer(reply.status, dict(reply.headers), reply.body)
    if journey.operation.money is Money.PRICED and not journey.fixed:
        return journey.vendor.settle(journey.reading, journey.quote, answer)
    return _unpriced(journey, answer, rates())


def _unread(journey: Journey, status: int) -> Outcome:
    """Too long to be read: a success costs its quote, anything else is not known. A retry has no
    quote of its own."""
    if journey.retried is not None or not 200 <= status < 300:
        return Outcome(End.IN_DOUBT, why=f"an answer of status {status} was too long to be read")
    journey.estimated = True
    if journey.quote.object_id is not None:
        return _as_it_stood(journey, journey.quote.object_id)
    return Outcome(End.SETTLED, settled_micros=max(journey.quote.amount_micros, 0))


def _as_it_stood(journey: Journey, object_id: str) -> Outcome:
    """An answer that nobody read frees nothing: the object stands, at its quote or at what it
    counted for before (a cancel is quoted at nothing), until it is read again."""
    carried: dict[int, int] = {}
    for hold in journey.known:
        carried[hold.account_id] = carried.get(hold.account_id, 0) + objects.counted(hold)
    before = journey.base_micros + max(carried.values(), default=0)
    standing = max(journey.quote.amount_micros, before)
    end = End.STANDING if standing else End.SETTLED
    return Outcome(end, standing_micros=standing, object_id=object_id)


def _unpriced(journey: Journey, answer: Answer, rates: Rates) -> Outcome:
    held = journey.quote.amount_micros
    if 200 <= answer.status < 300:
        shown = journey.vendor.shown_micros(answer, rates)
        return Outcome(End.SETTLED, settled_micros=max(held, shown))
    if 400 <= answer.status < 500 and answer.status not in _NEVER_RELEASES:
        return Outcome(End.RELEASED)
    return Outcome(End.IN_DOUBT, why=f"the vendor answered {answer.status}")
