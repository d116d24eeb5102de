"""What an answer means for the call's hold: the vendor module's reading of it, and the cases it
cannot know.

Pure. A metered answer that was too long to be read whole settles at the quote; an operation that
nobody prices is booked at the greater of its fixed hold and what its answer shows."""

from __future__ import annotations

from gateway.call.journey import Journey
from gateway.call.upstream import Reply
from vendors.contract import Answer, End, Money, Outcome
from vendors.rates import Rates

_NEVER_RELEASES = frozenset({409, 424})


def outcome_of(journey: Journey, reply: Reply, rates: Rates) -> Outcome:
    if reply.body is None:
        return _unread(journey, reply.status)
    answer = Answer(reply.status, dict(reply.headers), reply.body)
    if journey.operation.money is Money.PRICED:
        return journey.vendor.settle(journey.reading, journey.quote, answer)
    return _unpriced(journey, answer, rates)


def _unread(journey: Journey, status: int) -> Outcome:
    """Too long to be read: a success costs its quote, anything else is not known."""
    if not 200 <= status < 300:
        return Outcome(End.IN_DOUBT, why=f"an answer of status {status} was too long to be read")
    journey.estimated = True
    return Outcome(End.SETTLED, settled_micros=max(journey.quote.amount_micros, 0))


def _unpriced(journey: Journey, answer: Answer, rates: Rates) -> Outcome:
    held = journey.quote.amount_micros
    if 200 <= answer.status < 300:
        shown = journey.vendor.shown_micros(answer, rates)
        return Outcome(End.SETTLED, settled_micros=max(held, shown))
    if 400 <= answer.status < 500 and answer.status not in _NEVER_RELEASES:
        return Outcome(End.RELEASED)
    return Outcome(End.IN_DOUBT, why=f"the vendor answered {answer.status}")
