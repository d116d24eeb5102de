"""What is held and what is spent. See README.md beside this file."""

from ledger.book import Ledger, Ticket
from ledger.entries import (
    SHARD_SHIFT,
    Amended,
    BudgetTerms,
    Ended,
    Ending,
    Entry,
    Held,
    HoldState,
    Note,
    Noted,
    Opened,
    Parted,
    Restored,
    RetryKey,
    Shed,
    ToppedUp,
)
from ledger.errors import (
    CannotRecord,
    CapExceeded,
    ImpossibleEntry,
    JournalFull,
    JournalUnavailable,
    LedgerError,
    LedgerRefused,
    Limit,
)
from ledger.hold import Hold, Retried
from ledger.settings import Clock, LedgerSettings
from ledger.standing import Standing
from ledger.verify import Report, ShardReport, verify

__all__ = [
    "SHARD_SHIFT",
    "Amended",
    "BudgetTerms",
    "CannotRecord",
    "CapExceeded",
    "Clock",
    "Ended",
    "Ending",
    "Entry",
    "Held",
    "Hold",
    "HoldState",
    "ImpossibleEntry",
    "JournalFull",
    "JournalUnavailable",
    "Ledger",
    "LedgerError",
    "LedgerRefused",
    "LedgerSettings",
    "Limit",
    "Note",
    "Noted",
    "Opened",
    "Parted",
    "Report",
    "Restored",
    "Retried",
    "RetryKey",
    "ShardReport",
    "Shed",
    "Standing",
    "Ticket",
    "ToppedUp",
    "verify",
]
