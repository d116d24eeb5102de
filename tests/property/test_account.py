"""The books of a shard beside the plainest model there is: a dict of holds, added up each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from ledger.entries import (
    AFTER,
    Amended,
    BudgetTerms,
    Ended,
    Held,
    HoldState,
    Opened,
    Parted,
    ToppedUp,
)
from ledger.snapshot import dump, load
from ledger.state import State
from tests.ledgers import DAY_US, NOON_US

ISSUER, KEY, LONER = 1, 2, 3
AMOUNTS = st.integers(0, 60)
CAPS = st.none() | st.integers(0, 200)


@dataclass
class Modelled:
    """A hold as the model sees it: what it counts for on which legs."""

    legs: dict[int, int]  # account -> day
    amount: int
    state: HoldState = HoldState.OPEN
    settled: int = 0
    rest: int = 0

    @property
    def counts(self) -> int:
        return self.amount if self.state is HoldState.OPEN else self.settled + self.rest


class AccountMachine(RuleBasedStateMachine):
    """Time goes on, holds come and go, caps move: never above a cap at admission."""

    holds: Bundle[int] = Bundle("holds")

    @initialize(daily=CAPS, total=CAPS, units=CAPS, issuer_daily=CAPS)
    def open(
        self, daily: int | None, total: int | None, units: int | None, issuer_daily: int | None
    ) -> None:
        self.state = State(0)
        self.now_us = NOON_US
        self.model: dict[int, Modelled] = {}
        self.top_ups: list[tuple[int, int, int, int | None]] = []
        self.terms = {
            ISSUER: BudgetTerms("Asia/Tokyo", issuer_daily),
            KEY: BudgetTerms("America/New_York", daily, total, units),
            LONER: BudgetTerms("UTC", daily, total, units),
        }
        for account_id, terms in self.terms.items():
            parent = ISSUER if account_id == KEY else None
            self.state.apply(Opened(account_id, parent, terms, self.now_us))

    @rule(target=holds, account_id=st.sampled_from([KEY, LONER]), amount=AMOUNTS)
    def hold(self, account_id: int, amount: int) -> int | MultipleResults[int]:
        accounts = [self.state.accounts[account_id]]
        if accounts[0].parent_id is not None:
            accounts.append(self.state.accounts[ISSUER])
        admitted = all(a.exceeded(amount, 1, self.now_us) is None for a in accounts)
        assert admitted == all(self.model_admits(a.account_id, amount) for a in accounts)
        if not admitted:
            return multiple()
        days = {a.account_id: a.calendar.day_at(self.now_us) for a in accounts}
        parent = accounts[0].parent_id
        parent_day = days[ISSUER] if parent is not None else None
        hold_id = self.state.last_hold + 1
        legs = (account_id, parent, days[account_id], parent_day)
        rest = (self.now_us, amount, 1, False, "", "", "", b"", None)
        self.state.apply(Held._make((hold_id, *legs, *rest)))
        self.model[hold_id] = Modelled(days, amount)
        return hold_id

    @rule(target=holds, hold_id=consumes(holds), data=st.data())
    def end(self, hold_id: int, data: st.DataObject) -> int | MultipleResults[int]:
        hold = self.model[hold_id]
        options = sorted(AFTER[hold.state], key=lambda state: state.value)
        if hold.state is HoldState.SETTLED or not options:
            return multiple()
        state = data.draw(st.sampled_from(options))
        settled, rest = data.draw(AMOUNTS), data.draw(AMOUNTS)
        if state is HoldState.SETTLED:
            rest = 0
        self.state.apply(Ended(hold_id, state, settled, rest, self.now_us, "", b""))
        if state is HoldState.IN_DOUBT:
            settled = hold.settled
            rest = max(hold.amount, hold.settled + hold.rest) - settled
        elif state is HoldState.RELEASED:
            settled = rest = 0
        hold.state, hold.settled, hold.rest = state, settled, rest
        return hold_id

    @rule(hold_id=holds)
    def shed(self, hold_id: int) -> None:
        hold = self.model[hold_id]
        if set(hold.legs) == {KEY, ISSUER} and hold_id in self.state.holds:
            self.state.apply(Parted(hold_id, self.now_us))
            del hold.legs[KEY]

    @rule(account_id=st.sampled_from([ISSUER, KEY, LONER]), daily=CAPS)
    def amend(self, account_id: int, daily: int | None) -> None:
        old = self.terms[account_id]
        terms = BudgetTerms(old.zone, daily, old.total_micros, old.daily_units)
        self.terms[account_id] = terms
        self.state.apply(Amended(account_id, terms, self.now_us))

    @rule(amount=AMOUNTS, hours=st.none() | st.integers(0, 30))
    def top_up(self, amount: int, hours: int | None) -> None:
        day = self.state.accounts[LONER].calendar.day_at(self.now_us)
        until_us = None if hours is None else self.now_us + hours * DAY_US // 24
        self.state.apply(ToppedUp(LONER, amount, day, until_us, self.now_us))
        self.top_ups.append((LONER, day, amount, until_us))

    @rule(hours=st.integers(1, 40))
    def time_goes_on(self, hours: int) -> None:
        self.now_us += hours * DAY_US // 24

    @rule()
    def restart(self) -> None:
        """From a checkpoint: what is over is forgotten, what counts is not."""
        self.state.forget(self.now_us, DAY_US)
        self.state = load(0, self.state.at_us, dump(self.state))

    @invariant()
    def standings_are_sums(self) -> None:
        for account_id, account in getattr(self, "state", State(0)).accounts.items():
            standing = account.standing(self.now_us)
            today = [h for h in self.legs_of(account_id) if h.legs[account_id] == standing.day]
            spent = sum(h.counts for h in today if h.state is not HoldState.OPEN)
            held = sum(h.counts for h in today if h.state is HoldState.OPEN)
            assert (standing.spent_micros, standing.held_micros) == (spent, held)
            units = sum(1 for h in today if h.state is not HoldState.RELEASED)
            assert standing.units == units
            total = sum(h.counts for h in self.legs_of(account_id))
            assert standing.total_spent_micros + standing.total_held_micros == total

    def legs_of(self, account_id: int) -> Iterator[Modelled]:
        return (hold for hold in self.model.values() if account_id in hold.legs)

    def model_admits(self, account_id: int, amount: int) -> bool:
        terms, day = self.terms[account_id], self.today(account_id)
        holds = list(self.legs_of(account_id))
        today = [hold for hold in holds if hold.legs[account_id] == day]
        extra = sum(
            amount
            for whose, on, amount, until_us in self.top_ups
            if whose == account_id and on == day and (until_us is None or self.now_us < until_us)
        )
        daily, total, units = terms.daily_micros, terms.total_micros, terms.daily_units
        alive = sum(1 for hold in today if hold.state is not HoldState.RELEASED)
        return (
            (daily is None or sum(h.counts for h in today) + amount <= daily + extra)
            and (total is None or sum(h.counts for h in holds) + amount <= total)
            and (units is None or alive + 1 <= units)
        )

    def today(self, account_id: int) -> int:
        return self.state.accounts[account_id].calendar.day_at(self.now_us)


TestAccount = AccountMachine.TestCase
TestAccount.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
