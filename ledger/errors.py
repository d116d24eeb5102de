"""Every way in which the ledger says no. Each is a type of its own, so that callers can answer each
in their own way."""

from __future__ import annotations

from enum import Enum

from ledger.standing import Standing


class Limit(Enum):
    """Which of a budget's caps was reached."""

    DAILY = "daily"
    TOTAL = "total"
    UNITS = "units"


class LedgerError(Exception):
    """What all of these are."""


class CapExceeded(LedgerError):
    """The hold would pass a cap. account_id: whose cap (the account itself, or its parent);
    standing: that budget as it stands."""

    def __init__(self, limit: Limit, account_id: int, standing: Standing) -> None:
        super().__init__(f"the {limit.value} cap of account {account_id} would be passed")
        self.limit = limit
        self.account_id = account_id
        self.standing = standing


class ImpossibleEntry(LedgerError):
    """The entry contradicts the books: an unknown hold, a transition that does not exist, a
    negative figure. Nothing was changed."""


class CannotRecord(LedgerError):
    """What was asked for cannot be made durable now."""


class JournalFull(CannotRecord):
    """No room on the disk. A hold was taken back; anything else is applied, and stays queued in
    order."""


class JournalUnavailable(CannotRecord):
    """The journal is stalled or dead. Nothing may be forwarded on the strength of this entry."""


class CopyFailed(LedgerError):
    """No copy of the books was made, and nothing half-made is left. The text is one line for the
    operator."""


class CopyRunning(CopyFailed):
    """One copy at a time."""


class LedgerRefused(LedgerError):
    """The ledger will not open. The text is one line for the operator."""
