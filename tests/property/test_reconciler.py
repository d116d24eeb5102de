"""What the reconciler never does, whatever happened and whenever it looks: release a call that ran,
count less than the vendor charged, or change its mind about what it has booked.

A model vendor ran some of the calls in doubt, and others that the books know of; its listings lag
and now and then do not tell all; looks come at any time, and restarts forget what was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import given

from gateway.call.objects import counted
from gateway.call.remarks import Remark
from gateway.reconcile import alike, plans
from gateway.reconcile.alike import Listed
from ledger import Ending, Hold, HoldState, Shed
from ledger.entries import Ended, Held
from ledger.hold import must_allow
from vendors.contract import End, Outcome
from vendors.rates import USD

GAP_US = 15
PRICE = 8
TAG = "twilio/default/SM1"


@dataclass
class Doubted:
    call_id: str
    at_us: int
    ran_as: str | None
    first_us: int | None = None
    booked: str | None = None
    released: bool = False
    listings: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """after_us: since the look before. conclusive: it shows all that ran, else but some of it."""

    after_us: int
    conclusive: bool
    restart: bool


DOUBTS = st.lists(st.booleans(), min_size=1, max_size=6)
LOOKS = st.lists(
    st.builds(Look, st.integers(0, 40), st.booleans(), st.booleans()), min_size=1, max_size=12
)


@given(DOUBTS, st.integers(0, 3), LOOKS, st.randoms())
def test_no_call_that_ran_is_released_and_each_message_counts(
    ran: list[bool], others: int, looks: list[Look], random: object
) -> None:
    doubts = [
        Doubted(f"call_{n}", n, f"SM_{n}" if it_ran else None) for n, it_ran in enumerate(ran)
    ]
    explained = {f"XX_{n}" for n in range(others)}
    there = [*explained, *(d.ran_as for d in doubts if d.ran_as is not None)]
    now_us = 100
    for look in looks:
        now_us += look.after_us
        if look.restart:
            for doubt in doubts:
                doubt.first_us = None
        shown = there if look.conclusive else there[: len(there) // 2]
        _look(doubts, explained, shown, now_us, conclusive=look.conclusive)
        counts = PRICE * sum(not doubt.released for doubt in doubts)
        assert counts >= PRICE * sum(ran)
        for doubt in doubts:
            if doubt.released:
                assert doubt.listings[-1] - doubt.listings[0] >= GAP_US
    booked = [doubt.booked for doubt in doubts if doubt.booked is not None]
    assert len(booked) == len(set(booked))
    assert not explained & set(booked)


def _look(
    doubts: list[Doubted], explained: set[str], shown: list[str], now_us: int, *, conclusive: bool
) -> None:
    """As `doubtlook.py` does it. What was booked is explained from then on."""
    taken = explained | {doubt.booked for doubt in doubts if doubt.booked is not None}
    left = {d.call_id: d for d in doubts if d.booked is None and not d.released}
    matches = tuple(Outcome(End.PENDING, 0, PRICE, name) for name in shown)
    listings = [Listed(d.call_id, d.at_us, matches, conclusive, d.first_us) for d in left.values()]
    given = alike.allot(listings, taken, {})
    for listed in listings:
        doubt = left[listed.call_id]
        if listed.call_id in given:
            doubt.booked = alike.name_of(given[listed.call_id])
        elif alike.never_ran(listed, now_us, GAP_US):
            doubt.listings.append(now_us)
            doubt.released = True
        else:
            doubt.first_us = alike.first_listed(listed, now_us)
            doubt.listings = [doubt.first_us] if doubt.first_us is not None else []


MICROS = st.integers(0, 50)
STATES = st.sampled_from([HoldState.STANDING, HoldState.PENDING])


def _hold(number: int, state: HoldState, micros: int, account: int, tag: str = TAG) -> Hold:
    held = Held(
        number, account, None, 0, None, number, micros, 1, False, f"call_{number}", tag,
        Remark(USD).text(), b"", None,
    )  # fmt: skip
    made = Hold(held)
    made.go_on(Ended(number, state, 0, micros, 0, "", b""))
    return made


def _book(plan: plans.Plan, holds: list[Hold]) -> None:
    by_id = {hold.hold_id: hold for hold in holds}
    for entry in (*plan.first, *plan.then):
        assert not isinstance(entry, Shed), "they have no issuer"
        ended = Ended(
            entry.hold_id,
            entry.state,
            entry.settled_micros,
            entry.standing_micros,
            0,
            entry.tag,
            entry.memo,
        )
        must_allow(by_id[entry.hold_id], ended)
        by_id[entry.hold_id].go_on(ended)


def _nobody(account_id: int) -> int | None:
    """No budget has an issuer."""
    return None


@st.composite
def objects_of_one_budget(draw: st.DrawFn) -> tuple[list[Hold], list[Hold]]:
    known = [_hold(n, draw(STATES), draw(MICROS), 1) for n in range(1, 1 + draw(st.integers(1, 3)))]
    doubts = [
        _hold(n, HoldState.IN_DOUBT, draw(MICROS), draw(st.sampled_from([1, 2])))
        for n in range(5, 5 + draw(st.integers(0, 3)))
    ]
    return known, doubts


@given(objects_of_one_budget(), MICROS, MICROS, st.booleans())
def test_the_books_say_of_an_object_what_the_vendor_says(
    holds: tuple[list[Hold], list[Hold]], settled: int, standing: int, pends: bool
) -> None:
    """No micro is lost or invented; no call stays in doubt; saying it again changes nothing."""
    known, doubts = holds
    all_holds = [*known, *doubts]
    end = (End.PENDING if pends else End.STANDING) if standing else End.SETTLED
    outcome = Outcome(end, settled, standing, "SM1")
    before = sum(map(counted, all_holds))
    plan = plans.whole(outcome, known, doubts, TAG, b"{}", _nobody)
    _book(plan, all_holds)
    assert sum(map(counted, all_holds)) == settled + standing
    assert all(hold.state is not HoldState.IN_DOUBT for hold in all_holds)
    assert plan.drift_micros >= settled + standing - before
    alive = [hold for hold in all_holds if not hold.final]
    if not standing:
        assert not alive
    elif alive:
        again = plans.whole(outcome, alive, [], TAG, b"{}", _nobody)
        assert not again.first
        assert not again.then


@given(st.lists(MICROS, min_size=1, max_size=3), MICROS, MICROS, st.sampled_from(End))
def test_a_call_of_its_own_is_booked_to_the_micro(
    amounts: list[int], settled: int, standing: int, end: End
) -> None:
    holds = [_hold(n, HoldState.IN_DOUBT, micros, 1, "") for n, micros in enumerate(amounts, 1)]
    if end is End.IN_DOUBT:
        _book(plans.aged(holds, b"{}"), holds)
        assert sum(map(counted, holds)) == sum(amounts)
        return
    plan = plans.single(Outcome(end, settled, standing), holds, "", b"{}")
    _book(plan, holds)
    total = 0 if end is End.RELEASED else settled + standing
    assert sum(map(counted, holds)) == total
    assert plan.drift_micros == max(0, settled + standing - sum(amounts))


def test_entries_carry_their_evidence() -> None:
    holds = [_hold(1, HoldState.IN_DOUBT, 5, 1, "")]
    [entry] = plans.released(holds, b"why").first
    assert isinstance(entry, Ending)
    assert (entry.memo, entry.state) == (b"why", HoldState.RELEASED)
