"""Entries on their way to the disk together, and what whoever waits for them is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ledger import codec
from ledger.errors import CannotRecord, JournalFull, JournalUnavailable
from ledger.hold import Hold
from ledger.store import Store
from ledger.verdict import Durability, Verdict

if TYPE_CHECKING:
    from ledger.journal import Journal


class Batch:
    """Entries that become durable together. holds: those among them that would be taken back.
    heir: after a FULL, the batch that what was kept went into. checkpoint: a row of such, and mark
    says which (`ledger.chain.Row`). begins: the row that is written in its place after a FULL."""

    __slots__ = (
        "_journal",
        "begins",
        "checkpoint",
        "done",
        "heir",
        "holds",
        "mark",
        "parts",
        "urgent",
    )

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop) -> None:
        self._journal = journal
        self.parts: list[bytes] = []
        self.holds: list[tuple[int, Hold]] = []
        self.done = Durability(loop=loop)
        self.heir: Batch | None = None
        self.urgent = False
        self.checkpoint = False
        self.mark = 0
        self.begins: Callable[[], bytes] | None = None

    async def durable(self) -> None:
        """Wait until what was booked is on disk. Raises JournalFull if there is no room even with
        the reserve (it stays applied, and queued), and JournalUnavailable."""
        verdict = await self.settled()
        if verdict is not Verdict.DURABLE:
            raise no_from(verdict)

    async def settled(self) -> Verdict:
        """What became of it, after one more attempt where there was no room."""
        self._journal.hurry(self)
        verdict = await self.done
        heir = self.heir
        if heir is not None and heir.parts:
            self._journal.hurry(heir)
            verdict = await heir.done
        return verdict

    def write(self, store: Store) -> None:
        """On the journal's thread."""
        if self.checkpoint:
            store.append(self.mark, self.parts[0])
        else:
            store.append(len(self.parts), codec.body_of(self.parts))


def no_from(verdict: Verdict) -> CannotRecord:
    """A verdict as an exception."""
    if verdict is Verdict.FULL:
        return JournalFull("no room on the ledger's disk")
    return JournalUnavailable("the ledger's journal does not answer")
