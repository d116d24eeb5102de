"""What machines ask: is it alive, may it get calls, what are its numbers. None takes a key, and
none tells more than a load balancer or a scraper needs."""

from __future__ import annotations

from typing import Final

from gateway.admin.house import House
from gateway.admin.problems import respond
from gateway.admin.routes import ANYONE, Answer, Ask, Route
from gateway.http.message import Response

_TEXT: Final = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


async def healthz(house: House, ask: Ask) -> Answer:
    """The process answers."""
    return {"status": "ok"}


async def readyz(house: House, ask: Ask) -> Answer:
    """503 while calls would be refused: draining, or no hold can be made durable. Stale exchange
    rates refuse other currencies only, so they are shown and nothing more."""
    trouble = house.ledger.trouble
    reasons = [
        *(["draining"] if house.draining else []),
        *([f"ledger: {trouble}"] if trouble else []),
    ]
    vendors, modules = house.doors.settings.vendors, house.doors.vendors
    rates = house.doors.rates()
    answer = {
        "status": "ok" if not reasons else "unavailable",
        "reasons": reasons,
        "vendors": sorted(vendors),
        "sandbox": sorted(name for name, vendor in vendors.items() if vendor.sandbox),
        "rates": {
            "date": rates.date.isoformat(),
            "age_days": rates.age_days,
            "stale": rates.stale,
        },
        "prices": {name: m.prices_date for name, m in sorted(modules.items()) if m.prices_date},
    }
    return respond(503 if reasons else 200, answer)


async def metrics(house: House, ask: Ask) -> Answer:
    return Response(200, [_TEXT], house.doors.metrics.render())


ROUTES: Final = (
    Route("GET", "/healthz", ANYONE, healthz, "Is the process alive?", "Health"),
    Route("GET", "/readyz", ANYONE, readyz, "May calls be sent here?", "Readiness"),
    Route("GET", "/metrics", ANYONE, metrics, "Counters, in Prometheus' text format", "",
          media=("text/plain",)),
)  # fmt: skip
