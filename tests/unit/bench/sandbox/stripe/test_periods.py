"""When a period ends, and how much of it is left."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from bench.sandbox.stripe import periods


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ("2026-01-31T10:00:00", "month", 1, "2026-02-28T10:00:00"),
        ("2024-01-31T00:00:00", "month", 1, "2024-02-29T00:00:00"),
        ("2026-11-15T00:00:00", "month", 3, "2027-02-15T00:00:00"),
        ("2024-02-29T00:00:00", "year", 1, "2025-02-28T00:00:00"),
        ("2026-03-01T00:00:00", "week", 2, "2026-03-15T00:00:00"),
        ("2026-03-01T00:00:00", "day", 10, "2026-03-11T00:00:00"),
    ],
)
def test_after(start: str, interval: str, count: int, end: str) -> None:
    recurring = {"interval": interval, "interval_count": count}
    assert periods.after(at(start), recurring) == at(end)


@pytest.mark.parametrize(("moment", "left"), [(0, 1), (50, "1/2"), (100, 0), (200, 0), (-5, 1)])
def test_part_left(moment: int, left: int | str) -> None:
    assert periods.part_left(moment, 0, 100) == Fraction(left)
    assert periods.part_left(moment, 7, 7) == 0


def test_parts_gone() -> None:
    recurring = {"interval": "day", "interval_count": 1}
    day = periods.DAY_S
    assert periods.parts_gone(0, 2 * day + day // 4, recurring) == Fraction(9, 4)
    assert periods.parts_gone(0, 0, recurring) == 0
