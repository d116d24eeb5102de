"""What is held and what is spent. See README.md beside this file."""

from ledger.backup import Order, back_up, copies_in
from ledger.book import Ledger, Ticket
from ledger.copies import Copied, CopiedShard, CopyReport, verify_copy
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
    CopyFailed,
    CopyRunning,
    ImpossibleEntry,
    JournalFull,
    JournalUnavailable,
    LedgerError,
    LedgerRefused,
    Limit,
)
from ledger.hold import Hold, Retried
from ledger.journalfile import SQLITE_VERSION
from ledger.settings import Clock, LedgerSettings
from ledger.standing import Standing
from ledger.verify import Report, ShardReport, verify

__all__ = [
    "SHARD_SHIFT",
    "SQLITE_VERSION",
    "Amended",
    "BudgetTerms",
    "CannotRecord",
    "CapExceeded",
    "Clock",
    "Copied",
    "CopiedShard",
    "CopyFailed",
    "CopyReport",
    "CopyRunning",
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
    "Order",
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
    "back_up",
    "copies_in",
    "verify",
    "verify_copy",
]
