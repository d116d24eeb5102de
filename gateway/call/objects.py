"""Objects remember: how the holds of one payment intent or charge come to what the vendor says of
it.

An object (a payment intent, an uncaptured charge) counts once, on the day it was made, until the
vendor says it is through. Several calls may add to it, on several days and under several keys, so
it has a list of holds, oldest first. A hold has two legs: the key's own budget and, for an issued
key, its issuer's.

- `need` answers before a call: how much must be held on top of what is held already. When another
  key takes the object over, its own budget must carry all of it, while a shared issuer counts it
  once: then part of the new hold has an own leg only.
- `spread` answers after the vendor's answer: it pours the object's settled and standing money into
  its holds in order, and frees the legs of a key that no longer carries it. A call that set nothing
  aside (a cancel) takes nothing over: what had moved stays with the key that carried it.

As long as an object stands, every hold that counts for it does: what has moved is forgotten with
the object and not before.

Pure: holds and numbers in, ledger endings out. Amounts are micro-USD.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from gateway.call.remarks import remark_of
from ledger import Ending, Hold, HoldState, Shed
from vendors.contract import End, Outcome, Quote
from vendors.fact import fact
from vendors.rates import Rate

_ALIVE: Final = frozenset({HoldState.STANDING, HoldState.PENDING})


@fact
class Need:
    """both_micros: to be held by the key and its issuer. own_micros: by the key alone."""

    both_micros: int
    own_micros: int
    base_micros: int


@fact
class Spread:
    """first: one group of entries, to be booked (and durable, if `then` is not empty) before
    `then`, entries for holds that may each live in another shard. drift_micros: what went above
    everything held."""

    first: tuple[Ending | Shed, ...]
    then: tuple[Ending, ...]
    drift_micros: int


def counted(hold: Hold) -> int:
    """What a hold counts for now."""
    return hold.settled_micros + hold.open_micros


def carried(holds: Iterable[Hold], account_id: int) -> int:
    """What these count for on a key's own budget."""
    return sum(counted(hold) for hold in holds if _own(hold, account_id))


def kept_rate(known: Sequence[Hold]) -> Rate | None:
    return remark_of(known[0]).rate if known else None


def account_headers(holds: Iterable[Hold]) -> dict[bytes, bytes]:
    """For a look at the object: it is in the account that its calls acted for. One made before
    holds remembered that says nothing of it."""
    remarks = (remark_of(hold) for hold in holds)
    return next((remark.account_headers() for remark in remarks if remark.acts_for), {})


def kept_quote(hold: Hold | None) -> Quote:
    """The quote of a retry: what its first call's hold says. A look-up would tell what the object
    is now, not what it was.
    None: the hold was settled, and is no longer kept."""
    if hold is None:
        return Quote(0, "settled by the first call with this Idempotency-Key")
    rate = kept_rate([hold])
    return Quote(
        hold.amount_micros,
        "held by the first call with this Idempotency-Key",
        "usd" if rate is None else rate.currency,
        rate=rate,
        object_id=hold.tag.rpartition("/")[2] or None,
        units=hold.units,
    )


def alive(known: Iterable[Hold]) -> list[Hold]:
    """The holds that the vendor's word on the object speaks for. One in doubt speaks for itself: it
    counts in full beside the others until it is resolved. A settled one is of an object that is
    through."""
    return [hold for hold in known if hold.state in _ALIVE]


def base_micros(quote: Quote, known: Sequence[Hold]) -> int:
    """What the object cost before we knew it: as the first hold remembers, else as a lookup
    showed."""
    if known:
        return remark_of(known[0]).base_micros
    return quote.before_micros


def since_known(outcome: Outcome, base_micros: int) -> Outcome:
    """The object's money without what it had cost before we knew it."""
    if not base_micros:
        return outcome
    settled = max(0, outcome.settled_micros - base_micros)
    rest = max(0, base_micros - outcome.settled_micros)
    standing = max(0, outcome.standing_micros - rest)
    return replace(outcome, settled_micros=settled, standing_micros=standing)


def need(quote: Quote, known: Sequence[Hold], account_id: int, parent_id: int | None) -> Need:
    base = base_micros(quote, known)
    total = max(0, quote.amount_micros - base)
    own_need = max(0, total - sum(counted(h) for h in known if _own(h, account_id)))
    if parent_id is None:
        return Need(own_need, 0, base)
    parent_need = max(0, total - sum(counted(h) for h in known if h.parent_id == parent_id))
    return Need(parent_need, max(0, own_need - parent_need), base)


def spread(
    outcome: Outcome,
    known: Sequence[Hold],
    made: Sequence[Hold],
    account_id: int,
    parent_id: int | None,
    memo: bytes,
) -> Spread:
    """known: the object's holds alive before this call. made: this call's own, the own-leg-only one
    first. The outcome speaks for the object since we know it (its base is taken off already)."""
    mine = [h for h in known if _own(h, account_id)]
    others = [h for h in known if not _own(h, account_id) and not h.shed]
    if others and made and not mine and not any(h.amount_micros for h in made):
        return _left_with_others(outcome, known, others, made, memo)
    shared = [h for h in others if parent_id is not None and h.parent_id == parent_id]
    parents = [h for h in known if h.shed and h.parent_id == parent_id] + shared
    only_own = [h for h in (*mine, *made) if h.parent_id is None and parent_id is not None]
    both = [h for h in (*mine, *made) if h.parent_id is not None or parent_id is None]
    poured, drift = _pour(outcome, [*only_own, *both])
    upstairs, _ = _pour(outcome, [*parents, *both]) if parents else ([], 0)
    first: list[Ending | Shed] = [Shed(h.hold_id) for h in shared]
    last = made[-1].hold_id if made else None
    stands = outcome.standing_micros > 0
    for hold, settled, standing in (*poured, *upstairs[: len(parents)]):
        ending = _ending(
            hold, settled, standing, memo if hold.hold_id == last else b"", stands=stands
        )
        if outcome.end is End.RELEASED and hold in known:
            ending = ending._replace(units=0)
        if hold.hold_id == last or _changes(hold, ending):
            first.append(ending)
    elsewhere = [h for h in known if h.shed and h.parent_id != parent_id]
    gone = [h for h in others if h not in shared] + elsewhere
    then = tuple(Ending(h.hold_id, HoldState.RELEASED) for h in gone)
    return Spread(tuple(first), then, drift)


def _left_with_others(
    outcome: Outcome,
    known: Sequence[Hold],
    others: Sequence[Hold],
    made: Sequence[Hold],
    memo: bytes,
) -> Spread:
    """The answer is booked as if those who carry the object had made the call; the call itself cost
    nothing."""
    parents = (h.parent_id for h in known if h.shed or h in others)
    issuer_id = next((parent for parent in parents if parent is not None), None)
    theirs = spread(outcome, known, (), others[-1].account_id, issuer_id, b"")
    last = made[-1].hold_id
    first = tuple(_ending(h, 0, 0, memo if h.hold_id == last else b"", stands=False) for h in made)
    then = tuple(entry for entry in theirs.first if isinstance(entry, Ending))
    return Spread(first, then + theirs.then, theirs.drift_micros)


def given_back(first: Iterable[Ending | Shed], made: Sequence[Hold]) -> tuple[Ending | Shed, ...]:
    """For a call that the vendor refused: what it made and counts for nothing is released and not
    settled, so that a retry with the same Idempotency-Key holds afresh."""
    ids = {hold.hold_id for hold in made}
    return tuple(
        entry._replace(state=HoldState.RELEASED)
        if isinstance(entry, Ending)
        and entry.hold_id in ids
        and not (entry.settled_micros or entry.standing_micros)
        else entry
        for entry in first
    )


def no_more_than_held(outcome: Outcome, made: Sequence[Hold]) -> Outcome:
    """For calls on an object that is through and of which no other hold is left: whoever saw it
    through has booked all of it, and what these calls set aside themselves is all that may not be
    in the books."""
    if outcome.standing_micros:
        return outcome
    room = sum(hold.amount_micros for hold in made)
    return replace(outcome, settled_micros=min(outcome.settled_micros, room))


def beside(outcome: Outcome, room_micros: int, elsewhere_micros: int) -> Outcome:
    """Of an object's money what is for holds that count for room_micros, where other calls about it
    count for elsewhere_micros, in doubt or settled: what goes above the holds may be what those
    made of it, and is in the books already."""
    total = outcome.settled_micros + outcome.standing_micros
    excess = min(total - room_micros, elsewhere_micros)
    if excess <= 0:
        return outcome
    standing = max(0, outcome.standing_micros - excess)
    return replace(outcome, settled_micros=total - excess - standing, standing_micros=standing)


def is_old_news(outcome: Outcome, known: Sequence[Hold]) -> bool:
    """A stored answer tells of the moment of the first call. Where it says less than is counted for
    an object that still stands, a later answer may have said more."""
    total = outcome.settled_micros + outcome.standing_micros
    covered = sum(counted(hold) for hold in known if not hold.shed)
    return outcome.replayed and outcome.standing_micros > 0 and total < covered


def room_micros(holds: Sequence[Hold]) -> int:
    """What these count for: for the budget of the last one, or, where that carries nothing, for
    those who do."""
    own = carried(holds, holds[-1].account_id)
    return own or sum(counted(hold) for hold in holds if not hold.shed)


def retold(outcome: Outcome, known: Sequence[Hold], made: Sequence[Hold]) -> Outcome | None:
    """What is left to be booked of an answer to a call that held afresh; None: nothing. Of a stored
    one about an object that lives in the books: it was booked when it was given, or else the call
    set aside what it tells. What it says to stand above all holds stands no longer, and is no
    drift. What has moved is never taken back: more of that than is held counts in full."""
    if not (outcome.replayed and outcome.standing_micros and known):
        return outcome
    room = room_micros((*known, *made))
    told = outcome
    if outcome.settled_micros <= room:
        told = beside(outcome, room, outcome.standing_micros)
    total = told.settled_micros + told.standing_micros
    covered = sum(counted(hold) for hold in known if not hold.shed)
    if total < covered or (told is not outcome and total == covered):
        return None
    return told


def for_good(outcome: Outcome, made: Sequence[Hold]) -> Outcome:
    """A stored answer about what the books do not know, or no longer: it counts once more, no less
    than was set aside, and is no part of the object. The vendor may forget it before we do and
    carry out the next retry: this covers what that one makes, whatever the object here comes to."""
    told = outcome.settled_micros + outcome.standing_micros
    if not told:
        return outcome
    micros = max(told, sum(hold.amount_micros for hold in made))
    return replace(
        outcome, end=End.SETTLED, settled_micros=micros, standing_micros=0, object_id=None
    )


def _own(hold: Hold, account_id: int) -> bool:
    return hold.account_id == account_id and not hold.shed


def _pour(outcome: Outcome, holds: Sequence[Hold]) -> tuple[list[tuple[Hold, int, int]], int]:
    """Settled money first, then standing, into holds in order; what does not fit goes to the
    last."""
    settled, standing = outcome.settled_micros, outcome.standing_micros
    poured = []
    for hold in holds:
        room = counted(hold)
        s = min(settled, room)
        t = min(standing, room - s)
        settled, standing = settled - s, standing - t
        poured.append((hold, s, t))
    drift = settled + standing
    if drift and poured:
        hold, s, t = poured[-1]
        poured[-1] = (hold, s + settled, t + standing)
    return poured, drift


def _changes(hold: Hold, ending: Ending) -> bool:
    now = (hold.state, hold.settled_micros, hold.standing_micros)
    return now != (ending.state, ending.settled_micros, ending.standing_micros)


def _ending(hold: Hold, settled: int, standing: int, memo: bytes, *, stands: bool) -> Ending:
    """stands: can more of the object move?"""
    goes_on = standing or (settled and stands)
    state = HoldState.STANDING if goes_on else HoldState.SETTLED
    return Ending(hold.hold_id, state, settled, standing, memo)
