"""One budget's money: the only arithmetic on balances.

An account keeps running sums over all its days and the sums of each day that is still of interest.
`exceeded` looks, `add` changes; nothing may await between the two, and that is the whole lock.
Sums are split by what the money is: settled, or open in one of four states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ledger.days import Calendar
from ledger.entries import BudgetTerms, HoldState
from ledger.errors import Limit
from ledger.standing import Standing

BUCKET: Final[Mapping[HoldState, str]] = {
    HoldState.OPEN: "held",
    HoldState.STANDING: "standing",
    HoldState.PENDING: "pending",
    HoldState.IN_DOUBT: "in_doubt",
    # Nothing of these is open: the amount added under them is always 0.
    HoldState.SETTLED: "settled",
    HoldState.RELEASED: "settled",
}


class TopUp(NamedTuple):
    day: int
    amount_micros: int
    until_us: int | None


class Sums:
    """Money by what it is, in micros, and a count of units."""

    __slots__ = ("held", "in_doubt", "pending", "restored", "settled", "standing", "units")

    def __init__(
        self,
        settled: int = 0,
        held: int = 0,
        standing: int = 0,
        pending: int = 0,
        in_doubt: int = 0,
        restored: int = 0,
        units: int = 0,
    ) -> None:
        self.settled = settled
        self.held = held
        self.standing = standing
        self.pending = pending
        self.in_doubt = in_doubt
        self.restored = restored
        self.units = units

    def add(self, bucket: str, open_micros: int, settled_micros: int, units: int) -> None:
        if bucket == "held":  # as most are
            self.held += open_micros
        elif open_micros:
            setattr(self, bucket, getattr(self, bucket) + open_micros)
        self.settled += settled_micros
        self.units += units

    def spent(self) -> int:
        return self.settled + self.standing + self.pending + self.in_doubt

    def counts(self) -> int:
        """What a cap is compared with."""
        return self.spent() + self.held - self.restored

    def is_open(self) -> bool:
        return bool(self.held or self.standing or self.pending or self.in_doubt)

    def as_tuple(self) -> tuple[int, ...]:
        """In the order of the constructor."""
        return (
            self.settled,
            self.held,
            self.standing,
            self.pending,
            self.in_doubt,
            self.restored,
            self.units,
        )


_NOTHING: Final = Sums()
_NO_DAYS: Final[dict[int, Sums]] = {}


class Account:
    """calendar: shared by all accounts of one zone. What an account that was never used has is
    shared by all of those, too, and never changed: most of a million are asleep."""

    __slots__ = ("account_id", "calendar", "days", "parent_id", "terms", "top_ups", "total")

    def __init__(
        self, account_id: int, parent_id: int | None, terms: BudgetTerms, calendar: Calendar
    ) -> None:
        self.account_id = account_id
        self.parent_id = parent_id
        self.terms = terms
        self.calendar = calendar
        self.total = _NOTHING
        self.days = _NO_DAYS
        self.top_ups: Sequence[TopUp] = ()

    def exceeded(self, amount_micros: int, units: int, now_us: int) -> Limit | None:
        """Which cap a further hold would pass, if any."""
        terms = self.terms
        day = self.calendar.day_at(now_us)
        today = self.days.get(day, _NOTHING)
        if terms.daily_micros is not None:
            room = terms.daily_micros + self.topped_up(day, now_us) - today.counts()
            if amount_micros > room:
                return Limit.DAILY
        total_max, units_max = terms.total_micros, terms.daily_units
        if total_max is not None and self.total.counts() + amount_micros > total_max:
            return Limit.TOTAL
        if units_max is not None and today.units + units > units_max:
            return Limit.UNITS
        return None

    def add(self, day: int, bucket: str, open_micros: int, settled_micros: int, units: int) -> None:
        """Change what counts on a day, and with it the running sums. Amounts may be negative."""
        self._own_total().add(bucket, open_micros, settled_micros, units)
        sums = self.days.get(day)
        if sums is None:
            if self.days is _NO_DAYS:
                self.days = {}
            sums = self.days[day] = Sums()
        sums.add(bucket, open_micros, settled_micros, units)

    def restore(self, day: int, amount_micros: int) -> None:
        """A refund gives back to a day that is still of interest, and to the running sums."""
        self._own_total().restored += amount_micros
        if day in self.days:
            self.days[day].restored += amount_micros

    def _own_total(self) -> Sums:
        if self.total is _NOTHING:
            self.total = Sums()
        return self.total

    @property
    def unused(self) -> bool:
        return self.total is _NOTHING and self.days is _NO_DAYS and not self.top_ups

    def top_up(self, top_up: TopUp) -> None:
        self.top_ups = (*self.top_ups, top_up)

    def topped_up(self, day: int, now_us: int) -> int:
        """What top-ups add to the cap of a day, at a moment of it."""
        if not self.top_ups:
            return 0
        return sum(
            top_up.amount_micros
            for top_up in self.top_ups
            if top_up.day == day and (top_up.until_us is None or now_us < top_up.until_us)
        )

    def forget_days(self, now_us: int) -> None:
        """Past days with nothing open live on in the running sums only, and past top-ups not at
        all. So do days on which nothing counts."""
        if self.days is _NO_DAYS and not self.top_ups:
            return
        today = self.calendar.day_at(now_us)
        for day in [day for day in self.days if day != today or not any(self.days[day].as_tuple())]:
            if not self.days[day].is_open():
                del self.days[day]
        if not self.days:
            self.days = _NO_DAYS
        if self.top_ups:
            self.top_ups = tuple(top_up for top_up in self.top_ups if top_up.day >= today)

    def today(self, now_us: int) -> tuple[int, int | None]:
        """Micros spent on the day, and what its cap leaves; None without a cap."""
        day = self.calendar.day_at(now_us)
        sums, cap = self.days.get(day, _NOTHING), self.terms.daily_micros
        if cap is not None:
            cap += self.topped_up(day, now_us)
        return sums.spent(), _remaining(cap, sums)

    def standing(self, now_us: int) -> Standing:
        terms, total = self.terms, self.total
        day = self.calendar.day_at(now_us)
        today = self.days.get(day, _NOTHING)
        top_up = self.topped_up(day, now_us)
        cap = None if terms.daily_micros is None else terms.daily_micros + top_up
        return Standing(
            day=day,
            cap_micros=cap,
            spent_micros=today.spent(),
            held_micros=today.held,
            remaining_micros=_remaining(cap, today),
            restored_micros=today.restored,
            top_up_micros=top_up,
            over_cap_micros=0 if cap is None else max(0, today.counts() - cap),
            total_cap_micros=terms.total_micros,
            total_spent_micros=total.spent(),
            total_held_micros=total.held,
            total_remaining_micros=_remaining(terms.total_micros, total),
            units_cap=terms.daily_units,
            units=today.units,
            settled_micros=today.settled,
            standing_micros=today.standing,
            pending_micros=today.pending,
            in_doubt_micros=today.in_doubt,
            resets_at_us=self.calendar.ends_us(now_us),
        )


def _remaining(cap_micros: int | None, sums: Sums) -> int | None:
    return None if cap_micros is None else max(0, cap_micros - sums.counts())
