"""Billing periods: when one ends, and which part of it is left. Pure."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from bench.sandbox.wire import Obj

DAY_S: Final = 86_400
SECONDS: Final = {"day": DAY_S, "week": 7 * DAY_S}
MONTHS: Final = {"month": 1, "year": 12}


def after(start_s: int, recurring: Obj, periods: int = 1) -> int:
    """When the period that starts then ends. A month that is too short ends on its last day."""
    count = recurring["interval_count"] * periods
    interval = recurring["interval"]
    if interval in SECONDS:
        return int(start_s + count * SECONDS[interval])
    start = datetime.fromtimestamp(start_s, UTC)
    month = start.month - 1 + count * MONTHS[interval]
    year, month = start.year + month // 12, month % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def part_left(at_s: int, start_s: int, end_s: int) -> Fraction:
    """0 to 1 of a period."""
    if end_s <= start_s:
        return Fraction(0)
    left = min(max(end_s - at_s, 0), end_s - start_s)
    return Fraction(left, end_s - start_s)


def parts_gone(from_s: int, to_s: int, recurring: Obj) -> Fraction:
    """How many periods lie between two moments; more than one when they are far apart."""
    whole = 0
    start = from_s
    while (end := after(from_s, recurring, whole + 1)) <= to_s:
        whole, start = whole + 1, end
    return whole + Fraction(to_s - start, end - start)
