"""What a call needs of the rest of the house, in one place: made once by `gateway/run/app.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.call.guesses import Guesses
from gateway.call.retries import Retries
from gateway.call.routes import Routes
from gateway.call.turns import Turns
from gateway.call.turnstile import Turnstile
from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.upstream.pool import Upstreams
from gateway.vault.registry import Registry
from ledger import Ledger
from ledger.history import History
from vendors.contract import Vendor
from vendors.rates import Rates


@dataclass(frozen=True, slots=True)
class Doors:
    """rates: the table for today's date. turnstiles: by vendor and account."""

    settings: Settings
    loop: asyncio.AbstractEventLoop
    clock: Clock
    vendors: Mapping[str, Vendor]
    routes: Routes
    registry: Registry
    ledger: Ledger
    history: History
    upstreams: Upstreams
    turns: Turns
    retries: Retries
    turnstiles: Mapping[tuple[str, str], Turnstile]
    guesses: Guesses
    metrics: Metrics
    rates: Callable[[], Rates]
