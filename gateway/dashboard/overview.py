"""The first page: today's money, what was called and refused, the keys that spend most, and what
needs a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.admin.views import key_record
from gateway.dashboard.budgets import Line, once_each
from gateway.dashboard.doubts import counted
from gateway.dashboard.pages import Desk, Page, Visit
from gateway.dashboard.words import count, from_micros, page_of, usd
from gateway.http.message import Response

TOP_KEYS: Final = 8
NOTICED_MAX: Final = 5
"""Keys named for one reason; the rest is a number."""
NEARLY: Final = 0.9
DAY_US: Final = 86_400_000_000
SOON_US: Final = 3_600_000_000
_MONEY: Final = ("settled", "standing", "pending", "in_doubt", "held", "restored")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that needs a person. kind: `bad` or `warn`. href: where it is looked into."""

    kind: str
    text: str
    href: str


async def show(desk: Desk, visit: Visit) -> Response:
    lines, now_us = await desk.budgets.lines(), visit.now_us
    living = [line for line in lines if line.key.alive(now_us)]
    today = [line for line in once_each(lines) if _counts_today(line)]
    since_us = now_us - now_us % DAY_US
    await desk.house.fresh()
    calls = await desk.house.history.overview(since_us, since_us + DAY_US)
    top = sorted(living, key=_counts, reverse=True)[:TOP_KEYS]
    return await desk.page(
        visit,
        "overview.html",
        nav="overview",
        total=totals(today, living),
        calls=calls,
        refusals=calls.codes[:NOTICED_MAX],
        open=counted(desk),
        living=len(living),
        keys=[key_record(line.key, line.standing, now_us, "") for line in top],
        notices=list(notices(desk, living, counted(desk), now_us)),
    )


def totals(spent: Iterable[Line], living: Iterable[Line]) -> dict[str, Any]:
    """What all budgets count today, under the names of one; the cap is that of the living keys,
    and of what others have spent before they ended."""
    sums = dict.fromkeys(_MONEY, 0)
    cap_micros, open_ended = 0, False
    alive = {line.key.account_id for line in living}
    for line in spent:
        standing = line.standing
        for name in _MONEY:
            sums[name] += getattr(standing, f"{name}_micros")
        if line.key.account_id not in alive:
            cap_micros += standing.spent_micros + standing.held_micros - standing.restored_micros
    for line in once_each(living):
        cap_micros += line.standing.cap_micros or 0
        open_ended |= line.standing.cap_micros is None
    shown = {f"{name}_usd": from_micros(amount) for name, amount in sums.items()}
    return {**shown, "cap_usd": None if open_ended else from_micros(cap_micros)}


def notices(
    desk: Desk, living: Sequence[Line], waiting: dict[str, int], now_us: int
) -> Iterator[Notice]:
    """The worst first."""
    house = desk.house
    if house.registry.bars.in_force:
        yield Notice("bad", "New keys are barred until you resume.", "/dashboard/vendors")
    if waiting["in_doubt"]:
        text = (
            f"{count(waiting['in_doubt'], 'call')} in doubt: they count in full until cleared up."
        )
        yield Notice("bad", text, "/dashboard/open?state=in_doubt")
    for line in _some(line for line in living if line.standing.over_cap_micros):
        over = usd(from_micros(line.standing.over_cap_micros))
        yield Notice(
            "bad", f"{_name(line)} is {over} over its cap: it admits nothing.", _page(line)
        )
    for line in _some(line for line in living if _share(line) >= NEARLY):
        yield Notice("warn", f"{_name(line)} has used {_share(line):.0%} of its cap.", _page(line))
    for line in _some(line for line in living if _ends_soon(line, now_us)):
        yield Notice("warn", f"{_name(line)} is in use and expires within the hour.", _page(line))
    rates = house.doors.rates()
    if rates.stale:
        text = f"The exchange rates are of {rates.date}: only USD is priced until newer ones come."
        yield Notice("warn", text, "/dashboard/vendors")
    for account in house.reconcilers.accounts():
        if account.last_error:
            text = f"{account.vendor} / {account.account} cannot be asked: {account.last_error}"
            yield Notice("warn", text, "/dashboard/vendors")


def _some(found: Iterable[Line]) -> list[Line]:
    return sorted(found, key=_counts, reverse=True)[:NOTICED_MAX]


def _counts_today(line: Line) -> bool:
    return bool(line.standing.spent_micros or line.standing.held_micros)


def _counts(line: Line) -> int:
    return line.standing.spent_micros + line.standing.held_micros


def _share(line: Line) -> float:
    standing = line.standing
    used = standing.spent_micros - standing.restored_micros + standing.held_micros
    return used / standing.cap_micros if standing.cap_micros else 0.0


def _ends_soon(line: Line, now_us: int) -> bool:
    end_us, used_us = line.key.terms.expires_at_us, line.key.last_used_us
    return end_us is not None and end_us - now_us < SOON_US and now_us - used_us < SOON_US


def _name(line: Line) -> str:
    return line.key.terms.name or line.key.terms.label or line.key.terms.key_id


def _page(line: Line) -> str:
    return page_of("keys", line.key.terms.key_id)


PAGES: Final = (Page("GET", "", show),)
