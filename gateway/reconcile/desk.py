"""What every look needs: one vendor account's module, asker and schedule, the books, and the one
way in which a look changes them.

Whatever is booked here is a journal entry with its evidence, is on disk before the look is over,
and shows in the audit log, the metrics and the log.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.call import objects
from gateway.call.doors import Doors
from gateway.call.restores import give_back
from gateway.metrics import Counters
from gateway.reconcile.asking import Asker
from gateway.reconcile.owners import Owners
from gateway.reconcile.plans import Plan, whole
from gateway.reconcile.schedule import Schedule
from ledger import CannotRecord, Ending, Hold, HoldState, ImpossibleEntry, Shed
from ledger.history import Filters
from vendors.contract import GivesBack, Outcome, Vendor
from vendors.money import show_usd

_log = logging.getLogger("keybrake")

NOTHING_NEW: Final = "nothing_new"
UNANSWERED: Final = "unanswered"
ROWS_MAX: Final = 20
"""Calls about one object that the audit log is asked for."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a hold went on as it did. how: for people. target, status: what was asked last, and what
    it answered. object_id: of the object that a call in doubt made or was about, '' if none."""

    how: str
    target: str = ""
    status: int | None = None
    object_id: str = ""

    def memo(self, at_us: int) -> bytes:
        told: dict[str, Any] = {"how": self.how, "at_us": at_us}
        if self.target:
            told["target"] = self.target
        if self.status is not None:
            told["status"] = self.status
        facts: dict[str, Any] = {"reconciled": told}
        if self.object_id:
            facts["object_id"] = self.object_id
        return orjson.dumps(facts)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to. found: in words. counts: under which name it is counted. answered: did
    the vendor say anything? again: something stood in the way, so it comes up again soon."""

    found: str
    counts: str = NOTHING_NEW
    answered: bool = True
    again: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """One account's. began_us: when it was set up, at the start of the process or later."""

    doors: Doors
    vendor: Vendor
    account: str
    asker: Asker
    schedule: Schedule
    owners: Owners
    counters: Counters
    began_us: int

    def now_us(self) -> int:
        return self.doors.clock.now_us()

    def tag(self, object_id: str) -> str:
        return f"{self.vendor.name}/{self.account}/{object_id}"

    def holds(self, tag: str) -> tuple[list[Hold], list[Hold]]:
        """An object's holds that live, and those of its calls in doubt, both oldest first."""
        held = self.doors.ledger.tagged(tag)
        return objects.alive(held), [hold for hold in held if hold.state is HoldState.IN_DOUBT]

    def whole(
        self, outcome: Outcome, known: Sequence[Hold], doubts: Sequence[Hold], tag: str, memo: bytes
    ) -> Plan:
        """`plans.whole`, with the issuers' budgets as the keys know them."""
        return whole(outcome, known, doubts, tag, memo, self.owners.parent)

    async def settled(self, name: str) -> int:
        """What the calls count for that are over and were about this object, by its name in the
        audit log: whoever saw it through has booked it, and the ledger has forgotten. Raises
        Trouble."""
        history = self.doors.history
        await history.flush()
        filters = Filters(object_id=name, vendor=self.vendor.name, account=self.account)
        rows = await history.calls(filters, ROWS_MAX)
        return sum(row["cost_micros"] for row in rows if row["state"] == HoldState.SETTLED.value)

    async def book(self, plan: Plan, evidence: Evidence) -> str | None:
        """Book it, durably. What comes after the first group is left for a later look if that is
        not on disk. None: done; otherwise why not. The plan was made in this very step."""
        try:
            if plan.first:
                await self._group(plan.first)
            for ending in plan.then:
                await self._group((ending,))
        except ImpossibleEntry as exc:
            return f"it went on in another way meanwhile: {exc}"
        except CannotRecord as exc:
            self._tell(plan, evidence)
            return f"it is booked and not on disk yet: {exc}"
        self._tell(plan, evidence)
        return None

    async def _group(self, entries: Sequence[Ending | Shed]) -> None:
        ticket = self.doors.ledger.book(entries, now_us=self.now_us())
        self.doors.history.follow(entries)
        await ticket.durable()

    def _tell(self, plan: Plan, evidence: Evidence) -> None:
        for ending in (*plan.first, *plan.then):
            if isinstance(ending, Ending):
                amount = show_usd(ending.settled_micros + ending.standing_micros)
                _log.info(
                    "reconciled: hold %d is %s at %s USD (%s)",
                    ending.hold_id,
                    ending.state.value,
                    amount,
                    evidence.how,
                )
        if plan.drift_micros > 0:
            self.doors.metrics.drift.value += plan.drift_micros
            amount = show_usd(plan.drift_micros)
            _log.warning("drift: %s cost %s more than was held", _named(plan, evidence), amount)

    def give_back(self, back: GivesBack | None, refund: Hold) -> None:
        """A refund that was in doubt and succeeded. refund: the hold that it was made under."""
        give_back(self.doors.ledger, self.doors.history, back, refund, self.tag)


def said(outcome: Outcome, how: str) -> str:
    """An outcome in words."""
    total = show_usd(outcome.settled_micros + outcome.standing_micros)
    return f"{outcome.end.value} at {total} USD: {how}"


def _named(plan: Plan, evidence: Evidence) -> str:
    return evidence.object_id or ", ".join(f"hold {entry.hold_id}" for entry in plan.first)
