"""How much is open, for the metrics: holds by vendor and state, counted a bounded piece each
second.

A scrape must not walk over all holds of the books, and calls pay nothing for being counted. So a
task goes round, as the reconcilers' scan does, and shows the figures of its last whole round: they
are as old as the round is long, a second for each 2,000 holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gateway.clock import Clock
from gateway.metrics import Page, Series, usd
from gateway.reconcile.owners import Owners
from gateway.vault.registry import Registry
from ledger import Hold, HoldState, Ledger

EVERY_S: Final = 1.0
HOLDS_MAX: Final = 2_000
"""Holds counted each time: a millisecond of the event loop."""
STATES: Final = {
    HoldState.OPEN: "held",
    HoldState.STANDING: "standing",
    HoldState.PENDING: "pending",
    HoldState.IN_DOUBT: "in_doubt",
}


@dataclass(slots=True)
class Tally:
    """Living. oldest_us: when the oldest of them was made, budget time."""

    holds: int = 0
    micros: int = 0
    oldest_us: int | None = None


Tallies = dict[tuple[str, str], Tally]
"""By vendor and state."""


class Census:
    """`run` it; `show` puts its figures on the page."""

    __slots__ = ("_clock", "_ledger", "_owners", "_round", "_rounding", "latest")

    def __init__(self, ledger: Ledger, registry: Registry, clock: Clock) -> None:
        self._ledger = ledger
        self._owners = Owners(registry)
        self._clock = clock
        self._round: Iterator[Hold] = ledger.open_holds()
        self._rounding: Tallies = {}
        self.latest: Tallies = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self.count()
            await asyncio.sleep(EVERY_S)

    def count(self, holds_max: int = HOLDS_MAX) -> None:
        """The next holds; at the end of a round its figures are the latest ones."""
        seen = 0
        for hold in islice(self._round, holds_max):
            seen += 1
            if hold.state in STATES and not hold.shed:  # what was shed counts with another hold
                self._add(hold)
        if seen < holds_max:
            self.latest, self._rounding = self._rounding, {}
            self._round = self._ledger.open_holds()

    def _add(self, hold: Hold) -> None:
        vendor = self._owners.of(hold.account_id).vendor
        tally = self._rounding.setdefault((vendor, STATES[hold.state]), Tally())
        tally.holds += 1
        tally.micros += hold.open_micros
        if tally.oldest_us is None or hold.at_us < tally.oldest_us:
            tally.oldest_us = hold.at_us

    def show(self, page: Page) -> None:
        labels = ("vendor", "state")
        page.family("gauge", "keybrake_open_holds", "Holds that are open.", labels, self._holds)
        page.family("gauge", "keybrake_open_usd", "What open holds count for.", labels, self._usd)
        page.family(
            "gauge",
            "keybrake_open_oldest_seconds",
            "Age of the oldest open hold.",
            labels,
            self._ages,
        )

    def _holds(self) -> list[Series]:
        return [(name, tally.holds) for name, tally in sorted(self.latest.items())]

    def _usd(self) -> list[Series]:
        return [(name, usd(tally.micros)) for name, tally in sorted(self.latest.items())]

    def _ages(self) -> list[Series]:
        now_us = self._clock.now_us()
        return [
            (name, (now_us - (tally.oldest_us or now_us)) / 1_000_000)
            for name, tally in sorted(self.latest.items())
        ]
