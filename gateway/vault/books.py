"""What this wing asks of the ledger: accounts, and records of its own that are as durable as a
hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ledger import BudgetTerms, Note, Standing


class Books(Protocol):
    """The part of `ledger.Ledger` that keys and issuers stand on. All but `notes`, `noted` and
    `standing` return once what they wrote is on disk, and raise JournalFull or JournalUnavailable
    when it could not be."""

    async def open_account(
        self, terms: BudgetTerms, *, parent: int | None = None, notes: Sequence[Note] = ()
    ) -> int: ...

    async def amend_account(
        self, account_id: int, terms: BudgetTerms, *, notes: Sequence[Note] = ()
    ) -> None: ...

    async def top_up(
        self,
        account_id: int,
        amount_micros: int,
        *,
        day: int,
        until_us: int | None,
        notes: Sequence[Note] = (),
    ) -> None: ...

    async def note(self, notes: Sequence[Note], *, account_id: int | None = None) -> None: ...

    def notes(self, kind: str) -> Iterator[Note]: ...

    def noted(self, kind: str, name: str) -> bytes | None: ...

    def standing(self, account_id: int, now_us: int) -> Standing: ...
