"""Objects remember: however the holds of an object came about, a call holds enough, and the answer
is poured into them without losing or inventing a micro.

Holds are made as the house makes them: carried by one budget, raised now and then, and taken over
by keys of the same issuer, of another one, or of none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import hypothesis.strategies as st
from hypothesis import given

from gateway.call.objects import (
    carried,
    counted,
    given_back,
    is_old_news,
    kept_quote,
    need,
    since_known,
    spread,
)
from gateway.call.remarks import Remark
from ledger import Ending, Hold, HoldState, Shed
from ledger.entries import Ended, Held
from ledger.hold import must_allow
from vendors.contract import End, Outcome, Quote
from vendors.rates import USD

PARENTS = {1: None, 2: None, 3: 10, 4: 10, 5: 11}
"""Budget -> its issuer's."""
MICROS = st.integers(0, 50)
BUDGETS = st.sampled_from(sorted(PARENTS))


@dataclass
class Thing:
    """An object of the vendor's, and the holds that the books have for it."""

    base: int = 0
    holds: list[Hold] = field(default_factory=list)
    count: int = 0

    @property
    def known(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.state is HoldState.STANDING]

    def call(self, who: int, total: int, settled: int) -> tuple[list[Hold], int]:
        """A call of this budget's, quoted at `total` and answered so: what it made, and its
        drift."""
        known, parent = self.known, PARENTS[who]
        needed = need(Quote(total + self.base, ""), known, who, parent)
        made = [self._hold(who, needed.own_micros, None)] if needed.own_micros else []
        made.append(self._hold(who, needed.both_micros, parent))
        outcome = Outcome(End.STANDING, settled, total - settled, object_id="pi_1")
        told = spread(outcome, known, made, who, parent, b"memo")
        self.book((*told.first, *told.then))
        return made, told.drift_micros

    def book(self, entries: Sequence[Ending | Shed]) -> None:
        """As the ledger does it: all are possible, or none."""
        by_id = {hold.hold_id: hold for hold in self.holds}
        for entry in entries:
            hold = by_id[entry.hold_id]
            if isinstance(entry, Shed):
                assert hold.parent_id is not None
                assert not hold.shed
                hold.shed = True
                continue
            ended = Ended(
                entry.hold_id, entry.state, entry.settled_micros, entry.standing_micros, 0, "", b""
            )
            must_allow(hold, ended)
            hold.go_on(ended)

    def own(self, who: int) -> int:
        return carried(self.holds, who)

    def issuers(self, parent: int) -> int:
        return sum(counted(hold) for hold in self.holds if hold.parent_id == parent)

    def _hold(self, who: int, micros: int, parent: int | None) -> Hold:
        self.count += 1
        base = Remark(USD, self.base).text()
        held = Held(
            self.count, who, parent, 0, None if parent is None else 0, 0, micros, 1, False, "c",
            "stripe/default/pi_1", base, b"", None,
        )  # fmt: skip
        self.holds.append(Hold(held))
        return self.holds[-1]


STEPS = st.lists(st.tuples(BUDGETS, MICROS, MICROS), min_size=1, max_size=6)


def after(steps: Sequence[tuple[int, int, int]], base: int = 0) -> Thing:
    """Calls of a total that stands, of which more and more has settled."""
    thing, settled = Thing(base), 0
    for who, total, moved in steps:
        total = max(total, settled + 1)
        settled = min(max(settled, moved), total - 1)
        thing.call(who, total, settled)
    return thing


@given(STEPS, MICROS)
def test_who_called_last_carries_all_of_it_and_nobody_else_any(
    steps: list[tuple[int, int, int]], base: int
) -> None:
    thing = after(steps, base)
    last = steps[-1][0]
    total = sum(counted(hold) for hold in thing.known if hold.account_id == last and not hold.shed)
    assert total > 0
    assert [thing.own(who) for who in PARENTS if who != last] == [0] * (len(PARENTS) - 1)
    for parent in (10, 11):
        assert thing.issuers(parent) == (total if PARENTS[last] == parent else 0)


@given(STEPS, BUDGETS, MICROS, MICROS)
def test_what_was_quoted_is_held_and_never_drifts(
    steps: list[tuple[int, int, int]], who: int, total: int, moved: int
) -> None:
    thing = after(steps)
    known = thing.known
    settled = sum(hold.settled_micros for hold in known if carried([hold], steps[-1][0]))
    total = max(total, settled + 1)
    parent = PARENTS[who]
    needed = need(Quote(total, ""), known, who, parent)
    assert thing.own(who) + needed.own_micros + needed.both_micros >= total
    if parent is not None:
        assert thing.issuers(parent) + needed.both_micros >= total
    _, drift = thing.call(who, total, min(max(settled, moved), total - 1))
    assert drift == 0


@given(STEPS, MICROS)
def test_when_the_object_is_through_no_hold_of_it_stands(
    steps: list[tuple[int, int, int]], moved: int
) -> None:
    thing = after(steps)
    who = steps[-1][0]
    outcome = Outcome(End.SETTLED, moved, 0, object_id="pi_1")
    made = [thing._hold(who, 0, PARENTS[who])]
    told = spread(outcome, thing.known, made, who, PARENTS[who], b"")
    thing.book((*told.first, *told.then))
    assert {hold.state for hold in thing.holds} <= {HoldState.SETTLED, HoldState.RELEASED}
    assert thing.own(who) == moved
    assert sum(thing.own(other) for other in PARENTS) == moved


@given(STEPS, BUDGETS, st.booleans())
def test_a_cancel_by_anybody_frees_all_and_bills_nobody(
    steps: list[tuple[int, int, int]], who: int, refused: bool
) -> None:
    thing = after(steps)
    made = [thing._hold(who, 0, PARENTS[who])]
    outcome = Outcome(End.RELEASED, object_id="pi_1")
    told = spread(outcome, thing.known, made, who, PARENTS[who], b"")
    first = given_back(told.first, made) if refused else told.first
    thing.book((*first, *told.then))
    assert sum(counted(hold) for hold in thing.holds) == 0
    assert (made[0].state is HoldState.RELEASED) is refused


@given(STEPS, MICROS, MICROS)
def test_old_news_is_a_stored_answer_that_says_less_than_is_counted(
    steps: list[tuple[int, int, int]], settled: int, standing: int
) -> None:
    thing = after(steps)
    covered = thing.own(steps[-1][0])
    outcome = Outcome(End.STANDING, settled, standing, object_id="pi_1", replayed=True)
    assert is_old_news(outcome, thing.known) is (standing > 0 and settled + standing < covered)
    assert not is_old_news(replace(outcome, replayed=False), thing.known)


def test_a_retry_is_quoted_as_its_first_call_was() -> None:
    thing = Thing()
    thing.call(1, 30, 0)
    quote = kept_quote(thing.known[0])
    assert (quote.amount_micros, quote.object_id, quote.rate) == (30, "pi_1", USD)
    assert kept_quote(None).amount_micros == 0


@given(MICROS, MICROS, MICROS)
def test_what_was_there_before_is_taken_off_once(settled: int, standing: int, base: int) -> None:
    known = since_known(Outcome(End.STANDING, settled, standing), base)
    total = known.settled_micros + known.standing_micros
    assert total == max(0, settled + standing - base)
    assert known.settled_micros == max(0, settled - base)
