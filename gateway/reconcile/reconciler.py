"""One vendor account's reconciler: takes the case that is due, has it looked at, and says when it
comes up again.

It only reads at the vendor, one look at a time, at a rate of its own. A look that fails for a
reason nobody foresaw is logged and comes up again in an hour; it never ends the task.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.call.doors import Doors
from gateway.metrics import Counters
from gateway.reconcile.asking import Asker
from gateway.reconcile.cases import Case, Cases
from gateway.reconcile.desk import Desk, Looked
from gateway.reconcile.doubtlook import DoubtLook
from gateway.reconcile.objectlook import ObjectLook
from gateway.reconcile.owners import Owners
from gateway.reconcile.refundlook import RefundLook
from gateway.reconcile.schedule import AGAIN_US, HOUR_US, KIND_OF, Kind, Schedule
from ledger import Hold
from ledger.history import Trouble
from vendors.contract import Vendor

_log = logging.getLogger("keybrake")

IDLE_S: Final = 1.0
"""How long the task waits before it looks at the clock again."""


class Reconciler:
    """Living. cases: its queue."""

    __slots__ = (
        "_began_us",
        "_desk",
        "_doors",
        "_doubts",
        "_given",
        "_made_of",
        "_objects",
        "_refunds",
        "_turn",
        "account",
        "asker",
        "cases",
        "last_look_us",
        "vendor",
    )

    def __init__(
        self, doors: Doors, vendor: Vendor, account: str, owners: Owners, counters: Counters
    ) -> None:
        self._doors = doors
        self.vendor = vendor.name
        self.account = account
        self.cases = Cases(Schedule.of(doors.settings.reconciler))
        self._given: dict[str, str] = {}
        self._turn = asyncio.Lock()
        self._began_us = doors.clock.now_us()
        self.last_look_us: int | None = None
        self._furnish(vendor, owners, counters, 0)

    def _furnish(self, vendor: Vendor, owners: Owners, counters: Counters, asked: int) -> None:
        doors, settings = self._doors, self._doors.settings.reconciler
        self._made_of = (doors.upstreams.account(self.vendor, self.account), vendor, settings)
        schedule = Schedule.of(settings)
        self.asker = Asker(self._made_of[0], settings.calls_per_second_max, doors.loop, asked)
        self._desk = Desk(
            doors, vendor, self.account, self.asker, schedule, owners, counters, self._began_us
        )
        self._objects = ObjectLook(self._desk)
        self._doubts = DoubtLook(self._desk, self.cases, self._given)
        self._refunds = RefundLook(self._desk)

    def renew(self) -> None:
        """The doors have other settings now. The queue stays; a look that is under way ends as it
        began, and the next one waits for it as ever."""
        doors, desk = self._doors, self._desk
        vendor = doors.vendors[self.vendor]
        upstream = doors.upstreams.account(self.vendor, self.account)
        if (upstream, vendor, doors.settings.reconciler) != self._made_of:
            self._furnish(vendor, desk.owners, desk.counters, self.asker.asked)
            self.cases.schedule = desk.schedule

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            if not await self.turn():
                await asyncio.sleep(IDLE_S)

    async def turn(self) -> bool:
        """Look at the case that has been due for longest. False: there is none, or neither the
        vendor nor the ledger is to be asked now."""
        async with self._turn:
            case = self.cases.due(self._desk.now_us())
            if case is None or self._must_wait():
                return False
            await self._look(case)
            return True

    async def look_now(self, case: Case) -> str:
        """Somebody asks for it. What was found, in words."""
        async with self._turn:
            await self._look(case)
            return case.found

    def _must_wait(self) -> bool:
        backing_off = self.asker.pace.backing_off(self._doors.loop.time())
        return backing_off or self._doors.ledger.trouble is not None

    async def _look(self, case: Case) -> None:
        try:
            looked = await self._look_at(case)
        except Trouble as exc:
            looked = Looked(f"the audit log cannot be read: {exc}", again=True)
        except Exception:
            _log.exception("looking at %s %s failed", *case.key)
            case.found = "the look failed inside the gateway"
            self.cases.put(case, self._desk.now_us() + HOUR_US)
            return
        now_us = self._desk.now_us()
        self.last_look_us = now_us
        if looked is None:
            self.cases.drop(case)
            return
        self._desk.counters[looked.counts].value += 1
        case.looks += 1
        case.found = looked.found
        if looked.answered:
            case.looked_us = now_us
        self._plan_next(case, looked, now_us)

    async def _look_at(self, case: Case) -> Looked | None:
        if case.key.what == "object":
            return await self._objects.look(case.key.name)
        if case.key.what == "call":
            return await self._doubts.look(case)
        return await self._refunds.look(case)

    def _plan_next(self, case: Case, looked: Looked, now_us: int) -> None:
        """When it comes up again: at the first step of any ladder that its holds are on."""
        if case.restored is not None:
            due_us = self._desk.schedule.next_us(Kind.REFUND, case.born_us, case.looked_us)
        else:
            open_holds = self._open(case)
            if not open_holds:
                self.cases.drop(case)
                return
            first = min(open_holds, key=lambda hold: self._next_us(case, hold))
            due_us = self._next_us(case, first)
            case.kind, case.born_us = KIND_OF[first.state], first.at_us
        self.cases.put(case, now_us + AGAIN_US if looked.again else due_us)

    def _next_us(self, case: Case, hold: Hold) -> int:
        kind = KIND_OF[hold.state]
        listed_us = case.listed_us if kind is Kind.IN_DOUBT else None
        return self._desk.schedule.next_us(kind, hold.at_us, case.looked_us, listed_us)

    def _open(self, case: Case) -> list[Hold]:
        """The holds of the case that are open in the ledger now."""
        if case.key.what == "object":
            known, doubts = self._desk.holds(case.key.name)
            return [*known, *doubts]
        found = (self._doors.ledger.find(hold_id) for hold_id in case.holds)
        return [h for h in found if h is not None and h.state in KIND_OF and not h.tag]
