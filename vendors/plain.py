"""What a vendor module answers where its vendor has nothing special: a base to build one on.

A vendor whose paths name no account, whose links need no change, whose prices are not in a table,
whose bodies are small, whose objects hold no money between calls and whose listings tell nothing,
inherits `Plain` and writes only what it does have. See `docs/new-vendor.md` for a worked example.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from vendors.contract import (
    Answer,
    Doubt,
    End,
    Findings,
    Links,
    Lookup,
    Operation,
    Outcome,
    PriceTableMistake,
    Reading,
    Sent,
    StreamReader,
    Vendor,
)
from vendors.rates import Rate, Rates


class Plain:
    """Defaults for `vendors.contract.Vendor`. No state."""

    __slots__ = ()

    @property
    def products(self) -> Mapping[str, str]:
        return {}

    def listed(self) -> Sequence[str]:
        return ()

    @property
    def account_headers(self) -> tuple[bytes, ...]:
        return ()

    @property
    def idempotency_header(self) -> bytes | None:
        return None

    @property
    def key_terms(self) -> frozenset[str]:
        return frozenset()

    @property
    def sdk_takes_402_for_a_decline(self) -> bool:
        return False

    @property
    def prices_date(self) -> str:
        return ""

    def with_prices(self, table: str) -> Vendor:
        raise PriceTableMistake("this vendor has no table of prices")

    def alias(self, key_id: str) -> str:
        return ""

    def own_path(
        self, path: str, product: str, account: str, names: Collection[str], others: Collection[str]
    ) -> tuple[str, str]:
        return path, ""

    @property
    def link_bytes_max(self) -> int:
        return 0

    def relink(self, text: bytes, links: Links) -> bytes:
        return text

    def idempotent(self, operation: Operation) -> bool:
        return False

    def stream(self, operation: Operation, sent: Sent) -> StreamReader | None:
        return None

    def cancellation(self, object_id: str) -> str | None:
        return None

    def shown_micros(self, answer: Answer, rates: Rates) -> int:
        return 0

    def object_lookup(self, object_id: str) -> Lookup | None:
        return None

    def reread(
        self, object_id: str, rate: Rate | None, counted_micros: int, answer: Answer
    ) -> Outcome:
        return Outcome(End.IN_DOUBT, why="objects of this vendor hold no money between calls")

    def trace(self, reading: Reading) -> str:
        return ""

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
        return None
