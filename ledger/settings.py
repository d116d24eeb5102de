"""What the ledger needs from whoever opens it, as shapes: its settings and a clock. The gateway's
own types fit."""

from __future__ import annotations

from typing import Protocol


class LedgerSettings(Protocol):
    @property
    def shards(self) -> tuple[str, ...]:
        """`sqlite:PATH`, one journal each, all in one directory."""

    @property
    def synchronous(self) -> str:
        """FULL: a hold survives power loss. NORMAL: it survives a crash of the process only."""

    @property
    def checkpoint_entries(self) -> int:
        """Entries after which the books are written whole and older entries move to an archive."""

    @property
    def stall_refuse_s(self) -> float:
        """A commit that takes longer: new holds are refused until it is back."""

    @property
    def stall_exit_s(self) -> float:
        """A commit that takes longer: the ledger is given up."""

    @property
    def reserve_bytes(self) -> int:
        """Kept free beside each journal, so that endings still fit on a full disk."""

    @property
    def retry_memory_h(self) -> int:
        """How long a RetryKey keeps its hold."""


class Clock(Protocol):
    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC; never goes back."""

    def begin_at_us(self, last_journaled_us: int) -> int:
        """Never be earlier than this. Returns by how much the clock was moved on."""
