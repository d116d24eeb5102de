"""The span of time that a page is about, read from its address and never wider than a page may be.

`range=24h|7d|30d|90d` ends now; `from` and `to`, days such as `2026-11-01` or moments such as
`2026-11-01T12:00`, stand above it, and a `to` that is a day means all of it. Everything is UTC. A
range begins with a whole hour (24h) or is made of whole days, today among them, so that what is
summed by day or hour has no ragged edge.

What cannot be read is told and the default taken: an address that somebody typed is no reason to
show no page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.dashboard.forms import Form

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
SPAN_DAYS_MAX: Final = 400
"""A year and a month, to compare one with the other."""
HOURLY_US_MAX: Final = 3 * DAY_US
"""Up to here a span is summed by the hour, beyond it by the day."""
DAYS: Final = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
LABELS: Final = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
DEFAULT: Final = "7d"
_YEARS: Final = range(1970, 2201)


@dataclass(frozen=True, slots=True)
class Span:
    """From since_us on, before until_us. name: of the range, '' of typed days. query: what leads
    to this span in an address. since_text, until_text: as a form's fields have them, '' of a
    range, until_text '' of what ends now.
    told: what was changed or could not be read, in a sentence; ''."""

    since_us: int
    until_us: int
    name: str
    query: dict[str, str]
    since_text: str = ""
    until_text: str = ""
    told: str = ""
    earlier: dict[str, str] | None = None
    """What leads to the part that was cut off."""

    @property
    def step(self) -> str:
        """How it is summed up: 'hour' or 'day'."""
        return "hour" if self.until_us - self.since_us <= HOURLY_US_MAX else "day"

    @property
    def words(self) -> str:
        """`17 Nov 2026 – 23 Nov 2026`; with the time of day where a day is not whole."""
        last_us = self.until_us - 1
        whole = self.since_us % DAY_US == 0 and (bool(self.name) or self.until_us % DAY_US == 0)
        if self.name == "24h" or not whole:
            return f"{_told(self.since_us, True)} – {_told(last_us, True)}"
        since, until = _told(self.since_us, False), _told(last_us, False)
        return since if since == until else f"{since} – {until}"

    @property
    def asked(self) -> dict[str, str]:
        """`since` and `until` as the admin side takes them, exact. What ends now names no end: so
        the log is not asked to stop at a moment, see `gateway/admin/span.py`."""
        ends = {} if self.is_live else {"until": _rfc3339(self.until_us)}
        return {"since": _rfc3339(self.since_us), **ends}

    @property
    def is_live(self) -> bool:
        """Does it end now?"""
        return not self.until_text


def read_span(query: Form, now_us: int, default: str = DEFAULT) -> Span:
    """Never raises: see above."""
    since_text, until_text = query.one("from"), query.one("to")
    name = query.one("range", default) or default
    if not since_text and not until_text:
        if name in DAYS:
            return of_range(name, now_us)
        return _with(of_range(default, now_us), "This range is none of 24h, 7d, 30d and 90d.")
    try:
        return _of_days(since_text, until_text, now_us)
    except ValueError as exc:
        return _with(of_range(default, now_us), str(exc))


def of_range(name: str, now_us: int) -> Span:
    """One of DAYS, ending now."""
    if name == "24h":
        since_us = _floor(now_us, HOUR_US) - DAY_US
    else:
        since_us = _floor(now_us, DAY_US) - (DAYS[name] - 1) * DAY_US
    return Span(since_us, now_us + 1, name, {"range": name})


def moment_text(at_us: int) -> str:
    """A moment as `from` and `to` take it, in UTC, as short as is exact."""
    at = _datetime(at_us)
    if at_us % DAY_US == 0:
        return f"{at:%Y-%m-%d}"
    if at_us % 60_000_000 == 0:
        return f"{at:%Y-%m-%dT%H:%M}"
    text = f"{at:%Y-%m-%dT%H:%M:%S.%f}"
    return text.removesuffix(".000000").removesuffix("000")


def between(since_us: int, until_us: int) -> dict[str, str]:
    """What leads to a span of whole days or of moments. A `to` that is a day means all of it."""
    until = moment_text(until_us if until_us % DAY_US else until_us - DAY_US)
    return {"from": moment_text(since_us), "to": until}


def _of_days(since_text: str, until_text: str, now_us: int) -> Span:
    """Raises ValueError with a sentence."""
    tomorrow_us = _floor(now_us, DAY_US) + DAY_US
    until_us = now_us + 1
    if until_text:
        until_us = min(_read(until_text, "to", is_end=True), tomorrow_us)
    if since_text:
        since_us = _read(since_text, "from")
    else:
        since_us = max(0, _floor(until_us - 1, DAY_US) - 29 * DAY_US)
    if since_us >= until_us:
        raise ValueError("This span ends before it begins, so the default is shown.")
    typed = between(since_us, until_us) if until_text else {"from": moment_text(since_us)}
    until_text = typed.get("to", "")
    return _narrowed(Span(since_us, until_us, "", typed, typed["from"], until_text))


def _narrowed(span: Span) -> Span:
    """The last days of it, as many as a page takes."""
    first_us = _floor(span.until_us - 1, DAY_US) - (SPAN_DAYS_MAX - 1) * DAY_US
    if span.since_us >= first_us:
        return span
    text = moment_text(first_us)
    return Span(
        first_us,
        span.until_us,
        "",
        {**span.query, "from": text},
        text,
        span.until_text,
        f"Narrowed to {SPAN_DAYS_MAX} days, as many as one page shows.",
        between(span.since_us, first_us),
    )


def _with(span: Span, told: str) -> Span:
    return Span(span.since_us, span.until_us, span.name, span.query, told=told)


def _read(text: str, name: str, *, is_end: bool = False) -> int:
    """Raises ValueError with a sentence."""
    try:
        at = datetime.fromisoformat(text[:40])
        if at.year not in _YEARS:
            raise ValueError
    except ValueError:
        told = f"“{name}” is no day such as 2026-11-23, so the default is shown."
        raise ValueError(told) from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    since_epoch = at - datetime.fromtimestamp(0, UTC)
    at_us = max(0, (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000 + at.microsecond)
    return at_us + DAY_US if is_end and len(text) <= len("2026-11-23") else at_us


def _floor(at_us: int, unit_us: int) -> int:
    return at_us - at_us % unit_us


def _told(at_us: int, with_time: bool) -> str:
    at = _datetime(at_us)
    day = f"{at.day} {at:%b %Y}"
    return f"{day}, {at:%H:%M}" if with_time else day


def _rfc3339(at_us: int) -> str:
    return f"{_datetime(at_us):%Y-%m-%dT%H:%M:%S.%f}Z"


def _datetime(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)
