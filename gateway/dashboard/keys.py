"""The list of keys: found by words and by what they are, sorted, fifty to a page; all of it in the
address.

With thousands of keys only the fifty that are shown get a record. What decides their order comes
from the keys in memory, or, for money, from the look at all budgets that open pages share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.admin.keys import shown
from gateway.admin.views import status
from gateway.dashboard.budgets import Line
from gateway.dashboard.endpoints import title_of
from gateway.dashboard.forms import Form
from gateway.dashboard.order import PIECE, first_of
from gateway.dashboard.pages import Desk, Page, Visit
from gateway.http.message import Response
from gateway.vault.keys import Key
from gateway.vault.records import of_issuer, of_vendor
from gateway.vault.registry import Registry
from ledger import Standing

ROWS: Final = 50
STATES: Final = ("active", "expired", "revoked", "all")
NEVER_US: Final = 1 << 62

SORTS: Final = {
    "created": "Newest",
    "spent": "Spent most",
    "share": "Nearest to its cap",
    "used": "Last used",
    "expiry": "Expires soonest",
}
MONEY: Final = frozenset({"spent", "share"})
"""Sorts that take a look at all budgets."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for. after: how many rows are before the page's first."""

    text: str
    vendor: str
    state: str
    issuer: str
    sort: str
    after: int

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.vendor or self.issuer) or self.state != "active"


def read_wanted(query: Form) -> Wanted:
    """What cannot be read is as if it were not there."""
    state, sort, after = query.one("status"), query.one("sort"), query.one("after")
    return Wanted(
        query.one("q").casefold()[:200],
        query.one("vendor"),
        state if state in STATES else "active",
        query.one("issuer"),
        sort if sort in SORTS else "created",
        int(after) if after.isascii() and after.isdecimal() and len(after) < 9 else 0,
    )


async def show(desk: Desk, visit: Visit) -> Response:
    house, wanted = desk.house, read_wanted(visit.query)
    lines = await desk.budgets.lines() if wanted.sort in MONEY else ()
    found = await _found(house.registry, wanted, visit.now_us)
    upto = wanted.after + ROWS
    page = (await ordered(found, wanted.sort, lines, upto))[wanted.after :]
    more = upto < len(found)
    return await desk.page(
        visit,
        "keys.html",
        nav="keys",
        wanted=wanted,
        keys=[shown(house, key) for key in page],
        found=len(found),
        is_new=not found and next(house.registry.all_keys(), None) is None,
        older=visit.turned(after=upto) if more else None,
        newest=visit.turned() if wanted.after else None,
        sorts=SORTS,
        states=STATES,
        titles={name: title_of(name) for name in house.known},
        issuers=[
            (issuer.terms.issuer_id, issuer.terms.name or issuer.terms.issuer_id)
            for issuer in house.registry.issuers()
        ],
    )


async def _found(registry: Registry, wanted: Wanted, now_us: int) -> list[Key]:
    """Calls do not wait while thousands are looked at."""
    having = of_issuer(wanted.issuer) if wanted.issuer else of_vendor(wanted.vendor or None)
    return [key async for key in registry.walk(having) if fits(key, wanted, now_us)]


async def ordered(found: list[Key], sort: str, lines: Iterable[Line], upto: int) -> list[Key]:
    """So many. Of those that are equal, the newest first: that is how they come. lines: budgets,
    for an order by money. A key too new to be among them has spent nothing."""
    if sort in MONEY:
        ranks = await _ranks(sort, lines)
        return await first_of(found, lambda key: -ranks.get(key.terms.key_id, 0.0), upto)
    if sort == "used":
        return await first_of(found, lambda key: -key.last_used_us, upto)
    if sort == "expiry":
        return await first_of(found, lambda key: key.terms.expires_at_us or NEVER_US, upto)
    return found[:upto]


async def _ranks(sort: str, lines: Iterable[Line]) -> dict[str, float]:
    ranks = {}
    for number, line in enumerate(lines):
        ranks[line.key.terms.key_id] = _rank(sort, line.standing)
        if not number % PIECE:
            await asyncio.sleep(0)
    return ranks


def fits(key: Key, wanted: Wanted, now_us: int) -> bool:
    terms = key.terms
    if wanted.state != "all" and status(key, now_us) != wanted.state:
        return False
    if wanted.vendor and terms.vendor != wanted.vendor:
        return False
    if wanted.issuer and terms.issuer_id != wanted.issuer:
        return False
    return not wanted.text or any(
        wanted.text in text.casefold() for text in (terms.label, terms.name, terms.key_id)
    )


def _rank(sort: str, standing: Standing) -> float:
    counts = standing.spent_micros + standing.held_micros - standing.restored_micros
    if sort == "spent":
        return float(counts)
    return counts / standing.cap_micros if standing.cap_micros else 0.0


PAGES: Final = (Page("GET", "/keys", show),)
