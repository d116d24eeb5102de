"""A refund gives its cap back: once, to the key's own charge of the day, where the key says so.

Whoever learns that a refund succeeded calls this: the journey from the answer, the reconciler from
a later look."""

from __future__ import annotations

from collections.abc import Callable

from ledger import Hold, HoldState, Ledger
from ledger.history import History
from vendors.contract import GivesBack


def give_back(
    ledger: Ledger,
    history: History,
    back: GivesBack | None,
    refund: Hold,
    tag_of: Callable[[str], str],
) -> None:
    """back: what the refund says of itself, None if it gives nothing. refund: the hold that it was
    made under. tag_of: what the ledger calls an object."""
    if back is None or not refund.restorable:
        return
    for object_id in back.objects:
        for hold in ledger.tagged(tag_of(object_id)):
            same = hold.account_id == refund.account_id and hold.day == refund.day
            if same and not hold.shed:
                room = hold.settled_micros - hold.restored_micros
                if hold.state is HoldState.SETTLED and room > 0:
                    gives = min(room, back.amount_micros)
                    ledger.restore(hold.hold_id, gives, back.refund_id)
                    history.give_back(hold.hold_id, back.refund_id, gives)
                    return
