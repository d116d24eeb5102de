"""SIGHUP: the settings are read again and put in force without a restart.

All that can go wrong is done first, in a thread: files are read, tables parsed, certificates
loaded. A mistake anywhere is one line in the log with all mistakes, and nothing has changed. Then
everything is swapped in one step of the loop, with no await in it, so a call sees the old house or
the new one and never half of each:

    what is swapped        why calls that are under way stay whole
    vendors' modules,      a journey holds its module from its first step to its settling: what was
    price tables           quoted by one table is settled by the same
    exchange rates         a quote's own rate stands in its hold's remark; a new table is like a
                           new day
    ways to the vendors    a journey holds its `Upstream`. One whose credentials, host, limits or
                           certificates changed is retired: what holds it sends and ends there
                           with the old credentials, and its connections are closed. The others
                           keep their warm connections
    turnstiles             changed in place: who is inside counts, who waits goes on waiting
    routes, limits,        read at each request or connection, and kept by a body that is being
    deadlines              read under them
    reconcilers            each keeps its queue and its turn; a look under way ends as it began
    admin key, log         from the next request and line on

Holds know their price, day and budget by themselves, and the books are not touched: for money a
reload is less than a restart, which every hold survives. A key whose account is gone is refused as
it would be after one (403 `vendor_mismatch`); what is open of it counts on.

What cannot change while we run (sockets, books, a stand-in that is not there) is named in one
warning, and the rest is applied.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.admin.api import AdminApi
from gateway.call.doors import Doors
from gateway.call.proxy import Proxy
from gateway.call.turnstile import Turnstile
from gateway.http.server import Server
from gateway.reconcile.crew import Reconcilers
from gateway.run import calllines, log
from gateway.run.adminkey import digest_of
from gateway.run.changes import changes, keeping_fixed
from gateway.run.layers import ConfigMistakes
from gateway.run.parts import Parts, PartsRefused, make_parts
from gateway.run.sandbox import led_back
from gateway.run.systemd import Notifier
from gateway.settings import Settings
from gateway.upstream.pool import Upstream
from vendors.contract import Vendor

_log = logging.getLogger("keybrake")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything new, made and not yet in force. waits: names of settings that need a restart."""

    parts: Parts
    upstreams: Mapping[tuple[str, str], Upstream]
    changed: list[str]
    waits: list[str]


@dataclass(slots=True)
class Reloads:
    """What became of them, for the metrics."""

    applied: int = 0
    refused: int = 0
    last_was_applied: bool = True
    applied_at_s: float = 0.0


class Reloader:
    """`asked` at each SIGHUP; `run` does them one after the other, and two that come at once are
    one. read: reads the settings, as the start did; raises ConfigMistakes."""

    def __init__(
        self,
        began: Settings,
        known: Mapping[str, Vendor],
        read: Callable[[], Settings],
        notifier: Notifier,
    ) -> None:
        self._began = began
        self._known = known
        self._read = read
        self._notifier = notifier
        self._asked = asyncio.Event()
        self.reloads = Reloads(applied_at_s=time.time())

    def asked(self) -> None:
        self._asked.set()

    async def run(self, house: Renewable) -> None:
        """Until it is cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._notifier.reloading()
            self._notifier.ready(await self.reload(house))

    async def reload(self, house: Renewable) -> str:
        """Once. What became of it, in a line."""
        reloads = self.reloads
        try:
            prepared = await asyncio.to_thread(self._prepare, house.doors)
        except (ConfigMistakes, PartsRefused, OSError) as exc:
            mistakes = exc.mistakes if isinstance(exc, ConfigMistakes) else (str(exc),)
            return self._refused(mistakes)
        except Exception:  # whoever waits for READY=1 must hear it, and the next reload may go well
            _log.exception("making what the settings say failed inside the gateway")
            return self._refused(("a fault of ours, see above",))
        house.renew(prepared)
        _tell(prepared)
        reloads.applied += 1
        reloads.last_was_applied = True
        reloads.applied_at_s = time.time()
        return "serving; settings reloaded"

    def _refused(self, mistakes: Sequence[str]) -> str:
        _log.error(
            "the settings were not reloaded, the old ones stay in force",
            extra={"mistakes": list(mistakes)},
        )
        self.reloads.refused += 1
        self.reloads.last_was_applied = False
        return f"serving; settings not reloaded, mistakes: {len(mistakes)}, see the log"

    def _prepare(self, doors: Doors) -> Prepared:
        """In a thread: reads, and changes nothing. Raises ConfigMistakes, PartsRefused, OSError."""
        now = doors.settings
        wanted, missing = led_back(self._began, now, self._read(), self._known)
        settings = keeping_fixed(now, wanted)
        parts = make_parts(settings, self._known)
        return Prepared(
            parts,
            doors.upstreams.prepared(settings.vendors, parts.vendors),
            changes(now, settings),
            [*changes(settings, wanted), *missing],
        )


@dataclass(slots=True)
class Renewable:
    """What of the house is renewed, beside what finds it through the doors. opened: tells the admin
    side again how callers reach us."""

    doors: Doors
    proxy: Proxy
    admin: AdminApi
    reconcilers: Reconcilers
    servers: Sequence[Server]

    def renew(self, prepared: Prepared) -> None:
        """The one step."""
        doors, parts = self.doors, prepared.parts
        settings = parts.settings
        doors.upstreams.renew(prepared.upstreams)
        doors.turnstiles = _turnstiles(doors, settings)
        doors.vendors = parts.vendors
        doors.routes = parts.routes
        doors.rates = parts.rates_by(doors.clock)
        doors.settings = settings
        doors.guesses.per_minute = settings.server.guesses_per_minute
        self.proxy.renew()
        for server in self.servers:
            server.renew(settings.server)
        self.reconcilers.renew()
        self.admin.renew(settings, digest_of(settings))
        log.set_up(settings.log.level, settings.log.format)
        doors.call_ended = calllines.teller(settings.log)


def _turnstiles(doors: Doors, settings: Settings) -> dict[tuple[str, str], Turnstile]:
    """Those that are there stay, with who is inside."""
    made: dict[tuple[str, str], Turnstile] = {}
    for name, vendor in settings.vendors.items():
        for account in vendor.accounts:
            turnstile = doors.turnstiles.get((name, account))
            if turnstile is None:
                turnstile = Turnstile(vendor, doors.loop)
            else:
                turnstile.renew(vendor)
            made[name, account] = turnstile
    return made


def _tell(prepared: Prepared) -> None:
    if prepared.waits:
        _log.warning("some settings need a restart", extra={"settings": prepared.waits})
    facts: dict[str, Any] = {"changed": prepared.changed}
    _log.info("the settings were reloaded", extra=facts)
