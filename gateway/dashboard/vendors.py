"""Vendor accounts: credentials, how they answer, how old prices and rates are; and stopping a
vendor, an account or everything, and letting keys be made again."""

from __future__ import annotations

from typing import Any, Final

from gateway.dashboard.guard import ROOT
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.dashboard.revoking import came_of, wishes_of
from gateway.dashboard.words import count
from gateway.http.message import Response
from gateway.vault.bars import Bar
from gateway.vault.records import of_vendor


async def show(desk: Desk, visit: Visit) -> Response:
    answer = await desk.api.ask("GET", "/vault/vendors")
    bars = [(bar, name_of(bar)) for bar in answer["barred"]]
    return await desk.page(
        visit,
        "vendors.html",
        nav="vendors",
        accounts=answer["accounts"],
        rates=answer["rates"],
        bars=bars,
    )


async def confirm_stop(desk: Desk, visit: Visit) -> Response:
    scope = _scope(visit)
    keys, in_flight = await _hit(desk, scope, visit.now_us)
    return await desk.page(
        visit,
        "vendors_stop.html",
        nav="vendors",
        scope=scope,
        name=name_of(scope),
        keys=keys,
        in_flight=in_flight,
    )


async def stop(desk: Desk, visit: Visit) -> Response:
    scope = _scope(visit)
    answer = await desk.api.ask("POST", "/vault/revoke", body={**wishes_of(visit.form), **scope})
    first = f"Stopped {name_of(scope)}: {count(answer['revoked'], 'key')} revoked."
    visit.session.said.append(came_of(first, answer))
    return go_to(f"{ROOT}/vendors")


async def resume(desk: Desk, visit: Visit) -> Response:
    scope = _scope(visit)
    await desk.api.ask("POST", "/vault/resume", body=scope)
    visit.session.said.append(
        f"Keys can be made for {name_of(scope)} again. Those that were revoked stay so."
    )
    return go_to(f"{ROOT}/vendors")


def name_of(scope: dict[str, Any]) -> str:
    """`everything`, `stripe`, `stripe / acme`, `every acme`."""
    if "vendor" not in scope:
        return f"every account {scope['account']}" if "account" in scope else "everything"
    return f"{scope['vendor']} / {scope['account']}" if "account" in scope else scope["vendor"]


def _scope(visit: Visit) -> dict[str, Any]:
    """What is to be stopped or resumed, as the admin side takes it: from a link or a form."""
    given = visit.form if visit.request.method == "POST" else visit.query
    named = {name: text for name in ("vendor", "account") if (text := given.one(name))}
    return named or {"all": True}


async def _hit(desk: Desk, scope: dict[str, Any], now_us: int) -> tuple[int, int]:
    """How many living keys would end, and how many calls they have on their way."""
    bar, keys, in_flight = Bar(scope.get("vendor"), scope.get("account")), 0, 0
    async for key in desk.house.registry.walk(of_vendor(bar.vendor)):
        if key.alive(now_us) and bar.stops(key.terms.vendor, key.terms.account):
            keys += 1
            in_flight += len(key.in_flight)
    return keys, in_flight


PAGES: Final = (
    Page("GET", "/vendors", show),
    Page("GET", "/vendors/stop", confirm_stop),
    Page("POST", "/vendors/stop", stop),
    Page("POST", "/vendors/resume", resume),
)
