"""How a budget stands, as a value: what refusals, answers and pages are made from."""

from __future__ import annotations

from typing import NamedTuple


class Standing(NamedTuple):
    """A budget as it stands for one day. cap_micros: the daily cap in force, top-ups included.
    spent = settled + standing + pending + in doubt, gross; remaining and over_cap compare spent -
    restored + held with the cap. A cap that does not exist is None, and so is what remains of
    it."""

    day: int
    cap_micros: int | None
    spent_micros: int
    held_micros: int
    remaining_micros: int | None
    restored_micros: int
    top_up_micros: int
    over_cap_micros: int
    total_cap_micros: int | None
    total_spent_micros: int
    total_held_micros: int
    total_remaining_micros: int | None
    units_cap: int | None
    units: int
    settled_micros: int
    standing_micros: int
    pending_micros: int
    in_doubt_micros: int
    resets_at_us: int
