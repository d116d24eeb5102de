"""From what the vendor says to entries for the ledger.

`whole` is for an outcome that speaks for an object: it is poured into the object's holds through
`gateway/call/objects.py`, as a call's answer is, and ends its calls in doubt with it. `single` is
for a call whose outcome speaks for itself. `aged` settles at what counts already.

Pure: holds and an outcome in, endings out, each with its evidence as the memo.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.call import objects
from gateway.call.remarks import remark_of
from ledger import Ending, Hold, HoldState, Shed
from vendors.contract import End, Outcome

_STATES = {
    End.SETTLED: HoldState.SETTLED,
    End.STANDING: HoldState.STANDING,
    End.PENDING: HoldState.PENDING,
    End.RELEASED: HoldState.RELEASED,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """first: one group, of one shard. then: one after the other, once the first is durable.
    drift_micros: what goes above everything held."""

    first: tuple[Ending | Shed, ...]
    then: tuple[Ending, ...] = ()
    drift_micros: int = 0


def whole(
    outcome: Outcome,
    known: Sequence[Hold],
    doubts: Sequence[Hold],
    tag: str,
    memo: bytes,
    parent_of: Callable[[int], int | None],
) -> Plan:
    """known: the object's holds that live, doubts: those of its calls in doubt; not both empty.
    tag: the object's. parent_of: a budget's issuer's. The outcome is as the vendor gives it, with
    what was there before us."""
    assert known or doubts, "an object without holds has nothing to book"
    base, whole_outcome = remark_of((*known, *doubts)[0]).base_micros, outcome
    outcome = objects.since_known(outcome, base)
    if _side_by_side(known, doubts, tag):
        return _across(outcome, known, doubts, tag, memo)
    able = _able(outcome, known, doubts)
    if doubts and not able and _carry_all(outcome, known):
        kept = whole(whole_outcome, known, (), tag, memo, parent_of)
        return replace(kept, then=(*kept.then, *_over(outcome, doubts, memo)))
    carrier = [*doubts, *able][-1].account_id if doubts else _carrier(known)
    made = [hold for hold in doubts if hold.account_id == carrier]
    others = [hold for hold in doubts if hold.account_id != carrier]
    if not known and all(hold.tag == tag for hold in made):
        outcome = objects.no_more_than_held(outcome, made)
    told = objects.spread(outcome, known, made, carrier, parent_of(carrier), b"")
    by_id = {hold.hold_id: hold for hold in (*known, *doubts)}
    named = {hold.hold_id for hold in made}
    first = tuple(
        entry
        if isinstance(entry, Shed)
        else _told(
            entry, by_id[entry.hold_id], outcome, memo, tag if entry.hold_id in named else ""
        )
        for entry in told.first
    )
    then = [_told(entry, by_id[entry.hold_id], outcome, memo, "") for entry in told.then]
    then += [Ending(hold.hold_id, HoldState.SETTLED, memo=memo) for hold in others]
    if outcome.standing_micros:
        never = {hold.hold_id for hold in doubts if hold.amount_micros}
        first = tuple(e if isinstance(e, Shed) else _undone(e, never) for e in first)
        then = [_undone(entry, never) for entry in then]
    carried = any(not hold.shed for hold in (*known, *made))
    news = tuple(e for e in first if isinstance(e, Shed) or _is_news(e, by_id[e.hold_id]))
    return Plan(news, tuple(then), told.drift_micros if carried else 0)


def _able(outcome: Outcome, known: Sequence[Hold], doubts: Sequence[Hold]) -> list[Hold]:
    """The doubts whose budgets set aside what the object comes to. One that did may have run, and
    so have taken the object over; one that set aside less did not have the last word."""
    total = outcome.settled_micros + outcome.standing_micros
    held = (*known, *doubts)
    return [hold for hold in doubts if objects.carried(held, hold.account_id) >= total]


def _carry_all(outcome: Outcome, known: Sequence[Hold]) -> bool:
    """Do those who carry the object count all that it comes to?"""
    total = outcome.settled_micros + outcome.standing_micros
    return sum(objects.counted(hold) for hold in known if not hold.shed) >= total


def _over(outcome: Outcome, doubts: Iterable[Hold], memo: bytes) -> list[Ending]:
    """The ends of calls in doubt that took nothing over."""
    stands = outcome.standing_micros > 0
    return [
        Ending(
            hold.hold_id,
            HoldState.RELEASED if stands and hold.amount_micros else HoldState.SETTLED,
            memo=memo,
        )
        for hold in doubts
    ]


def _undone(entry: Ending, never: Collection[int]) -> Ending:
    """Of what a call in doubt set aside the object shows nothing, and it still stands: the call did
    not run, or not yet, and is released, so that a retry holds afresh before it leaves."""
    if entry.hold_id not in never or entry.state is not HoldState.SETTLED:
        return entry
    if entry.settled_micros:
        return entry
    return entry._replace(state=HoldState.RELEASED)


def _side_by_side(known: Sequence[Hold], doubts: Sequence[Hold], tag: str) -> bool:
    """Do several budgets carry the object without that one took it over from another? So where a
    key made what another key found and went on with, and nobody had heard that it was made."""
    holds = (*known, *doubts)
    took_over = any(hold.shed for hold in known) or any(hold.tag == tag for hold in doubts)
    return not took_over and len({hold.account_id for hold in holds}) > 1


def _across(
    outcome: Outcome, known: Sequence[Hold], doubts: Sequence[Hold], tag: str, memo: bytes
) -> Plan:
    """Poured into all of them, oldest first; each by itself, since they may lie in several
    shards."""
    holds = sorted((*known, *doubts), key=lambda hold: (hold.at_us, hold.hold_id))
    settled, standing = outcome.settled_micros, outcome.standing_micros
    entries = []
    for hold in holds:
        last = hold is holds[-1]
        room = objects.counted(hold)
        own_settled = settled if last else min(settled, room)
        own_standing = standing if last else min(standing, room - own_settled)
        settled, standing = settled - own_settled, standing - own_standing
        goes_on = own_standing or (own_settled and outcome.standing_micros)
        state = HoldState.STANDING if goes_on else HoldState.SETTLED
        entry = Ending(hold.hold_id, state, own_settled, own_standing)
        entries.append(_told(entry, hold, outcome, memo, tag))
    by_id = {hold.hold_id: hold for hold in holds}
    news = tuple(entry for entry in entries if _is_news(entry, by_id[entry.hold_id]))
    total = outcome.settled_micros + outcome.standing_micros
    return Plan((), news, max(0, total - sum(map(objects.counted, holds))))


def single(outcome: Outcome, doubts: Sequence[Hold], tag: str, memo: bytes) -> Plan:
    """doubts: of one call, the one on both budgets last; they share its cost, each up to what it
    set aside. tag: of the object that a pending price is asked by, '' if there is none."""
    state = _STATES[outcome.end]
    settled, standing = outcome.settled_micros, outcome.standing_micros
    if state is HoldState.SETTLED:
        settled, standing = settled + standing, 0
    drift = settled + standing - sum(hold.amount_micros for hold in doubts)
    first = []
    for hold in doubts[:-1]:
        own_settled = min(settled, hold.amount_micros)
        own_standing = min(standing, hold.amount_micros - own_settled)
        settled, standing = settled - own_settled, standing - own_standing
        first.append(Ending(hold.hold_id, state, own_settled, own_standing, memo, tag))
    last = doubts[-1]
    units = None if outcome.units is None else min(outcome.units, last.units)
    first.append(Ending(last.hold_id, state, settled, standing, memo, tag, units))
    return Plan(tuple(first), (), max(0, drift))


def beside(outcome: Outcome, holds: Sequence[Hold], elsewhere_micros: int) -> Outcome:
    """`objects.beside`, of an outcome with what was there before us."""
    room = sum(objects.counted(hold) for hold in holds if not hold.shed)
    return objects.beside(outcome, room + remark_of(holds[0]).base_micros, elsewhere_micros)


def released(doubts: Iterable[Hold], memo: bytes) -> Plan:
    """It never ran."""
    return Plan(tuple(Ending(hold.hold_id, HoldState.RELEASED, memo=memo) for hold in doubts))


def aged(holds: Iterable[Hold], memo: bytes) -> Plan:
    """What is left after all this time is settled at what it counts. Each hold by itself, since
    those of one object may lie in several shards."""
    endings = [
        Ending(hold.hold_id, HoldState.SETTLED, objects.counted(hold), memo=memo) for hold in holds
    ]
    return Plan((), tuple(endings))


def at_least_held(outcome: Outcome, doubts: Iterable[Hold]) -> Outcome:
    """Of an operation that nobody prices: the greater of its fixed hold and what is shown."""
    held = sum(hold.amount_micros for hold in doubts)
    shown = outcome.settled_micros + outcome.standing_micros
    return Outcome(End.SETTLED, max(held, shown), label=outcome.object_id or outcome.label)


def _carrier(known: Sequence[Hold]) -> int:
    """The budget that carries the object now."""
    own = [hold for hold in known if not hold.shed] or known
    return own[-1].account_id


def _is_news(entry: Ending, hold: Hold) -> bool:
    """`objects.spread` knows no pending holds: one that is as it was looks changed to it."""
    now = (hold.state, hold.settled_micros, hold.standing_micros)
    return now != (entry.state, entry.settled_micros, entry.standing_micros)


def _told(entry: Ending, hold: Hold, outcome: Outcome, memo: bytes, tag: str) -> Ending:
    """With its evidence, and in the state that a hold can take: a pending one goes on pending, and
    what lapsed without a cent is released."""
    state = entry.state
    if state is HoldState.STANDING and (
        hold.state is HoldState.PENDING
        or (hold.state is HoldState.IN_DOUBT and outcome.end is End.PENDING)
    ):
        state = HoldState.PENDING
    if outcome.end is End.RELEASED and not (entry.settled_micros or entry.standing_micros):
        state = HoldState.RELEASED
    return entry._replace(state=state, memo=memo, tag=tag)
