"""A hold while it lives: a quote set aside, and what has become of it so far.

Only `State.apply` changes one; everybody else reads. What it counts for at any moment is two
numbers, a settled part and an open part, and `open_micros` is the one place that says what is open
in which state.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.entries import AFTER, FINAL, Ended, Held, HoldState
from ledger.errors import ImpossibleEntry


class Hold:
    """amount_micros: the quote. settled_micros, standing_micros: what it counts for once it is no
    longer open; in doubt and pending, standing_micros is what counts beyond the settled part. tag:
    the object it belongs to. remark: the caller's short text. memo_ref: call_id of the call that
    made it. shed: its own leg has left it."""

    __slots__ = (
        "account_id",
        "amount_micros",
        "at_us",
        "day",
        "hold_id",
        "memo_ref",
        "parent_day",
        "parent_id",
        "remark",
        "restorable",
        "restored_micros",
        "retry",
        "settled_micros",
        "shed",
        "standing_micros",
        "state",
        "tag",
        "units",
    )

    def __init__(self, held: Held) -> None:
        (
            self.hold_id,
            self.account_id,
            self.parent_id,
            self.day,
            self.parent_day,
            self.at_us,
            self.amount_micros,
            self.units,
            self.restorable,
            self.memo_ref,
            self.tag,
            self.remark,
            _,
            self.retry,
        ) = held
        self.settled_micros = 0
        self.standing_micros = 0
        self.restored_micros = 0
        self.shed = False
        self.state = HoldState.OPEN

    def __repr__(self) -> str:
        return f"<Hold {self.hold_id} {self.state.value} {self.amount_micros}>"

    @property
    def final(self) -> bool:
        return self.state in FINAL

    @property
    def open_micros(self) -> int:
        """What counts beyond the settled part."""
        return self.amount_micros if self.state is HoldState.OPEN else self.standing_micros

    @property
    def counted_units(self) -> int:
        return 0 if self.state is HoldState.RELEASED else self.units

    def go_on(self, ended: Ended) -> None:
        """Take the state and the figures of an ending that `must_allow` let pass."""
        state = ended.state
        if state is HoldState.IN_DOUBT:
            so_far = self.settled_micros + self.standing_micros
            self.standing_micros = max(self.amount_micros, so_far) - self.settled_micros
        elif state is HoldState.RELEASED:
            self.settled_micros = self.standing_micros = 0
        else:
            self.settled_micros = ended.settled_micros
            self.standing_micros = ended.standing_micros
        self.state = state
        if ended.tag:
            self.tag = ended.tag
        if ended.units is not None:
            self.units = ended.units


def must_allow(hold: Hold, ended: Ended) -> None:
    """May a hold go on so from the state that it is in? Raises ImpossibleEntry."""
    hold_id, now = hold.hold_id, hold.state
    if ended.state not in AFTER[now]:
        raise ImpossibleEntry(f"hold {hold_id} cannot go from {now.value} to {ended.state.value}")
    if ended.settled_micros < 0 or ended.standing_micros < 0:
        raise ImpossibleEntry(f"hold {hold_id} cannot end at a negative amount")
    if ended.state is HoldState.SETTLED:
        if ended.standing_micros:
            raise ImpossibleEntry(f"hold {hold_id} cannot be settled while a part of it stands")
        if now is HoldState.SETTLED and ended.settled_micros < hold.settled_micros:
            raise ImpossibleEntry(f"hold {hold_id} is settled; it can only turn out dearer")
    if ended.units is not None and not 0 <= ended.units <= hold.units:
        raise ImpossibleEntry(f"hold {hold_id} cannot turn out to be {ended.units} units")


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of the call that was made under a RetryKey. hold: None once it is no longer
    kept."""

    hold: Hold | None
    hold_id: int
    digest: bytes
    state: HoldState
    at_us: int
    account_id: int
