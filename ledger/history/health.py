"""How the vendors answer: per account, the latest calls' latency and failures.

Read from the newest calls themselves, HEALTH_CALLS at most, so that a busy hour costs no more than
a quiet one: then they are the last of it, and the answer says how far back they go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.history.file import File

HEALTH_CALLS: Final = 5_000
"""Rows that are read: enough for a p99 of each account, some fifty milliseconds."""

_ALLOWED: Final = (
    'SELECT vendor, account, at_us, duration_ms, status, "count" AS calls, code '
    "FROM calls INDEXED BY calls_by_decision WHERE decision = 'allowed' AND at_us >= ? "
    "ORDER BY at_us DESC LIMIT ?"
)
_RANKED: Final = (
    "SELECT *, cume_dist() OVER "
    "(PARTITION BY vendor, account, duration_ms IS NULL ORDER BY duration_ms) AS share "
    f"FROM ({_ALLOWED}) WHERE vendor IS NOT NULL AND account IS NOT NULL"
)
_HEALTH: Final = (
    "SELECT vendor, account, sum(calls), "
    "coalesce(sum(calls) FILTER (WHERE status >= 500), 0), "
    "coalesce(sum(calls) FILTER (WHERE status >= 400 AND status < 500), 0), "
    "min(duration_ms) FILTER (WHERE share >= 0.5), min(duration_ms) FILTER (WHERE share >= 0.99), "
    "min(at_us), max(at_us) "
    f"FROM ({_RANKED}) GROUP BY vendor, account ORDER BY vendor, account"
)


@dataclass(frozen=True, slots=True)
class VendorHealth:
    """One vendor account's latest calls, refused ones left out. failed: answered with 500 or more,
    by the vendor or in its place. turned_down: with 400 to 499. p50_ms, p99_ms: None where no call
    tells how long it took. first_at_us: the oldest call that was read."""

    vendor: str
    account: str
    calls: int
    failed: int
    turned_down: int
    p50_ms: int | None
    p99_ms: int | None
    first_at_us: int
    last_at_us: int


class Health:
    """Over one read-only connection. Raises Trouble when the file gives nothing."""

    __slots__ = ("_file",)

    def __init__(self, file: File) -> None:
        self._file = file

    async def vendor_health(self, since_us: int) -> list[VendorHealth]:
        """Of the calls since then, the latest HEALTH_CALLS; by vendor and account."""
        rows = await self._file.fetch(_HEALTH, (since_us, HEALTH_CALLS))
        return [VendorHealth(*row) for row in rows]
