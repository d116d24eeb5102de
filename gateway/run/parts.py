"""What of the house is made from the settings alone: at the start, and again at each reload.

Nothing here touches what lives: everything that can go wrong goes wrong here, before any of it is
put in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.call.routes import Routes
from gateway.clock import Clock
from gateway.run.modules import furnished
from gateway.settings import Settings
from vendors.contract import PriceTableMistake, Vendor
from vendors.rates import Rates, RatesMistake


class PartsRefused(Exception):
    """One line: which file the settings name that cannot be used."""


@dataclass(frozen=True, slots=True)
class Parts:
    """rates: as they were read, not yet told what day it is."""

    settings: Settings
    vendors: Mapping[str, Vendor]
    routes: Routes
    rates: Rates

    def rates_by(self, clock: Clock) -> Callable[[], Rates]:
        """What gives the table for today."""
        rates = self.rates
        return lambda: rates.at(clock.now_us())


def make_parts(settings: Settings, known: Mapping[str, Vendor]) -> Parts:
    """known: the vendors' modules. Raises PartsRefused."""
    money = settings.money
    try:
        vendors = furnished(settings.vendors, known)
        rates = Rates.load(money.rates_file, money.rates_margin_percent, money.rates_age_max_days)
    except (PriceTableMistake, RatesMistake) as exc:
        raise PartsRefused(str(exc)) from exc
    return Parts(settings, vendors, _routes(settings, vendors), rates)


def _routes(settings: Settings, vendors: Mapping[str, Vendor]) -> Routes:
    products = {
        name: frozenset(vendor.hosts) | frozenset(vendors[name].products)
        for name, vendor in settings.vendors.items()
    }
    return Routes(vendors, products, settings.server.host_routes)
