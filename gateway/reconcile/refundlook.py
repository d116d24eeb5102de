"""A look at a refund that gave back to a cap: has it failed after all?

With `refunds_restore_cap` a refund gives back once it has succeeded. A bank may still turn it down,
days later; then what it gave is taken back. So it is read again each day for thirty days.
"""

from __future__ import annotations

import logging

from gateway.call.remarks import Remark, remark_of
from gateway.reconcile.asking import Unanswered
from gateway.reconcile.cases import Case
from gateway.reconcile.desk import UNANSWERED, Desk, Looked
from gateway.reconcile.schedule import REFUND_LOOKS_US
from ledger import CannotRecord, Restored
from vendors.contract import End
from vendors.money import show_usd
from vendors.rates import USD

_log = logging.getLogger("keybrake")


class RefundLook:
    """One account's."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self, case: Case) -> Looked | None:
        """None: it is old enough to be believed, or was taken back already."""
        desk, restored = self._desk, case.restored
        assert restored is not None
        if desk.now_us() - restored.at_us > REFUND_LOOKS_US or not self._stands(restored):
            return None
        lookup = desk.vendor.object_lookup(restored.refund_id)
        if lookup is None:
            return Looked("the vendor offers no way to read it again")
        hold = desk.doors.ledger.find(restored.hold_id)  # kept on the day it was made
        remark = Remark(USD) if hold is None else remark_of(hold)
        try:
            answer = await desk.asker.ask(lookup, remark.account_headers())
        except Unanswered as exc:
            return Looked(str(exc), UNANSWERED, answered=False, again=True)
        rate = remark.rate
        outcome = desk.vendor.reread(restored.refund_id, rate, restored.amount_micros, answer)
        if outcome.end is not End.RELEASED:
            return Looked(outcome.why or "it stands")
        return await self._take_back(restored)

    async def _take_back(self, restored: Restored) -> Looked:
        desk, refund_id = self._desk, restored.refund_id
        ticket = desk.doors.ledger.restore(restored.hold_id, -restored.amount_micros, refund_id)
        desk.doors.history.give_back(restored.hold_id, refund_id, 0)
        amount = show_usd(restored.amount_micros)
        _log.warning("refund %s failed: the %s USD it gave back are taken back", refund_id, amount)
        try:
            await ticket.durable()
        except CannotRecord as exc:
            return Looked(f"it failed and is taken back, not on disk yet: {exc}", again=True)
        return Looked("it failed: what it gave back is taken back", "refund_failed")

    def _stands(self, restored: Restored) -> bool:
        """Do the books still count what it gave back?"""
        return any(
            one.refund_id == restored.refund_id and one.amount_micros > 0
            for one in self._desk.doors.ledger.restored()
        )
