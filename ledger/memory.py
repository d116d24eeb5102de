"""What is remembered of holds that are gone: under which RetryKey one was settled, and which
refunds gave back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.entries import HoldState, Restored
from ledger.hold import Retried
from ledger.shelf import Shelf

REFUND_MEMORY_US: Final = 90 * 86_400_000_000
"""How long a refund's id is remembered, so that it restores once, and can be undone if it fails."""


class Settled(NamedTuple):
    """What is left of a settled hold that had a RetryKey."""

    hold_id: int
    digest: bytes
    at_us: int
    account_id: int

    def told(self) -> Retried:
        hold_id, digest, at_us, account_id = self
        return Retried(None, hold_id, digest, HoldState.SETTLED, at_us, account_id)


class Remembered(Shelf[bytes, Settled]):
    """By the RetryKey's key."""

    __slots__ = ()

    def forget(self, since_us: int) -> None:
        for key, kept in self.items():
            if kept.at_us <= since_us:
                self.drop(key)


class Refunds(Shelf[str, Restored]):
    """By the refund's id."""

    __slots__ = ()

    def standing(self) -> Iterator[Restored]:
        """Those that gave back and still may be taken back."""
        return (entry for _, entry in self.items() if entry.amount_micros > 0)

    def forget(self, now_us: int) -> None:
        for name, refund in self.items():
            if refund.at_us <= now_us - REFUND_MEMORY_US:
                self.drop(name)
