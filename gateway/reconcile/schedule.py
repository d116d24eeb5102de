"""When what is open is looked at: the ladder of each kind, and the moment at which age decides.

A look is due so long after the call was made: soon at first, since most prices and outcomes come
soon, then at a steady pace. Everything follows from when the hold was made and when it was last
looked at, so nothing about the schedule has to be kept over a restart.

Pure. Times are microseconds of budget time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.settings import ReconcilerSettings
from ledger import HoldState

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
REFUND_LOOKS_US: Final = 30 * DAY_US
"""A refund that gave back to a cap is read again for so long: a bank may still turn it down."""
AGAIN_US: Final = MINUTE_US
"""After a look that something stood in the way of: a retry on its way, no answer, a full disk."""


class Kind(Enum):
    """Why something is looked at again."""

    PENDING = "pending"
    IN_DOUBT = "in_doubt"
    STANDING = "standing"
    REFUND = "refund"

    __hash__ = object.__hash__


KIND_OF: Final = {
    HoldState.PENDING: Kind.PENDING,
    HoldState.IN_DOUBT: Kind.IN_DOUBT,
    HoldState.STANDING: Kind.STANDING,
}


@dataclass(frozen=True, slots=True)
class Ladder:
    """steps_us: looks at these ages, ascending. every_us: from the last step on at this pace."""

    steps_us: tuple[int, ...]
    every_us: int

    def next_us(self, born_us: int, looked_us: int | None) -> int:
        """When the next look is due. looked_us: None before the first one."""
        if looked_us is None:
            return born_us + self.steps_us[0]
        age_us = looked_us - born_us
        for step_us in self.steps_us:
            if step_us > age_us:
                return born_us + step_us
        paces = (age_us - self.steps_us[-1]) // self.every_us + 1
        return born_us + self.steps_us[-1] + paces * self.every_us


@dataclass(frozen=True, slots=True)
class Schedule:
    """All ladders, and the ages at which what is still open is settled at what it counts."""

    ladders: dict[Kind, Ladder]
    first_look_us: int
    resolve_after_us: int
    pending_after_us: int
    listing_gap_us: int

    @classmethod
    def of(cls, settings: ReconcilerSettings) -> Schedule:
        first_us = round(settings.doubt_first_look_s * SECOND_US)
        gap_us = round(settings.listing_gap_s * SECOND_US)
        doubt_steps = sorted({first_us, max(first_us, 15 * MINUTE_US), max(first_us, HOUR_US)})
        ladders = {
            Kind.PENDING: Ladder((10 * SECOND_US, MINUTE_US, 10 * MINUTE_US, HOUR_US), HOUR_US),
            Kind.IN_DOUBT: Ladder(tuple(doubt_steps), 6 * HOUR_US),
            Kind.STANDING: Ladder((10 * MINUTE_US, HOUR_US), DAY_US),
            Kind.REFUND: Ladder((DAY_US,), DAY_US),
        }
        return cls(
            ladders,
            first_us,
            settings.resolve_after_h * HOUR_US,
            settings.pending_after_h * HOUR_US,
            gap_us,
        )

    def next_us(
        self, kind: Kind, born_us: int, looked_us: int | None, listed_us: int | None = None
    ) -> int:
        """When something of this kind is due again. listed_us: of a call in doubt, the first
        conclusive listing that did not show it: a second one counts once the gap is over."""
        due_us = self.ladders[kind].next_us(born_us, looked_us)
        if listed_us is not None and looked_us is not None:
            second_us = listed_us + self.listing_gap_us
            if looked_us < second_us:
                return second_us
        return due_us

    def too_young(self, born_us: int, now_us: int) -> bool:
        """A call in doubt that may still be under way at the vendor."""
        return now_us - born_us < self.first_look_us

    def too_old(self, kind: Kind, born_us: int, now_us: int) -> bool:
        """Is it settled at what it counts, for age alone? What stands is never too old."""
        age_us = now_us - born_us
        if kind is Kind.IN_DOUBT:
            return age_us >= self.resolve_after_us
        return kind is Kind.PENDING and age_us >= self.pending_after_us
