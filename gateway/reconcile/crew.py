"""All reconcilers: one per vendor account, fed from the ledger, seen from the admin side.

They are fed by a scan of the ledger's open holds, a bounded piece each second, so that the path of
a call pays nothing for it. A start begins with nothing and the same scan finds everything that the
books know to be open: that is the whole restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from gateway.call.doors import Doors
from gateway.reconcile.cases import Case, key_of
from gateway.reconcile.owners import Owners
from gateway.reconcile.reconciler import Reconciler
from gateway.reconcile.schedule import KIND_OF, REFUND_LOOKS_US, Kind
from gateway.tasks import spawn
from ledger import Hold, HoldState

_log = logging.getLogger("keybrake")

SCAN_EVERY_S: Final = 1.0
SCAN_HOLDS_MAX: Final = 2_000
"""Holds looked at each second: a millisecond of the event loop."""
REFUNDS_EVERY: Final = 60
"""Scans between two looks for refunds that gave back: the first is a day away anyway."""
_OPEN: Final = (HoldState.STANDING, HoldState.PENDING, HoldState.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Watched:
    """How far the looking after a call is. next_look_us: None, nobody looks after it."""

    next_look_us: int | None
    looks: int
    found: str


NOT_WATCHED: Final = Watched(None, 0, "")


@dataclass(frozen=True, slots=True)
class Account:
    """One reconciler as people see it. queue: how many cases of each kind are open. Times are
    budget time, None where there is none."""

    vendor: str
    account: str
    queue: dict[str, int]
    due: int
    next_due_us: int | None
    last_look_us: int | None
    backing_off_until_us: int | None
    asked: int
    last_error: str


class Work(NamedTuple):
    """One account's queue, and how many look-ups there were since the start."""

    vendor: str
    account: str
    queued: int
    asked: int


class NotOpen(Exception):
    """The call has nothing to be looked at, or nobody looks after it. The text says which."""


class Reconcilers:
    """Made once; `start` and `stop`."""

    __slots__ = (
        "_counters",
        "_doors",
        "_ended",
        "_ending",
        "_mates",
        "_owners",
        "_running",
        "_scan",
        "_scanned",
        "_scans",
    )

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._owners = Owners(doors.registry)
        self._counters = doors.metrics.page.counters(
            "keybrake_reconciled_total", "Looks at what is open, by what they came to.", "outcome"
        )
        self._mates: dict[tuple[str, str], Reconciler] = {}
        self._scanned: Iterator[Hold] = doors.ledger.open_holds(*_OPEN)
        self._scans = 0
        self._scan: asyncio.Task[None] | None = None
        self._running: dict[Reconciler, asyncio.Task[None]] = {}
        self._ending: list[asyncio.Task[None]] = []
        self._ended = False
        self._man()

    # -- living ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Once calls are served."""
        self._scan = spawn(self._scan_on(), name="reconcile-scan")
        self._set_to_work()

    def renew(self) -> None:
        """The doors have other settings now: accounts may have come, changed or gone. Of one that
        is gone the look under way is ended; what is open of it counts on unseen."""
        self._man()
        if self._scan is not None and not self._ended:
            self._set_to_work()

    def _man(self) -> None:
        """One mate for each account that is looked after; those that are there stay."""
        doors, mates = self._doors, self._mates
        self._mates = {}
        if doors.settings.reconciler.enabled:
            for name, vendor in doors.settings.vendors.items():
                for account in vendor.accounts:
                    mate = mates.get((name, account))
                    if mate is not None:
                        mate.renew()
                    self._mates[name, account] = mate or Reconciler(
                        doors, doors.vendors[name], account, self._owners, self._counters
                    )

    def _set_to_work(self) -> None:
        if self._mates:
            self._tell_of_orphans()
        wanted = set(self._mates.values())
        for mate in [mate for mate in self._running if mate not in wanted]:
            task = self._running.pop(mate)
            task.cancel()
            self._ending.append(task)
        self._ending = [task for task in self._ending if not task.done()]
        for mate in wanted - self._running.keys():
            name = f"reconcile-{mate.vendor}-{mate.account}"
            self._running[mate] = spawn(mate.run(), name=name)

    def _tell_of_orphans(self) -> None:
        """Of an account that was taken out of the settings, what is open counts on unseen."""
        holds = self._doors.ledger.open_holds(*_OPEN)
        orphans = sum(self._mate_of(hold.account_id) is None for hold in holds)
        if orphans:
            _log.warning(
                "%d holds are open of accounts that are not in the settings: nobody looks after "
                "them, and they count until resolved by hand",
                orphans,
            )

    async def stop(self) -> None:
        """For good: no look of its own is under way when this returns, and none begins. What was
        booked stays booked."""
        self._ended = True
        tasks = [*self._ending, *self._running.values()]
        self._ending, self._running = [], {}
        if self._scan is not None:
            tasks.append(self._scan)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _scan_on(self) -> None:
        while True:
            self.scan()
            await asyncio.sleep(SCAN_EVERY_S)

    def scan(self, holds_max: int = SCAN_HOLDS_MAX) -> None:
        """Feed the next holds, in a round over all that are open; each a dictionary look-up."""
        seen = 0
        for hold in islice(self._scanned, holds_max):
            seen += 1
            mate = self._mate_of(hold.account_id)
            if mate is not None and hold.state in KIND_OF:
                mate.cases.feed(hold)
        if seen < holds_max:
            self._scanned = self._doors.ledger.open_holds(*_OPEN)
        if self._scans % REFUNDS_EVERY == 0:
            self._scan_refunds()
        self._scans += 1

    def _scan_refunds(self) -> None:
        now_us = self._doors.clock.now_us()
        for restored in self._doors.ledger.restored():
            mate = self._mate_of(restored.account_id)
            fresh = now_us - restored.at_us <= REFUND_LOOKS_US
            if mate is not None and fresh and restored.amount_micros > 0:
                mate.cases.feed_refund(restored, now_us)

    # -- seen from the admin side ----------------------------------------------------------------

    def watched(self, hold: Hold) -> Watched:
        mate = self._mate_of(hold.account_id)
        case = None if mate is None else mate.cases.get(key_of(hold))
        return NOT_WATCHED if case is None else Watched(case.due_us, case.looks, case.found)

    def accounts(self) -> list[Account]:
        """In the order of the settings."""
        return [self._account(mate) for mate in self._mates.values()]

    async def look_now(self, call_id: str) -> str:
        """Ask the vendor about this call, whatever the schedule says. What was found, in words.
        Raises NotOpen."""
        if self._ended:
            raise NotOpen("the gateway is draining")
        holds = [h for h in self._doors.ledger.open_holds(*_OPEN) if h.memo_ref == call_id]
        if not holds:
            raise NotOpen("nothing of it is open")
        mate = self._mate_of(holds[-1].account_id)
        if mate is None:
            raise NotOpen(
                "nobody looks after its account: it is not in the settings, "
                "or reconciler.enabled is off"
            )
        for hold in holds:
            mate.cases.feed(hold)
        case = mate.cases.get(key_of(holds[-1]))
        assert case is not None, "it was fed just now"
        return await mate.look_now(case)

    def _mate_of(self, account_id: int) -> Reconciler | None:
        owner = self._owners.of(account_id)
        return self._mates.get((owner.vendor, owner.account))

    def _account(self, mate: Reconciler) -> Account:
        now_us, now_s = self._doors.clock.now_us(), self._doors.loop.time()
        live = [case for case in mate.cases if self._lives(case)]
        until_s = mate.asker.pace.until_s
        backing_off = until_s > now_s
        return Account(
            mate.vendor,
            mate.account,
            {kind.value: sum(case.kind is kind for case in live) for kind in Kind},
            sum(case.due_us <= now_us for case in live),
            min((case.due_us for case in live), default=None),
            mate.last_look_us,
            now_us + round((until_s - now_s) * 1_000_000) if backing_off else None,
            mate.asker.asked,
            mate.asker.last_error,
        )

    def _lives(self, case: Case) -> bool:
        """What ended since its last look leaves the queue when it comes up."""
        if case.key.what == "refund":
            return True
        found = (self._doors.ledger.find(hold_id) for hold_id in case.holds)
        return any(h is not None and h.state in KIND_OF and key_of(h) == case.key for h in found)

    def work(self) -> list[Work]:
        """For the metrics."""
        return [
            Work(mate.vendor, mate.account, len(mate.cases), mate.asker.asked)
            for mate in self._mates.values()
        ]
