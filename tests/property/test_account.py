"""The books of a shard beside the plainest model there is: a dict of holds, added up each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
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

from gateway.clock import HandClock
from ledger.entries import (
    AFTER,
    Amended,
    BudgetTerms,
    Ended,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    ToppedUp,
)
from ledger.errors import ImpossibleEntry
from ledger.snapshot import dump, load
from ledger.state import State
from tests.ledgers import DAY_US, NOON_US

ISSUER, KEY, LONER = 1, 2, 3
AMOUNTS = st.integers(0, 60)
CAPS = st.none() | st.integers(0, 200)
REFUNDS = st.sampled_from("abc")


@dataclass
class Modelled:
    """A hold as the model sees it: what it counts for on which legs."""

    legs: dict[int, int]  # account -> day
    amount: int
    owner: int
    units: int = 1
    state: HoldState = HoldState.OPEN
    settled: int = 0
    rest: int = 0
    given: int = 0  # by refunds, to its own leg

    @property
    def counts(self) -> int:
        return self.amount if self.state is HoldState.OPEN else self.settled + self.rest

    @property
    def alive(self) -> int:
        return 0 if self.state is HoldState.RELEASED else self.units

    def against(self, account_id: int) -> int:
        """What a cap is compared with."""
        return self.counts - (self.given if account_id == self.owner else 0)


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
        self.refunds: dict[str, tuple[int, int]] = {}
        self.notes: dict[str, bytes] = {}
        self.top_ups: list[tuple[int, int, int, int | None]] = []
        self.terms = {
            ISSUER: BudgetTerms("Asia/Tokyo", issuer_daily),
            KEY: BudgetTerms("America/New_York", daily, total, units),
            LONER: BudgetTerms("UTC", daily, total, units),
        }
        for account_id, terms in self.terms.items():
            parent = ISSUER if account_id == KEY else None
            self.state.apply(Opened(account_id, parent, terms, self.now_us))

    @rule(
        target=holds,
        account_id=st.sampled_from([KEY, LONER]),
        amount=AMOUNTS,
        units=st.integers(0, 3),
        restorable=st.booleans(),
        lost=st.sampled_from((False, False, False, True)),
    )
    def hold(
        self, account_id: int, amount: int, units: int, restorable: bool, lost: bool
    ) -> int | MultipleResults[int]:
        """lost: there was no room on the disk."""
        accounts = [self.state.accounts[account_id]]
        if accounts[0].parent_id is not None:
            accounts.append(self.state.accounts[ISSUER])
        admitted = all(a.exceeded(amount, units, self.now_us) is None for a in accounts)
        assert admitted == all(self.model_admits(a.account_id, amount, units) for a in accounts)
        if not admitted:
            return multiple()
        days = {a.account_id: a.calendar.day_at(self.now_us) for a in accounts}
        parent = accounts[0].parent_id
        parent_day = days[ISSUER] if parent is not None else None
        hold_id = self.state.last_hold + 1
        legs = (account_id, parent, days[account_id], parent_day)
        rest = (self.now_us, amount, units, restorable, "", "", "", b"", None)
        held = self.state.apply_held(Held._make((hold_id, *legs, *rest)))
        if lost:
            self.state.take_back([held])
            return multiple()
        self.model[hold_id] = Modelled(days, amount, account_id, units)
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
        units = data.draw(st.none() | st.integers(0, hold.units))
        self.state.apply(Ended(hold_id, state, settled, rest, self.now_us, "", b"", units))
        if state is HoldState.IN_DOUBT:
            settled = hold.settled
            rest = max(hold.amount, hold.settled + hold.rest) - settled
        elif state is HoldState.RELEASED:
            settled = rest = 0
        hold.state, hold.settled, hold.rest = state, settled, rest
        hold.units = hold.units if units is None else units
        return hold_id

    @rule(hold_id=holds, data=st.data())
    def what_cannot_be(self, hold_id: int, data: st.DataObject) -> None:
        """An ending that its state does not have, or one below what was settled: nothing
        changes."""
        hold = self.model[hold_id]
        wrong = sorted(set(HoldState) - AFTER[hold.state], key=lambda state: state.value)
        ended = Ended(hold_id, data.draw(st.sampled_from(wrong)), 5, 0, self.now_us, "", b"")
        if hold.state is HoldState.SETTLED and hold.settled:
            ended = ended._replace(state=HoldState.SETTLED, settled_micros=hold.settled - 1)
        before = dump(self.state)
        with pytest.raises(ImpossibleEntry):
            self.state.apply(ended)
        assert dump(self.state) == before

    @rule(hold_id=holds, more=st.integers(0, 9))
    def drift(self, hold_id: int, more: int) -> None:
        """Dearer after all: only while it is kept."""
        hold = self.model[hold_id]
        if hold.state is HoldState.SETTLED and hold_id in self.state.holds:
            hold.settled += more
            end = Ended(hold_id, HoldState.SETTLED, hold.settled, 0, self.now_us, "", b"")
            self.state.apply(end)

    @rule(hold_id=holds, amount=st.integers(1, 60), name=REFUNDS)
    def refund(self, hold_id: int, amount: int, name: str) -> None:
        """As the gateway gives back: of a settled hold that is kept."""
        hold = self.model[hold_id]
        if hold.state is not HoldState.SETTLED or hold_id not in self.state.holds:
            return
        entry = self.state.restoring(hold_id, amount, name, self.now_us)
        if name in self.refunds or hold.owner not in hold.legs:
            assert entry is None
            return
        assert entry is not None
        assert entry.amount_micros == min(amount, hold.settled - hold.given)
        self.state.apply(entry)
        hold.given += entry.amount_micros
        self.refunds[name] = hold_id, entry.amount_micros

    @rule(name=REFUNDS)
    def refund_fails(self, name: str) -> None:
        """It is taken back, once."""
        hold_id, amount = self.refunds.get(name, (0, 0))
        entry = self.state.restoring(hold_id, -1, name, self.now_us)
        if entry is None:
            assert amount == 0 or self.model[hold_id].owner not in self.model[hold_id].legs
        elif self.model[hold_id].owner in self.model[hold_id].legs:
            self.state.apply(entry)
            self.model[hold_id].given -= amount
            self.refunds[name] = hold_id, 0

    @rule(name=REFUNDS, blob=st.none() | st.binary(max_size=2))
    def note(self, name: str, blob: bytes | None) -> None:
        self.state.apply(Noted("k", name, blob, self.now_us))
        self.notes.pop(name, None)
        if blob is not None:
            self.notes[name] = blob

    @rule(hold_id=holds)
    def shed(self, hold_id: int) -> None:
        hold = self.model[hold_id]
        if set(hold.legs) == {KEY, ISSUER} and hold_id in self.state.holds:
            self.state.apply(Parted(hold_id, self.now_us))
            del hold.legs[KEY]
            hold.given = 0

    @rule(account_id=st.sampled_from([ISSUER, KEY, LONER]), daily=CAPS, total=CAPS, units=CAPS)
    def amend(
        self, account_id: int, daily: int | None, total: int | None, units: int | None
    ) -> None:
        terms = BudgetTerms(self.terms[account_id].zone, daily, total, units)
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

    @rule(back_hours=st.integers(0, 40))
    def restart(self, back_hours: int) -> None:
        """From a checkpoint: what is over is forgotten, what counts is not. The wall clock may have
        been set back: time goes on from the last moment that was journaled."""
        self.state.forget(self.now_us, DAY_US)
        self.state = load(0, self.state.at_us, dump(self.state))
        clock = HandClock(self.now_us - back_hours * DAY_US // 24)
        clock.begin_at_us(max(self.state.at_us, self.now_us))
        assert clock.now_us() == self.now_us

    @invariant()
    def standings_are_sums(self) -> None:
        for account_id, account in getattr(self, "state", State(0)).accounts.items():
            standing = account.standing(self.now_us)
            today = [h for h in self.legs_of(account_id) if h.legs[account_id] == standing.day]
            spent = sum(h.counts for h in today if h.state is not HoldState.OPEN)
            held = sum(h.counts for h in today if h.state is HoldState.OPEN)
            assert (standing.spent_micros, standing.held_micros) == (spent, held)
            assert standing.units == sum(h.alive for h in today)
            total = sum(h.counts for h in self.legs_of(account_id))
            assert standing.total_spent_micros + standing.total_held_micros == total
            given = sum(h.given for h in today if h.owner == account_id)
            assert standing.restored_micros == given
            left = sum(h.against(account_id) for h in self.legs_of(account_id))
            assert account.total.counts() == left
            cap = standing.cap_micros
            counts = spent + held - given
            assert standing.over_cap_micros == (0 if cap is None else max(0, counts - cap))
            assert standing.remaining_micros == (None if cap is None else max(0, cap - counts))

    @invariant()
    def notes_are_kept(self) -> None:
        for name in "abc":
            if hasattr(self, "notes"):
                assert self.state.noted("k", name) == self.notes.get(name)

    def legs_of(self, account_id: int) -> Iterator[Modelled]:
        return (hold for hold in self.model.values() if account_id in hold.legs)

    def model_admits(self, account_id: int, amount: int, more: int) -> bool:
        terms, day = self.terms[account_id], self.today(account_id)
        holds = list(self.legs_of(account_id))
        today = [hold for hold in holds if hold.legs[account_id] == day]
        extra = sum(
            amount
            for whose, on, amount, until_us in self.top_ups
            if whose == account_id and on == day and (until_us is None or self.now_us < until_us)
        )
        daily, total, units = terms.daily_micros, terms.total_micros, terms.daily_units
        alive = sum(hold.alive for hold in today)
        spent = sum(hold.against(account_id) for hold in today)
        ever = sum(hold.against(account_id) for hold in holds)
        return (
            (daily is None or spent + amount <= daily + extra)
            and (total is None or ever + amount <= total)
            and (units is None or alive + more <= units)
        )

    def today(self, account_id: int) -> int:
        return self.state.accounts[account_id].calendar.day_at(self.now_us)


TestAccount = AccountMachine.TestCase
TestAccount.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
