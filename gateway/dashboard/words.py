"""How values read to a person: money, moments, counts, and a budget as the parts of a bar.

Filters and functions of the templates. What they are given is the admin side's JSON: USD as text,
times as RFC 3339. Markup is made here only for `<time>`, from values that were parsed first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from markupsafe import Markup

NOTHING: Final = "–"


def usd(value: str | None) -> str:
    """`$1,234.50`; finer than a cent where it is: `$0.0009`."""
    if value is None:
        return NOTHING
    whole, _, fraction = value.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}${int(whole.lstrip('-')):,}.{fraction.ljust(2, '0')}"


def micros(value: str | None) -> int:
    """USD as text to micro-USD."""
    return 0 if value is None else int(Decimal(value) * 1_000_000)


def from_micros(value: int) -> str:
    """Micro-USD to USD as text, 2 to 6 decimals."""
    text = f"{Decimal(value) / 1_000_000:.6f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def moment(value: str | int | None) -> datetime | None:
    """RFC 3339, or microseconds since 1970."""
    if value is None:
        return None
    if isinstance(value, int):
        return datetime.fromtimestamp(value // 1_000_000, UTC)
    return datetime.fromisoformat(value)


def when(value: str | int | None) -> Markup | str:
    """A moment in full, in UTC: `23 Nov 2026, 08:15:03`."""
    at = moment(value)
    return NOTHING if at is None else _time(at, f"{at.day} {at:%b %Y, %H:%M:%S}")


def clock(value: str | int | None) -> Markup | str:
    """A moment in a dense list: `23 Nov, 08:15:03`; the year is in its title."""
    at = moment(value)
    return NOTHING if at is None else _time(at, f"{at.day} {at:%b, %H:%M:%S}")


def ago(value: str | int | None, now_us: int) -> Markup | str:
    """`3 min ago`, `in 2 h`; the moment in full as its title."""
    at = moment(value)
    if at is None:
        return NOTHING
    seconds = now_us // 1_000_000 - int(at.timestamp())
    text = f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"
    return _time(at, "just now" if 0 <= seconds < 2 else text)


def span(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `2 days`: the largest unit that is at least two, roughly."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def count(number: int, one: str, many: str = "") -> str:
    """`1 call`, `1,200 calls`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def milliseconds(value: int | None) -> str:
    if value is None:
        return NOTHING
    return f"{value} ms" if value < 1_000 else f"{value / 1_000:.1f} s"


def spoken(name: str | None) -> str:
    """`in_doubt` -> `in doubt`."""
    return NOTHING if name is None else name.replace("_", " ")


def page_of(*parts: str) -> str:
    """An address below /dashboard. Its parts are escaped: no label changes where it leads."""
    return "/".join(("/dashboard", *(quote(part, safe="") for part in parts)))


def with_query(path: str, **query: Any) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a bar. x, width: percent."""

    kind: str
    label: str
    usd: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Budget:
    """A cap and what counts against it. parts: settled, waiting (standing, pending, in doubt),
    held, free; those that are nothing are left out. cap: None where there is none."""

    cap: str | None
    parts: tuple[Part, ...]
    told: str
    """The same in a sentence, for who cannot see the bar."""
    percent: int


def budget(record: Mapping[str, Any]) -> Budget:
    """Of a key's or an issuer's record, or of totals with the same names."""
    settled = max(0, micros(record["settled_usd"]) - micros(record.get("restored_usd")))
    waiting = sum(micros(record[f"{name}_usd"]) for name in ("standing", "pending", "in_doubt"))
    held = micros(record["held_usd"])
    cap = record["cap_usd"]
    used = settled + waiting + held
    whole = max(used, micros(cap)) or 1
    amounts = {"settled": settled, "waiting": waiting, "held": held}
    if cap is not None:
        amounts["free"] = max(0, micros(cap) - used)
    parts, x = [], 0.0
    for kind, amount in amounts.items():
        width = 100 * amount / whole
        if amount:
            parts.append(Part(kind, kind, from_micros(amount), round(x, 3), round(width, 3)))
        x += width
    told = ", ".join(f"{kind} {usd(from_micros(amount))}" for kind, amount in amounts.items())
    if cap is not None:
        told += f", of {usd(cap)}"
    return Budget(cap, tuple(parts), told, round(100 * used / whole))


def _time(at: datetime, text: str) -> Markup:
    from markupsafe import Markup

    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    title = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, title, text)


FILTERS: Final = {
    "usd": usd,
    "when": when,
    "ago": ago,
    "clock": clock,
    "span": span,
    "spoken": spoken,
    "milliseconds": milliseconds,
}
GLOBALS: Final = {
    "count": count,
    "budget": budget,
    "page_of": page_of,
    "with_query": with_query,
}
