"""Days in zones, with the awkward ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.days import Calendar


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def days(date: str) -> int:
    return (datetime.fromisoformat(date) - datetime(1970, 1, 1)).days


def test_utc_needs_no_zone_files() -> None:
    calendar = Calendar("UTC")
    assert calendar.day_at(us("2026-11-23T00:00:00")) == days("2026-11-23")
    assert calendar.day_at(us("2026-11-23T00:00:00") - 1) == days("2026-11-22")
    assert calendar.ends_us(us("2026-11-23T13:00:00")) == us("2026-11-24T00:00:00")


@pytest.mark.parametrize(
    ("zone", "moment", "date", "ends"),
    [
        ("Europe/Berlin", "2026-11-22T23:00:00", "2026-11-23", "2026-11-23T23:00:00"),
        ("Europe/Berlin", "2026-03-29T12:00:00", "2026-03-29", "2026-03-29T22:00:00"),  # 23 h long
        ("Europe/Berlin", "2026-10-25T12:00:00", "2026-10-25", "2026-10-25T23:00:00"),  # 25 h long
        (
            "America/Sao_Paulo",
            "2018-11-04T03:00:00",
            "2018-11-04",
            "2018-11-05T02:00:00",
        ),  # no 0:00
        (
            "America/Havana",
            "2024-11-03T05:30:00",
            "2024-11-03",
            "2024-11-04T05:00:00",
        ),  # 0:30 twice
        ("Asia/Kathmandu", "2026-01-01T18:15:00", "2026-01-02", "2026-01-02T18:15:00"),
    ],
)
def test_a_day_begins_at_the_first_instant_of_its_date(
    zone: str, moment: str, date: str, ends: str
) -> None:
    calendar = Calendar(zone)
    assert calendar.day_at(us(moment)) == days(date)
    assert calendar.ends_us(us(moment)) == us(ends)


def test_where_midnight_is_repeated_the_day_is_not() -> None:
    # St. John's set its clocks back at 0:01, to 23:01 of the day before.
    for moment in ("2009-11-01T02:30:30", "2009-11-01T02:31:30", "2009-11-01T03:29:59"):
        assert Calendar("America/St_Johns").day_at(us(moment)) == days("2009-11-01")


def test_the_bounds_are_remembered_and_left_again() -> None:
    calendar = Calendar("UTC")
    first = calendar.day_at(us("2026-11-23T13:00:00"))
    assert calendar.day_at(us("2026-11-23T23:59:59")) == first
    assert calendar.day_at(us("2026-11-24T00:00:00")) == first + 1
    assert calendar.day_at(us("2026-11-23T23:59:59")) == first


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Calendar(zone)
