"""What a call needs of the rest of the house, in one place: made once by `gateway/run/app.py`.

A few of the doors are changed while calls go through them: `gateway/run/reload.py` puts in what new
settings made, all in one step of the loop. So a call takes what it must keep to its end (its vendor
module, the way to its account, its place in the line) into its journey before it first waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.call.guesses import Guesses
from gateway.call.journey import Journey
from gateway.call.lanes import Lanes
from gateway.call.retries import Retries
from gateway.call.routes import Routes
from gateway.call.turns import Turns
from gateway.call.turnstile import Turnstile
from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.upstream.upstreams import Upstreams
from gateway.vault.registry import Registry
from ledger import Ledger
from ledger.history import History
from vendors.contract import Vendor
from vendors.rates import Rates


def untold(journey: Journey) -> None:
    """Where no line is wanted."""


@dataclass(slots=True)
class Doors:
    """rates: the table for today's date. turnstiles: by vendor and account. call_ended: hears of
    each call that has a row in the audit log. A reload changes settings, vendors, routes,
    turnstiles, rates and call_ended, and nobody else changes anything."""

    settings: Settings
    loop: asyncio.AbstractEventLoop
    clock: Clock
    vendors: Mapping[str, Vendor]
    routes: Routes
    registry: Registry
    ledger: Ledger
    history: History
    upstreams: Upstreams
    lanes: Lanes
    turns: Turns
    retries: Retries
    turnstiles: Mapping[tuple[str, str], Turnstile]
    guesses: Guesses
    metrics: Metrics
    rates: Callable[[], Rates]
    call_ended: Callable[[Journey], None] = untold
