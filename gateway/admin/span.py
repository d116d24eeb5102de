"""The span of time that a question to the audit log is about: from `since` on, before `until`.

Who names no end means now. The log is asked for all of today then: nothing came in later, and a
whole day is told by its sums. Asked for up to a moment it would have to look through the calls of
that moment's hour, since under load more have come in by the time it looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.vault.fields import mistake, moment, refuse

DAY_US: Final = 86_400_000_000
SPAN_US: Final = 30 * DAY_US
"""Without `since`."""
SPAN_DAYS_MAX: Final = 400
"""A year and a month, to compare one with the other: the sums of every day in it are read."""
SPAN_FIELDS: Final = (
    moment("since", "Calls from this time on. Default: 30 days before until."),
    moment("until", "Calls before this time. Default: now."),
)


def span_of(query: Mapping[str, Any], now_us: int) -> tuple[int, int]:
    """since_us and until_us, however far apart."""
    until_us = query.get("until", now_us + 1)
    since_us = query.get("since", until_us - SPAN_US)
    return since_us, until_us if "until" in query else day_end_us(now_us)


def bounded_span_of(query: Mapping[str, Any], now_us: int) -> tuple[int, int]:
    """Raises InvalidRequest beyond SPAN_DAYS_MAX."""
    since_us, until_us = span_of(query, now_us)
    if query.get("until", now_us + 1) - since_us > SPAN_DAYS_MAX * DAY_US:
        refuse([mistake("since", f"must be at most {SPAN_DAYS_MAX} days before until")])
    return since_us, until_us


def day_end_us(at_us: int) -> int:
    """Where the day that this moment is in ends, in UTC."""
    return (at_us // DAY_US + 1) * DAY_US
