"""The first page: today's money, what was called and refused, the keys that spend most, and what
needs a person."""

from __future__ import annotations

from typing import Any, Final

from gateway.dashboard.pages import Desk, Page, Visit
from gateway.dashboard.words import from_micros, micros
from gateway.http.message import Response

TOP_KEYS: Final = 8
_MONEY: Final = ("settled", "standing", "pending", "in_doubt", "held", "restored")


async def show(desk: Desk, visit: Visit) -> Response:
    keys = [key for key in await all_keys(desk) if key["status"] == "active"]
    return desk.page(
        visit,
        "overview.html",
        nav="overview",
        keys=sorted(keys, key=_spent, reverse=True)[:TOP_KEYS],
        total=totals(keys),
        keys_alive=len(keys),
    )


async def all_keys(desk: Desk) -> list[dict[str, Any]]:
    """Every key's record, newest first."""
    found: list[dict[str, Any]] = []
    query = "limit=100"
    while True:
        page = await desk.api.ask("GET", "/vault/keys", query)
        found += page["data"]
        if not page["has_more"]:
            return found
        query = f"limit=100&starting_after={found[-1]['id']}"


def totals(keys: list[dict[str, Any]]) -> dict[str, Any]:
    """What all of them count today, under the names of one."""
    added = {f"{name}_usd": _sum(keys, f"{name}_usd") for name in _MONEY}
    return {**added, "cap_usd": _sum(keys, "cap_usd")}


def _sum(keys: list[dict[str, Any]], name: str) -> str:
    return from_micros(sum(micros(key[name]) for key in keys))


def _spent(key: dict[str, Any]) -> int:
    return micros(key["spent_usd"]) + micros(key["held_usd"])


PAGES: Final = (Page("GET", "", show),)
