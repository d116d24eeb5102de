"""Which day it is in a zone, and when that day ends. One `Calendar` per zone remembers the current
day's bounds, so that a hold asks zoneinfo nothing.

A day begins at the first instant of its date and ends where the next one begins. Where clocks are
set back over midnight the date repeats, and the day does not: a moment after the next day's
beginning belongs to it. So the day never goes back while time goes on.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = date(1970, 1, 1)


class Calendar:
    __slots__ = ("_day", "_end_us", "_start_us", "_zone")

    def __init__(self, zone: str) -> None:
        """Raises ValueError if no such zone is known here."""
        self._zone = _zone(zone)
        self._day = 0
        self._start_us = self._end_us = 0

    def day_at(self, now_us: int) -> int:
        """Days since 1970-01-01."""
        if not self._start_us <= now_us < self._end_us:
            self._turn_to(now_us)
        return self._day

    def ends_us(self, now_us: int) -> int:
        """When the day of this moment ends."""
        self.day_at(now_us)
        return self._end_us

    def _turn_to(self, now_us: int) -> None:
        moment = datetime.fromtimestamp(now_us // 1_000_000, self._zone)
        day = (moment.date() - _EPOCH).days
        while now_us >= self._begins_us(day + 1):
            day += 1
        self._day = day
        self._start_us, self._end_us = self._begins_us(day), self._begins_us(day + 1)

    def _begins_us(self, day: int) -> int:
        on = _EPOCH + timedelta(days=day)
        midnight = datetime(on.year, on.month, on.day, tzinfo=self._zone)
        return int(midnight.timestamp()) * 1_000_000


def _zone(name: str) -> tzinfo:
    """UTC needs no time zone files, which a small machine may lack."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as exc:
        raise ValueError(f"no time zone {name!r} is known on this machine") from exc
